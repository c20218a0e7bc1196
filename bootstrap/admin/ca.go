package admin

import (
	"crypto/x509"
	"time"

	"lwbs/store"
)

// A CA is the certificate of a CA that a record has.
type CA struct {
	Subject     string    `json:"subject"`
	Fingerprint string    `json:"fingerprint"`
	Expires     time.Time `json:"expires"`
}

func viewOfCA(der []byte) CA {
	ca := CA{Fingerprint: store.Fingerprint(der)}
	if c, err := x509.ParseCertificate(der); err == nil {
		ca.Subject, ca.Expires = c.Subject.String(), c.NotAfter
	}
	return ca
}
