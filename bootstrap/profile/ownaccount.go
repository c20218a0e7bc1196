package profile

import (
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// defaultHoldOff of a Bootstrap-Server Account: what Leshan writes.
const defaultHoldOff = time.Second

// An ownAccount is the Bootstrap-Server Account that a session gives to a client.
type ownAccount struct {
	uri        string
	credential store.Credential
}

// confirmCredential makes the pending credential that a device authenticated with its credential,
// and drops the one that it replaces. Only then is it certain that the device does not use the old
// one again: a client that refuses Finish goes back to the account that it had. Until then both
// are accepted, so that no session can lock the device out.
func confirmCredential(d *store.Device, came Arrival) (note string) {
	used := CredentialOf(*d, came)
	if used == nil || !used.Pending {
		return ""
	}
	var kept []store.Credential
	dropped := ""
	for _, c := range d.Credentials {
		switch {
		case c.Kind != store.CredentialPSK:
		case c.Identity == used.Identity:
			c.Pending, c.Replaces = false, ""
		case c.Identity == used.Replaces:
			dropped = c.Identity
			continue
		case c.Pending && c.Replaces == used.Replaces: // the device never used it
			continue
		}
		kept = append(kept, c)
	}
	d.Credentials = kept
	note = fmt.Sprintf("the device came with its new bootstrap credential %q", identityShown(used.Identity))
	if dropped != "" {
		note += fmt.Sprintf("; %q is no longer accepted", identityShown(dropped))
	}
	return note
}

// noteGroupKey notes in the record with which key of its group a device has come, which is the first
// that is tried when it comes again.
func noteGroupKey(d *store.Device, came Arrival) (note string) {
	i := slices.IndexFunc(d.Credentials, func(c store.Credential) bool {
		return c.Kind == store.CredentialPSK && c.Group != "" && c.Identity == came.Identity && came.Secure
	})
	if i < 0 || came.GroupKey == 0 || d.Credentials[i].GroupKey == came.GroupKey {
		return ""
	}
	d.Credentials = slices.Clone(d.Credentials)
	d.Credentials[i].GroupKey = came.GroupKey
	return fmt.Sprintf("the device came with a key derived from key %d of group %q", came.GroupKey, d.Group)
}

// noteExpiry notes when the certificate expires that a device has come with.
func noteExpiry(d *store.Device, came Arrival) (changed bool) {
	if came.Certificate == nil {
		return false
	}
	print, expires := store.Fingerprint(came.Certificate.Raw), came.Certificate.NotAfter.UTC()
	own := slices.IndexFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == store.CredentialCertificate && c.Identity == print })
	if own < 0 { // a CA issued it for a name
		own = slices.IndexFunc(d.Credentials, func(c store.Credential) bool {
			return c.Kind == store.CredentialCertificateName && slices.Contains(namesIn(came.Certificate), c.Identity)
		})
	}
	if own < 0 || d.Credentials[own].Expires.Equal(expires) {
		return false
	}
	d.Credentials = slices.Clone(d.Credentials)
	d.Credentials[own].Expires = expires
	return true
}

// namesIn are the names in a certificate.
func namesIn(c *x509.Certificate) []string {
	names := slices.Concat([]string{c.Subject.CommonName}, c.DNSNames, c.EmailAddresses)
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return names
}

// identityShown is a PSK identity for people.
func identityShown(identity string) string {
	return outcome.Printable(store.IdentityText([]byte(identity)), outcome.MaxIdentity)
}

// CredentialOf is the credential of d that its client authenticated with; nil where it is
// no pre-shared key.
func CredentialOf(d store.Device, came Arrival) *store.Credential {
	if !came.Secure || came.Identity == "" {
		return nil
	}
	i := slices.IndexFunc(d.Credentials, func(c store.Credential) bool {
		return c.Kind == store.CredentialPSK && c.Identity == came.Identity
	})
	if i < 0 {
		return nil
	}
	c := d.Credentials[i]
	return &c
}

// nextAccount decides which Bootstrap-Server Account a device is given, nil for none, and reports
// whether it added a credential to d for that. One that is pending already is used again: the
// device may have accepted it without the server knowing, and must not be given a third.
func nextAccount(p store.Profile, d *store.Device, came Arrival, rand io.Reader) (own *ownAccount, changed bool, err error) {
	b := p.BootstrapServer
	if b == nil || !came.Secure {
		return nil, false, nil
	}
	uri, err := render(b.URI, d)
	if err != nil {
		return nil, false, fmt.Errorf("bootstrapServer.uri: %w", err)
	}
	used := CredentialOf(*d, came)
	if used != nil && keeps(p, *d, *used) {
		if used.URI == uri {
			return nil, false, nil
		}
		return &ownAccount{uri, *used}, false, nil
	}
	next, changed, err := pendingCredential(*b, d, used, uri, rand)
	return &ownAccount{uri, next}, changed, err
}

// keeps reports whether a device keeps the credential that it authenticated with.
func keeps(p store.Profile, d store.Device, used store.Credential) bool {
	b := p.BootstrapServer
	if used.Group != "" { // the record does not have the key that would be written
		return false
	}
	switch b.Key {
	case store.KeyRenew:
		return false
	case store.KeySupplied:
		return used.Key.Equal(d.Accounts[store.BootstrapServerAccount].Key)
	}
	if !used.Rotate.IsZero() || tooOld(p, used.Created, d.Created, time.Now()) {
		return false
	}
	return used.URI != "" // it was given here
}

// pendingCredential returns the credential that replaces used, nil for one that is no
// pre-shared key, and adds it to d where it is new.
func pendingCredential(b store.BootstrapServer, d *store.Device, used *store.Credential, uri string, rand io.Reader) (next store.Credential, changed bool, err error) {
	replaces := ""
	if used != nil {
		replaces = used.Identity
	}
	supplied := d.Accounts[store.BootstrapServerAccount].Key
	credentials := slices.Clone(d.Credentials) // others may hold it
	for i, c := range credentials {
		if !c.Pending || c.Replaces != replaces || b.Key == store.KeySupplied && !c.Key.Equal(supplied) {
			continue
		}
		if c.URI != uri {
			credentials[i].URI, changed = uri, true
			d.Credentials = credentials
		}
		return credentials[i], changed, nil
	}
	key := supplied
	if b.Key != store.KeySupplied {
		if key, err = generateKey(b.KeyLength, rand); err != nil {
			return next, false, fmt.Errorf("generate key of the Bootstrap-Server Account: %w", err)
		}
	}
	base, err := ownIdentity(b, *d)
	if err != nil {
		return next, false, fmt.Errorf("bootstrapServer.identity: %w", err)
	}
	next = store.Credential{
		Kind: store.CredentialPSK, Identity: freeIdentity(base, d.Credentials), Key: key,
		Created: time.Now().UTC(), Pending: true, Replaces: replaces, URI: uri,
	}
	d.Credentials = append(credentials, next)
	return next, true, nil
}

// ownIdentity is the PSK identity of a device towards its Bootstrap-Server: of the
// device record, else of the profile, else the endpoint name.
func ownIdentity(b store.BootstrapServer, d store.Device) (string, error) {
	text := d.Accounts[store.BootstrapServerAccount].Identity
	switch {
	case text == "" && b.Identity == "":
		return string(d.Endpoint), nil
	case text == "":
		var err error
		if text, err = render(b.Identity, &d); err != nil {
			return "", err
		}
	}
	identity, err := store.IdentityBytes(text)
	return string(identity), err
}

// freeIdentity is base, with a number behind it where a credential has it already: the
// identity is all that tells a server which of two keys a client means.
func freeIdentity(base string, taken []store.Credential) string {
	identity := base
	for n := 2; slices.ContainsFunc(taken, func(c store.Credential) bool { return c.Identity == identity }); n++ {
		identity = fmt.Sprintf("%s-%d", base, n)
	}
	return identity
}

// sampleAccount is the Bootstrap-Server Account of a check, with a made-up key.
func sampleAccount(p store.Profile, d store.Device) (*ownAccount, []Finding) {
	b := p.BootstrapServer
	if b == nil {
		return nil, nil
	}
	var found []Finding
	fail := func(key string, err error) {
		if err != nil {
			found = append(found, templateFinding("bootstrapServer."+key, err))
		}
	}
	uri, err := render(b.URI, &d)
	fail("uri", err)
	identity, err := ownIdentity(*b, d)
	fail("identity", err)
	key := d.Accounts[store.BootstrapServerAccount].Key
	if b.Key != store.KeySupplied || key.IsZero() {
		key, _ = generateKey(sampleKeyLength(b.Key, b.KeyLength, p.Device), zeroes{})
	}
	return &ownAccount{uri, store.Credential{Identity: identity + "-2", Key: key}}, found
}

// instance is the Security Instance of the account; a plan assigns its ID.
func (own ownAccount) instance(id int, b store.BootstrapServer, ep lwm2m.EndpointName) *lwm2m.SecurityInstance {
	timeout := time.Duration(b.AccountTimeout)
	if timeout != 0 {
		timeout += spread(ep, "account time-out", b.AccountTimeoutSpread)
	}
	return &lwm2m.SecurityInstance{
		ID: lwm2m.InstanceID(id), ServerURI: own.uri, BootstrapServer: true, Mode: lwm2m.SecurityPSK,
		PublicKeyOrIdentity: []byte(own.credential.Identity), SecretKey: own.credential.Key,
		ClientHoldOffTime:             orDefault(b.ClientHoldOffTime, defaultHoldOff) + spread(ep, "hold off", b.ClientHoldOffSpread),
		BootstrapServerAccountTimeout: timeout,
	}
}

// given notes on d that the client has accepted the account.
func (own ownAccount) given(d *store.Device) (changed bool) {
	i := slices.IndexFunc(d.Credentials, func(c store.Credential) bool {
		return c.Kind == store.CredentialPSK && c.Identity == own.credential.Identity && c.Key.Equal(own.credential.Key)
	})
	if i < 0 {
		return false // an operator changed it meanwhile
	}
	if d.Credentials[i].URI != own.uri {
		d.Credentials = slices.Clone(d.Credentials)
		d.Credentials[i].URI, changed = own.uri, true
	}
	if supplied := d.Accounts[store.BootstrapServerAccount]; !supplied.Key.IsZero() && supplied.Key.Equal(own.credential.Key) {
		d.Accounts = withKeys(d.Accounts, store.BootstrapServerAccount, func(k *store.AccountKeys) { k.Delivered = time.Now() })
		changed = true
	}
	return changed
}

// note tells what the client was given.
func (own ownAccount) note() string {
	c := own.credential
	text := fmt.Sprintf("the device was given the Bootstrap-Server Account %s with the credential %q", own.uri, identityShown(c.Identity))
	if c.Pending && c.Replaces != "" {
		text += fmt.Sprintf("; until it comes with that, %q is accepted too", identityShown(c.Replaces))
	}
	return text
}
