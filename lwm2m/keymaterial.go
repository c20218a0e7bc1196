package lwm2m

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Keys and certificates as tools write them, for Resources 0/x/3 and 0/x/5. No error here repeats any
// of their content.

// IsPEM reports whether text is PEM (RFC 7468).
func IsPEM(text []byte) bool { return bytes.Contains(text, []byte("-----BEGIN ")) }

// PrivateKeyDER returns the private key in b as PKCS#8 DER. It reads PKCS#8, SEC1 and PKCS#1, in DER or
// PEM. Other PEM blocks, such as certificates, are ignored.
func PrivateKeyDER(b []byte) ([]byte, error) {
	if !IsPEM(b) {
		return pkcs8(b)
	}
	var keys []*pem.Block
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, errEncryptedKey
			}
			keys = append(keys, block)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errEncryptedKey
		}
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("it has %d private keys; exactly one is needed", len(keys))
	}
	return pkcs8(keys[0].Bytes)
}

var errEncryptedKey = errors.New("the private key is encrypted: decrypt it first, such as with openssl pkcs8 -nocrypt -topk8")

// pkcs8 converts a private key in one of three forms of DER to PKCS#8.
func pkcs8(der []byte) ([]byte, error) {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return der, nil
	}
	var key any
	ec, err := x509.ParseECPrivateKey(der)
	if key = ec; err != nil {
		rsa, err := x509.ParsePKCS1PrivateKey(der)
		if key = rsa; err != nil {
			return nil, errors.New("it is no private key in PKCS#8, SEC1 or PKCS#1, neither PEM nor DER")
		}
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

// CertificateDER returns the one X.509 certificate in b, which is DER or PEM. Other PEM blocks, such as
// the private key, are ignored.
func CertificateDER(b []byte) ([]byte, error) {
	der, err := onlyBlock(b, "CERTIFICATE", "certificate")
	if err != nil {
		return nil, err
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return nil, errors.New("it is no X.509 certificate, neither PEM nor DER")
	}
	return der, nil
}

// PublicKeyDER returns the SubjectPublicKeyInfo in b, which is DER or PEM.
func PublicKeyDER(b []byte) ([]byte, error) {
	der, err := onlyBlock(b, "PUBLIC KEY", "public key")
	if err != nil {
		return nil, err
	}
	if _, err := x509.ParsePKIXPublicKey(der); err != nil {
		return nil, errors.New("it is no SubjectPublicKeyInfo, neither PEM nor DER")
	}
	return der, nil
}

// onlyBlock returns the content of the one PEM block of a type; b itself where it is not PEM.
func onlyBlock(b []byte, typ, what string) ([]byte, error) {
	if !IsPEM(b) {
		return b, nil
	}
	var found [][]byte
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == typ {
			found = append(found, block.Bytes)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("it has %d blocks with a %s; a Resource holds one", len(found), what)
	}
	return found[0], nil
}
