package admin

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// applyCredentials changes what d bootstraps with, and reports whether it made a key for
// that. The kinds of credentials are independent of each other.
func (set DeviceSettings) applyCredentials(d *store.Device) (generated bool, err error) {
	had := d.Credentials
	if set.PSK != nil || set.NoPSK {
		d.Credentials = otherThan(had, store.CredentialPSK)
	}
	if set.PSK != nil {
		var c store.Credential
		if c, generated, err = set.PSK.credential(d.Endpoint); err != nil {
			return false, err
		}
		if i := slices.IndexFunc(had, func(old store.Credential) bool {
			return old.Kind == c.Kind && old.Identity == c.Identity && !old.Pending && old.Key.Equal(c.Key)
		}); i >= 0 {
			c = had[i] // it has this one since then
		}
		d.Credentials = append(d.Credentials, c)
	}
	if set.PSKIdentity != nil {
		if err := renameCredential(d, *set.PSKIdentity); err != nil {
			return false, err
		}
	}
	replace := func(kind store.CredentialKind, identities *[]string) {
		if identities == nil {
			return
		}
		had := d.Credentials
		d.Credentials = otherThan(had, kind)
		for _, id := range *identities {
			c := store.Credential{Kind: kind, Identity: id, Created: time.Now().UTC()}
			if i := slices.IndexFunc(had, func(old store.Credential) bool { return old.Kind == kind && old.Identity == id }); i >= 0 {
				c = had[i]
			}
			d.Credentials = append(d.Credentials, c)
		}
	}
	replace(store.CredentialCertificate, set.Certificates)
	replace(store.CredentialCertificateName, set.CertificateNames)
	if len(set.CertificateExpiries) > 0 {
		d.Credentials = slices.Clone(d.Credentials)
	}
	for i, c := range d.Credentials {
		if at, known := set.CertificateExpiries[c.Identity]; known && c.Kind == store.CredentialCertificate {
			d.Credentials[i].Expires = at.UTC()
		}
	}
	return generated, nil
}

// renameCredential gives the one pre-shared key of d another identity.
func renameCredential(d *store.Device, identity string) error {
	b, err := store.IdentityBytes(identity)
	if err != nil {
		return fmt.Errorf("%w: PSK identity: %w", store.ErrInvalid, err)
	}
	all := slices.Clone(d.Credentials)
	of := -1
	for i, c := range all {
		switch {
		case c.Kind != store.CredentialPSK:
		case of >= 0 || c.Pending:
			return fmt.Errorf("%w: it has several pre-shared keys: give the key for this identity too", store.ErrInvalid)
		case c.Group != "" && c.Identity != string(b):
			return fmt.Errorf("%w: its key is derived from that of group %q and its identity: give it a key of its own for another identity", store.ErrInvalid, c.Group)
		default:
			of = i
		}
	}
	if of < 0 {
		return fmt.Errorf("%w: it has no pre-shared key: give one for this identity", store.ErrInvalid)
	}
	all[of].Identity = string(b)
	d.Credentials = all
	return nil
}

// otherThan returns a copy of the credentials of other kinds.
func otherThan(credentials []store.Credential, kind store.CredentialKind) (kept []store.Credential) {
	for _, c := range credentials {
		if c.Kind != kind {
			kept = append(kept, c)
		}
	}
	return kept
}

// credential is what psk stands for in the record of a device, and whether its key was
// made here.
func (psk PSK) credential(ep lwm2m.EndpointName) (c store.Credential, generated bool, err error) {
	key, identity := psk.Key, psk.Identity
	if generated = len(key) == 0; generated {
		key = make([]byte, generatedKey)
		if _, err := rand.Read(key); err != nil {
			return c, false, fmt.Errorf("generate key: %w", err)
		}
	}
	if identity == "" {
		identity = string(ep)
	} else {
		b, err := store.IdentityBytes(identity)
		if err != nil {
			return c, false, fmt.Errorf("%w: PSK identity: %w", store.ErrInvalid, err)
		}
		identity = string(b)
	}
	return store.Credential{Kind: store.CredentialPSK, Identity: identity, Key: lwm2m.NewSecret(key), Created: time.Now().UTC()}, generated, nil
}
