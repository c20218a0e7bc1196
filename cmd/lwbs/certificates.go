package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/store"
)

// none is what removes a setting that has several values.
const none = "none"

// listOrNone is the values of a repeated option, or no values for the word none.
func listOrNone(values []string) []string {
	if len(values) == 1 && values[0] == none {
		return []string{}
	}
	return values
}

// fingerprints reads the options about certificates to bootstrap with; nil where there
// are none.
func fingerprints(c *cli.Context) (*[]string, error) {
	if !c.IsSet("certificate") && !c.IsSet("certificate-fingerprint") {
		return nil, nil
	}
	out := []string{}
	for _, file := range c.StringSlice("certificate") {
		chain, err := readCertificates(file)
		if err != nil {
			return nil, err
		}
		out = append(out, store.Fingerprint(chain[0].Raw))
		fmt.Fprintf(c.App.ErrWriter, "read the certificate of %s, valid until %s\n", chain[0].Subject, chain[0].NotAfter.Format("2006-01-02"))
	}
	for _, text := range listOrNone(c.StringSlice("certificate-fingerprint")) {
		// OpenSSL prints pairs of capital digits with colons between them.
		out = append(out, strings.ToLower(strings.ReplaceAll(text, ":", "")))
	}
	return &out, nil
}

// readCertificates reads the certificates in a file, of which there is at least one: PEM,
// or one in DER. Other blocks of PEM, such as keys, are passed over.
func readCertificates(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	blocks := pemBlocks(text, "CERTIFICATE")
	if len(blocks) == 0 {
		blocks = [][]byte{text}
	}
	var out []*x509.Certificate
	for _, der := range blocks {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s is no certificate in PEM or DER: %w", file, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// pemBlocks are the contents of all blocks of one type.
func pemBlocks(text []byte, blockType string) (blocks [][]byte) {
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			return blocks
		}
		if b.Type == blockType {
			blocks = append(blocks, b.Bytes)
		}
	}
}
