package profile

import (
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// An Arrival is how the client of a device came, as far as what it is given depends on it.
type Arrival struct {
	Secure   bool   // over DTLS
	Identity string // the PSK identity that it proved, raw; empty with another credential

	// Certificate is what the client came with; nil for none.
	Certificate *x509.Certificate

	// GroupKey is the ID of the key of its group that its pre-shared key follows from; zero for a
	// key of its own, and where that is unknown.
	GroupKey int
}

// A Provision is what one session gives: the records that it comes from, and what they
// resolve to.
type Provision struct {
	Device  store.Device
	Profile store.Profile
	Info    lwm2m.BootstrapInfo
	Edited  bool     // Device differs from the stored record: a key was made, or confirmed
	Notes   []string // of the history, about the keys
	Content string   // as [ContentOf] the Profile; where it is empty, Deliver finds it out

	own *ownAccount // the Bootstrap-Server Account in Info; nil where that stays
}

// Provide resolves what d is given under p. Keys that are still to be made come from rand; the
// Device of the Provision has them, and has to be kept before they are sent to the client. Objects
// are as for [Resolve].
//
// Where there is a failure, the client is given nothing, and the Provision is nil.
func Provide(p store.Profile, d store.Device, came Arrival, rand io.Reader, objects *object.Registry) (*Provision, *outcome.Failure) {
	renamed := AdoptRenamed(p, &d)
	now := time.Now().UTC()
	filled, err1 := FillKeys(p, &d, rand)
	renewed, err2 := renewKeys(p, &d, rand)
	rotated, err3 := rotateKeys(p, &d, rand, now)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, outcome.Failed(store.CauseInternal, "%v", err)
	}
	given := &Provision{Profile: p, Edited: renamed || filled || renewed || rotated}
	if note := confirmCredential(&d, came); note != "" {
		given.Edited, given.Notes = true, append(given.Notes, note)
	}
	if note := noteGroupKey(&d, came); note != "" {
		given.Edited, given.Notes = true, append(given.Notes, note)
	}
	if noteExpiry(&d, came) {
		given.Edited = true
	}
	own, added, err := nextAccount(p, &d, came, rand)
	if err != nil {
		return nil, outcome.Failed(templateCause(err), "%v", err)
	}
	given.Device, given.own, given.Edited = d, own, given.Edited || added
	info, findings := resolve(p, d, own, objects)
	if text := mistakes(findings); text != "" {
		cause := store.CausePlanInvalid
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.template }) {
			cause = store.CauseTemplateFailed
		}
		return nil, outcome.Failed(cause, "%s", text)
	}
	if !came.Secure && !p.SecretsOverNoSec && givesSecrets(p, info, objects) {
		return nil, outcome.Failed(store.CausePlanInvalid, "the device came over plain CoAP, and profile %q does not permit its secrets to be sent there: set secretsOverNoSec: true, or bring the device over DTLS", p.Name)
	}
	given.Info = info
	return given, nil
}

// Deliver notes on d, the record as it is now, that the client has accepted all: the keys that
// it was given are delivered, renewed ones are the active ones, and the credential of its
// Bootstrap-Server Account has the address that it was given with. It reports whether anything
// changed. A key that an operator replaced meanwhile stays as it is.
func (given *Provision) Deliver(d *store.Device) (changed bool) {
	changed = given.deliverKeys(d)
	if given.own != nil && given.own.given(d) {
		changed = true
	}
	return given.hold(d) || changed
}

// hold notes on d what the client holds now.
func (given *Provision) hold(d *store.Device) (changed bool) {
	p := given.Profile
	if given.Content == "" {
		given.Content = ContentOf(p)
	}
	holds := store.Holding{Profile: p.Name, Revision: p.Revision, Content: given.Content, Settings: given.Device.Settings, Since: time.Now().UTC()}
	if holds.Same(d.Holds) {
		return false
	}
	d.Holds = holds
	return true
}

// AccountNote tells of the Bootstrap-Server Account that the client was given; empty for none.
func (given *Provision) AccountNote() string {
	if given.own == nil {
		return ""
	}
	return given.own.note()
}

// deliverKeys marks the keys of accounts that the client was given.
func (given *Provision) deliverKeys(d *store.Device) (changed bool) {
	for i := range given.Profile.Accounts {
		a := &given.Profile.Accounts[i]
		sent := keyToSend(a, &given.Device)
		keys, ok := d.Accounts[a.Name]
		switch {
		case !ok || sent.IsZero() && a.OSCORE == nil:
			continue
		case !keys.MasterSecret.Equal(given.Device.Accounts[a.Name].MasterSecret):
			continue
		case sent.IsZero(): // a security context, and no key
		case keys.Pending.Equal(sent):
			keys.Key, keys.Pending, keys.KeyMade = sent, lwm2m.Secret{}, keys.PendingMade
		case !keys.Key.Equal(sent):
			continue
		}
		was := given.Device.Accounts[a.Name]
		if master := keys.PendingMaster; generatesMaster(a) && !master.IsZero() && master.Equal(was.PendingMaster) {
			keys.MasterSecret, keys.PendingMaster, keys.KeyMade = master, lwm2m.Secret{}, keys.PendingMade
		}
		if keys.Rotate.Equal(was.Rotate) { // else it was asked for meanwhile
			keys.Rotate = time.Time{}
		}
		keys.Delivered = time.Now()
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { *k = keys })
		changed = true
	}
	return changed
}

// mistakes joins the findings that end a session; empty where there is none.
func mistakes(findings []Finding) string {
	var texts []string
	for _, f := range findings {
		if !f.Warning && !f.lenient {
			texts = append(texts, f.String())
		}
	}
	return strings.Join(texts, "; ")
}

// givesSecrets reports whether info, resolved from p, has keys or other secrets in it.
func givesSecrets(p store.Profile, info lwm2m.BootstrapInfo, objects *object.Registry) bool {
	return hasSecrets(info) || len(suppliedSecrets(p, objects)) > 0
}

func hasSecrets(info lwm2m.BootstrapInfo) bool {
	for _, a := range info.Accounts {
		if !a.Security.SecretKey.IsZero() {
			return true
		}
	}
	return len(info.OSCORE) > 0 || info.BootstrapServer != nil
}
