package input

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Pair reads a certificate with its chain, and its key. A key that other users can read is an
// error.
func Pair(ctx context.Context, file, keyFile string) (tls.Certificate, error) {
	info, err := os.Stat(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return tls.Certificate{}, fmt.Errorf("key %s can be read by others (mode %04o): chmod 600 %s", keyFile, mode, keyFile)
	}
	chain, err1 := certificatesInPEM(ctx, file)
	key, err2 := PrivateKeyFile(ctx, keyFile)
	if err := errors.Join(err1, err2); err != nil {
		return tls.Certificate{}, err
	}
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return c, fmt.Errorf("certificate %s with key %s: %s", file, keyFile, strings.TrimPrefix(err.Error(), "tls: "))
	}
	if err := checkStrength(c.PrivateKey); err != nil {
		return c, fmt.Errorf("key %s: %w", keyFile, err)
	}
	return c, nil
}

// certificatesInPEM returns the certificates in a file as PEM, and nothing else of it.
func certificatesInPEM(ctx context.Context, file string) (out []byte, err error) {
	found, err := Certificates(ctx, file)
	for _, c := range found {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out, err
}

// checkStrength reports a key that is weaker than Transport 1.1.1 permits.
func checkStrength(key crypto.PrivateKey) error {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve.Params().BitSize < 256 {
			return fmt.Errorf("its curve %s has less than 256 bits", k.Curve.Params().Name)
		}
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return fmt.Errorf("RSA with %d bits is less than 2048", k.N.BitLen())
		}
	}
	return nil
}
