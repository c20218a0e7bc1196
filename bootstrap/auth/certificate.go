package auth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A CertificateError says why the certificate of a client was refused.
type CertificateError struct {
	Cause  store.Cause
	Detail string // for the operator
}

// Error is the detail.
func (e *CertificateError) Error() string { return e.Detail }

// VerifyClient decides, for the handshake, about the certificates that a client sent, its
// own first, of which it has proved to have the key. Those that a device record names are
// good, and those that a trusted CA vouches for; which device it is, if any, shows with
// the request.
func (a *Authorizer) VerifyClient(ctx context.Context, chain []*x509.Certificate) *outcome.Failure {
	if len(chain) == 0 {
		return outcome.Failed(store.CauseCertificateMissing, "it has none, or none of a kind that it was asked for")
	}
	trust, now := a.Trust(), time.Now()
	_, err := a.Store.DeviceByIdentity(ctx, store.CredentialCertificate, store.Fingerprint(chain[0].Raw))
	switch {
	case errors.Is(err, store.ErrNotFound):
		_, f := trust.vouch(chain, now)
		if f != nil && isUntrusted(f) {
			f = a.vouchedByGroup(ctx, chain, f)
		}
		return f
	case err != nil:
		f := a.storeFault(err)
		return &f
	}
	return trust.check(chain[0], now)
}

// checkCertificate returns why a client with this certificate is not d. What was good in
// the handshake may have been revoked since.
func (a *Authorizer) checkCertificate(ctx context.Context, d store.Device, chain []*x509.Certificate) *outcome.Refusal {
	trust, now := a.Trust(), time.Now()
	leaf := chain[0]
	if Names(d, leaf) {
		if f := trust.check(leaf, now); f != nil {
			return outcome.Unacceptable(f.Cause, "%s", f.Detail)
		}
		return nil
	}
	ofGroup, why := a.groupName(ctx, d, chain)
	if ofGroup {
		return nil
	}
	paths, f := trust.vouch(chain, now)
	if f != nil && isUntrusted(f) && why != nil {
		f = why
	}
	if f != nil && isUntrusted(f) {
		return outcome.Unacceptable(store.CauseIdentityMismatch, "%s", a.ownerNote(ctx, Peer{Transport: store.TransportDTLS, Chain: chain}))
	}
	if f != nil {
		return outcome.Unacceptable(f.Cause, "%s", f.Detail)
	}
	names := trust.names(leaf, paths)
	if takesName(d, names) {
		return nil
	}
	detail := fmt.Sprintf("%s names %s; the record takes %s", certificateText(leaf), quoted(names), quoted(certificateNames(d)))
	if why := trust.ignoredName(leaf, paths); why != "" {
		detail += "; " + why
	}
	return outcome.Unacceptable(store.CauseCertificateName, "%s", detail)
}

// Names reports whether the record of d names a certificate.
func Names(d store.Device, c *x509.Certificate) bool {
	return hasCredential(d, store.CredentialCertificate, store.Fingerprint(c.Raw))
}

func hasCredential(d store.Device, kind store.CredentialKind, identity string) bool {
	return slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == kind && c.Identity == identity })
}

// takesName reports whether d may come with the certificate that a CA which the server trusts issued for
// one of these names. For the certificates of groups see groupName.
func takesName(d store.Device, names []string) bool {
	return slices.ContainsFunc(d.Credentials, func(c store.Credential) bool {
		return c.Kind == store.CredentialCertificateName && c.Group == "" && slices.Contains(names, c.Identity)
	})
}

// vouched reports whether a chain proves that its holder is d, by a name in it.
func (a *Authorizer) vouched(ctx context.Context, d store.Device, chain []*x509.Certificate) bool {
	if ofGroup, _ := a.groupName(ctx, d, chain); ofGroup {
		return true
	}
	trust := a.Trust()
	paths, f := trust.vouch(chain, time.Now())
	return f == nil && takesName(d, trust.names(chain[0], paths))
}

// certificateNames are the names for which d may come with the certificate of a CA.
func certificateNames(d store.Device) (names []string) {
	for _, c := range d.Credentials {
		if c.Kind == store.CredentialCertificateName {
			names = append(names, c.Identity)
		}
	}
	return names
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%q", outcome.Printable(name, outcome.MaxIdentity)))
	}
	return strings.Join(parts, ", ")
}

// certificateOwner finds the device that a certificate belongs to: the record that names it, else
// the first record whose certificate name is in it. The latter proves nothing unless a CA vouches
// for the certificate. The error is that of the store.
func (a *Authorizer) certificateOwner(ctx context.Context, chain []*x509.Certificate) (store.Device, error) {
	d, err := a.Store.DeviceByIdentity(ctx, store.CredentialCertificate, store.Fingerprint(chain[0].Raw))
	if !errors.Is(err, store.ErrNotFound) {
		return d, err
	}
	trust := a.Trust()
	paths, _ := trust.vouch(chain, time.Now())
	for _, name := range trust.names(chain[0], paths) {
		if !errors.Is(err, store.ErrNotFound) {
			break
		}
		d, err = a.Store.DeviceByIdentity(ctx, store.CredentialCertificateName, name)
	}
	return d, err
}

// claimant finds the device that a certificate seems to be about, for the history.
func (a *Authorizer) claimant(ctx context.Context, chain []*x509.Certificate) (store.Device, error) {
	d, err := a.certificateOwner(ctx, chain)
	for _, name := range a.Trust().names(chain[0], nil) {
		if !errors.Is(err, store.ErrNotFound) {
			break
		}
		d, err = a.Store.Device(ctx, lwm2m.EndpointName(name))
	}
	return d, err
}
