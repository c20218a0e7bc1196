package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/auth"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
)

// tlsFlags are the options for certificates.
func tlsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "tls-cert", Usage: "authenticate to devices without a pre-shared key with the certificate in `FILE`, PEM, followed by those up to the CA; may be repeated: the server name selects one, the first is the default"},
		&cli.StringSliceFlag{Name: "tls-key", Usage: "the key of each --tls-cert, in `FILE`, PEM; other users must not be able to read it"},
		&cli.StringSliceFlag{Name: "tls-client-ca", Usage: "accept certificates that a CA in `FILE`, PEM, issued, for devices whose record permits it (device set --certificate-name)"},
		&cli.StringSliceFlag{Name: "tls-crl", Usage: "refuse the certificates on the revocation list in `FILE`, PEM or DER"},
		&cli.StringFlag{Name: "tls-endpoint-from", Value: "san-dns,san-uri,cn", Usage: "take the name of the device from these places in its certificate, `RULES` in their order: san-dns, san-uri, cn, serial-number (the last two only where there is no SAN, unless no other is named), each alone or as PLACE=REGEXP with a group (?P<name>...)"},
	}
}

// tlsFiles are the files with the certificates of a server.
type tlsFiles struct {
	certificates, keys []string // pairs
	cas, lists         []string
	rules              []auth.NameRule
}

// tlsFilesOf reads the options of tlsFlags.
func tlsFilesOf(c *cli.Context) (f tlsFiles, err error) {
	f.certificates, f.keys = c.StringSlice("tls-cert"), c.StringSlice("tls-key")
	f.cas, f.lists = c.StringSlice("tls-client-ca"), c.StringSlice("tls-crl")
	switch {
	case len(f.certificates) != len(f.keys):
		return f, command.Usagef("%d --tls-cert and %d --tls-key: each certificate has one key", len(f.certificates), len(f.keys))
	case len(f.certificates) == 0 && len(f.cas)+len(f.lists) > 0:
		return f, command.Usagef("--tls-client-ca and --tls-crl need --tls-cert: a device that authenticates with a certificate needs that of the server")
	case len(f.cas) == 0 && len(f.lists) > 0:
		return f, command.Usagef("--tls-crl needs --tls-client-ca: the list is signed by the CA")
	}
	if f.rules, err = auth.ParseNameRules(c.String("tls-endpoint-from")); err != nil {
		return f, command.Usagef("--tls-endpoint-from: %v", err)
	}
	return f, nil
}

// all returns all files, some of them perhaps twice.
func (f tlsFiles) all() (names []string) {
	for _, group := range [][]string{f.certificates, f.keys, f.cas, f.lists} {
		names = append(names, group...)
	}
	return names
}

// A tlsContent is the content of the files at one time.
type tlsContent struct {
	certificates []tls.Certificate
	trust        *auth.Trust
	cas          []*x509.Certificate
	all          []*x509.Certificate // our own and those of the CAs, but for what stands between
	revoked      int
	outdated     []string // lists that should have been replaced by newer ones
}

// load reads the files. Its error names every bad one.
func (f tlsFiles) load(ctx context.Context) (*tlsContent, error) {
	var errs []error
	content := new(tlsContent)
	for i := range f.certificates {
		c, err := input.Pair(ctx, f.certificates[i], f.keys[i])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		content.certificates = append(content.certificates, c)
		content.all = append(content.all, c.Leaf)
	}
	var cas []*x509.Certificate
	for _, file := range f.cas {
		found, err := input.CAs(ctx, file)
		errs = append(errs, err)
		cas = append(cas, found...)
	}
	content.cas, content.all = cas, append(content.all, cas...)
	var lists []*x509.RevocationList
	for _, file := range f.lists {
		found, err := input.RevocationLists(ctx, file, maxList)
		errs = append(errs, err)
		lists = append(lists, found...)
		for _, l := range found {
			content.revoked += len(l.RevokedCertificateEntries)
			if !l.NextUpdate.IsZero() && l.NextUpdate.Before(time.Now()) {
				content.outdated = append(content.outdated, file)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var err error
	content.trust, err = auth.NewTrust(cas, lists, f.rules)
	return content, err
}

// maxList is the largest list of revoked certificates that is read, in bytes.
const maxList = 64 << 20
