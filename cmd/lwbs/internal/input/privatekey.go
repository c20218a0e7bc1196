package input

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxKey is the largest file of one key or certificate that is read, in bytes.
const MaxKey = 64 << 10

// keyBlocks are the types of PEM blocks with a private key.
var keyBlocks = []string{"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"}

// PrivateKeyFile returns the private key in a file as one PEM block.
func PrivateKeyFile(ctx context.Context, file string) ([]byte, error) {
	b, err := ReadFile(ctx, "key", file, MaxKey)
	if err != nil {
		return nil, err
	}
	block, err := PrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	return pem.EncodeToMemory(block), nil
}

// PrivateKey finds the private key in the text of a file, or in DER.
func PrivateKey(b []byte) (*pem.Block, error) {
	plain, ok := PEMText(b)
	if !ok {
		return PrivateKeyInDER(b)
	}
	var others []string
	for rest := plain; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, errors.New("it is encrypted: openssl pkey -in FILE -out NEWFILE writes it without a passphrase")
		case block.Type == "OPENSSH PRIVATE KEY":
			return nil, errors.New("it is in the form of OpenSSH: give PEM of PKCS #8, SEC 1 or PKCS #1")
		case slices.Contains(keyBlocks, block.Type):
			return block, nil
		}
		others = append(others, block.Type)
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("it has %s, and no private key", strings.Join(others, ", "))
	}
	return nil, errors.New("the block of PEM in it is damaged: it may be cut off, or lack a line end")
}

// PrivateKeyInDER returns the private key in b, in PKCS #8, SEC 1 or PKCS #1.
func PrivateKeyInDER(b []byte) (*pem.Block, error) {
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	if _, err := x509.ParsePKCS8PrivateKey(b); err == nil {
		return &pem.Block{Type: keyBlocks[0], Bytes: b}, nil
	}
	if _, err := x509.ParseECPrivateKey(b); err == nil {
		return &pem.Block{Type: keyBlocks[1], Bytes: b}, nil
	}
	if _, err := x509.ParsePKCS1PrivateKey(b); err == nil {
		return &pem.Block{Type: keyBlocks[2], Bytes: b}, nil
	}
	if isPKCS12(b) {
		return nil, errors.New("it is PKCS #12: openssl pkcs12 -in FILE -nodes writes what is in it as PEM")
	}
	return nil, errors.New("it is no private key in PEM or DER")
}
