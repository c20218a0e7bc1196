package input

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Fingerprint reads a SHA-256 fingerprint as tools print it. OpenSSL prints "sha256
// Fingerprint=" and pairs of capital digits with colons between them.
func Fingerprint(text string) (string, error) {
	if _, behind, ok := strings.Cut(text, "="); ok {
		text = behind
	}
	sum, err := decodeHex(text)
	switch {
	case err != nil:
		return "", err
	case len(sum) == 20:
		return "", errors.New("40 hexadecimal digits are a SHA-1 fingerprint: give the SHA-256 fingerprint, which has 64")
	case len(sum) != sha256.Size:
		return "", fmt.Errorf("%d hexadecimal digits: a SHA-256 fingerprint has 64", 2*len(sum))
	}
	return hex.EncodeToString(sum), nil
}

// maxCertificates is the largest file of certificates that is read, in bytes.
const maxCertificates = 4 << 20

// Certificates reads the certificates in a file: PEM with at least one, or one in DER.
// Other PEM blocks, such as keys, are ignored.
func Certificates(ctx context.Context, file string) ([]*x509.Certificate, error) {
	b, err := ReadFile(ctx, "certificate", file, maxCertificates)
	if err != nil {
		return nil, err
	}
	ders, err := Blocks(b, "CERTIFICATE")
	if err != nil {
		return nil, fmt.Errorf("%s is no certificate in PEM or DER: %w", file, err)
	}
	var out []*x509.Certificate
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s is no certificate in PEM or DER: %s", file, strings.TrimPrefix(err.Error(), "x509: "))
		}
		out = append(out, c)
	}
	return out, nil
}

// Blocks returns the contents of all PEM blocks of one type in a file, or the whole file
// where it is not PEM.
func Blocks(b []byte, blockType string) (ders [][]byte, err error) {
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	plain, ok := PEMText(b)
	if !ok {
		if isPKCS12(b) {
			return nil, errors.New("it is PKCS #12: openssl pkcs12 -in FILE -nodes writes what is in it as PEM")
		}
		return [][]byte{b}, nil
	}
	var others []string
	for rest := plain; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != blockType {
			others = append(others, block.Type)
			continue
		}
		ders = append(ders, block.Bytes)
	}
	switch {
	case len(ders) > 0:
		return ders, nil
	case len(others) > 0:
		return nil, fmt.Errorf("it has %s, and no %s", strings.Join(others, ", "), blockType)
	}
	return nil, errors.New("the block of PEM in it is damaged: it may be cut off, or lack a line end")
}

// PEMText returns the text of a file, in whatever encoding, and whether it has a PEM block.
func PEMText(b []byte) (plain []byte, ok bool) {
	plain, _, err := UTF8(b)
	return plain, err == nil && bytes.Contains(plain, []byte("-----BEGIN"))
}

// isPKCS12 reports whether b begins as a PKCS #12 file: a sequence with version 3.
func isPKCS12(b []byte) bool {
	return len(b) > 8 && b[0] == 0x30 && bytes.Contains(b[:min(len(b), 9)], []byte{0x02, 0x01, 0x03, 0x30})
}
