package auth

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// vouchedByGroup returns nil where the CA of a group vouches for a chain, else why none does; of
// several reasons one that is not that the CA is unknown.
func (a *Authorizer) vouchedByGroup(ctx context.Context, chain []*x509.Certificate, unknown *outcome.Failure) *outcome.Failure {
	all, err := a.groups(ctx)
	if err != nil {
		f := a.storeFault(err)
		return &f
	}
	why := unknown
	for _, g := range all.All {
		t := all.trusts[g.Name]
		if t == nil {
			continue
		}
		_, f := t.vouch(chain, time.Now())
		if f == nil {
			return nil
		}
		if isUntrusted(why) {
			why = f
		}
	}
	if isUntrusted(why) {
		return unknown
	}
	return why
}

// isUntrusted reports whether a certificate was refused since no CA that is trusted has issued it.
func isUntrusted(f *outcome.Failure) bool {
	return f.Cause == store.CauseCertificateUnknown || f.Cause == store.CauseCertificateUntrusted
}

// certificateEnrolment is Enrolment for a peer with a certificate: the group is chosen among those
// with a CA that vouches for it.
func (a *Authorizer) certificateEnrolment(ctx context.Context, all *groups, chain []*x509.Certificate, ep lwm2m.EndpointName) (Enrolment, bool) {
	names := make(map[string][]string) // in the certificate, by the group whose CA vouches for it
	var tried []string
	for _, g := range all.All {
		t := all.trusts[g.Name]
		if t == nil {
			continue
		}
		paths, f := t.vouch(chain, time.Now())
		if f != nil {
			continue
		}
		names[g.Name] = t.names(chain[0], paths)
		for _, name := range names[g.Name] {
			if !slices.Contains(tried, name) {
				tried = append(tried, name)
			}
		}
	}
	for _, name := range tried {
		if ep != "" && name != string(ep) {
			continue
		}
		e, ok := a.enrolment(ctx, all, lwm2m.EndpointName(name), func(g store.Group) bool { return slices.Contains(names[g.Name], name) })
		if ok {
			e.Credential = store.Credential{Kind: store.CredentialCertificateName, Identity: name, Group: e.Group.Name, Created: time.Now().UTC()}
			return e, true
		}
	}
	return Enrolment{}, false
}

// groupName returns nil where the CA of the group of d vouches for a chain, for a name that the record
// takes for this group; else why not, which is nil too where the record takes no such name.
func (a *Authorizer) groupName(ctx context.Context, d store.Device, chain []*x509.Certificate) (proved bool, why *outcome.Failure) {
	all, err := a.groups(ctx)
	if err != nil {
		f := a.storeFault(err)
		return false, &f
	}
	for _, c := range d.Credentials {
		if c.Kind != store.CredentialCertificateName || c.Group == "" {
			continue
		}
		t := all.trusts[c.Group]
		if t == nil {
			continue
		}
		paths, f := t.vouch(chain, time.Now())
		if f == nil && slices.Contains(t.names(chain[0], paths), c.Identity) {
			return true, nil
		}
		if f != nil && !isUntrusted(f) {
			why = f
		}
	}
	return false, why
}
