package input

import (
	"context"
	"crypto/x509"
	"fmt"
)

// CAs reads the certificates of CAs from a file, PEM or DER.
func CAs(ctx context.Context, file string) ([]*x509.Certificate, error) {
	found, err := Certificates(ctx, file)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if !c.IsCA {
			return nil, fmt.Errorf("%s: the certificate of %s is no CA certificate: put the certificate of one device into its record, lwbs device set --certificate", file, c.Subject)
		}
	}
	return found, nil
}

// RevocationLists reads lists of revoked certificates from a file, PEM or DER, of at most limit bytes.
func RevocationLists(ctx context.Context, file string, limit int) (lists []*x509.RevocationList, err error) {
	text, err := ReadFile(ctx, "list of revoked certificates", file, limit)
	if err != nil {
		return nil, err
	}
	ders, err := Blocks(text, "X509 CRL")
	if err != nil {
		return nil, fmt.Errorf("%s is no list of revoked certificates in PEM or DER: %w", file, err)
	}
	for _, der := range ders {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, fmt.Errorf("%s is no list of revoked certificates in PEM or DER: %w", file, err)
		}
		lists = append(lists, l)
	}
	return lists, nil
}
