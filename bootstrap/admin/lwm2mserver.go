package admin

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An LwM2MServer is an LwM2M Server that is told of accounts, as an operator sees it. Its secrets are
// absent unless asked for.
type LwM2MServer struct {
	Name      string                `json:"name"`
	Revision  store.Revision        `json:"revision"`
	Kind      store.LwM2MServerKind `json:"kind"`
	Address   string                `json:"address"`
	Arguments []string              `json:"arguments,omitempty"`
	User      string                `json:"user,omitempty"`
	Domain    string                `json:"domain,omitempty"`

	HasSecret bool   `json:"hasSecret"`
	HasFormer bool   `json:"hasFormerSecret"`        // of a webhook, which signs with both
	Secret    string `json:"secret,omitempty"`       // of a webhook as whsec_…, else as it is
	Former    string `json:"formerSecret,omitempty"` // in the same form

	Headers        map[string]string `json:"headers,omitempty"` // the values are empty unless asked for
	CAs            []CA              `json:"cas,omitempty"`
	Timeout        store.Duration    `json:"timeout"`
	AllowLinkLocal bool              `json:"allowLinkLocal,omitempty"`
	DeviceURI      string            `json:"deviceURI,omitempty"` // where devices reach it
	Weight         int               `json:"weight"`              // its share of devices
	Draining       bool              `json:"draining,omitempty"`  // devices are assigned others
	Rate           int               `json:"rate,omitempty"`      // devices a second; zero for no limit
	Note           string            `json:"note,omitempty"`

	// KeepOnDelete is whether it keeps a device that is deleted, is disabled or does not use it any more.
	KeepOnDelete bool `json:"keepOnDelete,omitempty"`

	// Events are what it is told of beside accounts.
	Events []store.EventType `json:"events,omitempty"`

	// Profiles are those with an account that is handed over to it.
	Profiles []string `json:"profiles"`

	// Outbox is what it is still to be told; absent where there is nothing, and in answers to edits.
	Outbox *OutboxReceiver `json:"outbox,omitempty"`

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// Warnings are what could be better about it; told by edits only.
	Warnings []string `json:"warnings,omitempty"`
}

// LwM2MServerSettings are what an edit of an LwM2M Server changes: whatever is not nil or false.
type LwM2MServerSettings struct {
	Kind      *store.LwM2MServerKind `json:"kind,omitempty"` // of a new one only
	Address   *string                `json:"address,omitempty"`
	Arguments *[]string              `json:"arguments,omitempty"`
	User      *string                `json:"user,omitempty"`
	Domain    *string                `json:"domain,omitempty"`

	// Secret becomes the password, the API key or, in bytes, what a webhook signs with; GenerateSecret
	// makes one for a webhook, which the answer has. The one that a webhook had signs, too, until
	// DropFormer.
	Secret         []byte `json:"secret,omitempty"`
	GenerateSecret bool   `json:"generateSecret,omitempty"`
	DropFormer     bool   `json:"dropFormerSecret,omitempty"`

	// Headers are set; one with nil is removed.
	Headers map[string]*string `json:"headers,omitempty"`

	CAs            *[][]byte       `json:"cas,omitempty"` // certificates, DER; none for those of the system
	Timeout        *store.Duration `json:"timeout,omitempty"`
	AllowLinkLocal *bool           `json:"allowLinkLocal,omitempty"`
	DeviceURI      *string         `json:"deviceURI,omitempty"`
	Weight         *int            `json:"weight,omitempty"`
	Draining       *bool           `json:"draining,omitempty"`
	Rate           *int            `json:"rate,omitempty"`
	Note           *string         `json:"note,omitempty"`

	KeepOnDelete *bool              `json:"keepOnDelete,omitempty"`
	Events       *[]store.EventType `json:"events,omitempty"`
}

// generatedWebhookSecret is the length of a secret that is made here, in bytes.
const generatedWebhookSecret = 32

// AddLwM2MServer implements [API].
func (l *Local) AddLwM2MServer(ctx context.Context, name string, set LwM2MServerSettings) (LwM2MServer, error) {
	if set.Kind == nil || set.Address == nil && *set.Kind != store.KindNone {
		return LwM2MServer{}, fmt.Errorf("LwM2M Server %q: %w: it needs a kind and an address", name, store.ErrInvalid)
	}
	if *set.Kind == store.KindWebhook && len(set.Secret) == 0 {
		set.GenerateSecret = true
	}
	return l.putLwM2MServer(ctx, store.LwM2MServer{Name: name, Kind: *set.Kind}, set)
}

// SetLwM2MServer implements [API].
func (l *Local) SetLwM2MServer(ctx context.Context, name string, rev store.Revision, set LwM2MServerSettings) (LwM2MServer, error) {
	read := func() (store.LwM2MServer, store.Revision, error) {
		s, err := l.Store.LwM2MServer(ctx, name)
		return s, s.Revision, err
	}
	return revise(fmt.Sprintf("LwM2M Server %q", name), rev, read, func(s store.LwM2MServer) (LwM2MServer, error) {
		if set.Kind != nil && *set.Kind != s.Kind {
			return LwM2MServer{}, fmt.Errorf("LwM2M Server %q: %w: its kind is %s, and stays: add another one", name, store.ErrInvalid, s.Kind)
		}
		return l.putLwM2MServer(ctx, s, set)
	})
}

// putLwM2MServer applies set to s, checks and keeps it. A secret that was made is in the answer.
func (l *Local) putLwM2MServer(ctx context.Context, s store.LwM2MServer, set LwM2MServerSettings) (LwM2MServer, error) {
	if err := set.apply(&s); err != nil {
		return LwM2MServer{}, fmt.Errorf("LwM2M Server %q: %w", s.Name, err)
	}
	if err := l.assignable(ctx, s, set); err != nil {
		return LwM2MServer{}, err
	}
	kept, err := l.Store.PutLwM2MServer(ctx, s)
	if err != nil {
		return LwM2MServer{}, err
	}
	v, err := l.lwm2mServerView(ctx, kept, false)
	if set.GenerateSecret {
		v.Secret = store.FormatWebhookSecret(kept.Secret)
	}
	v.Warnings = lwm2mServerWarnings(kept)
	return v, err
}

// apply changes s.
func (set LwM2MServerSettings) apply(s *store.LwM2MServer) error {
	assign(&s.Address, set.Address)
	assign(&s.Arguments, set.Arguments)
	assign(&s.User, set.User)
	assign(&s.Domain, set.Domain)
	assign(&s.CAs, set.CAs)
	assign(&s.Timeout, set.Timeout)
	assign(&s.AllowLinkLocal, set.AllowLinkLocal)
	assign(&s.DeviceURI, set.DeviceURI)
	assign(&s.Weight, set.Weight)
	assign(&s.Draining, set.Draining)
	assign(&s.Rate, set.Rate)
	assign(&s.Note, set.Note)
	assign(&s.Events, set.Events)
	if set.KeepOnDelete != nil {
		s.OnDelete = map[bool]store.OnDelete{true: store.OnDeleteKeep, false: store.OnDeleteTell}[*set.KeepOnDelete]
	}
	s.Headers = maps.Clone(s.Headers)
	for name, value := range set.Headers {
		name = http.CanonicalHeaderKey(name)
		switch {
		case value == nil:
			delete(s.Headers, name)
		case s.Headers == nil:
			s.Headers = map[string]lwm2m.Secret{name: lwm2m.NewSecret([]byte(*value))}
		default:
			s.Headers[name] = lwm2m.NewSecret([]byte(*value))
		}
	}
	return set.applySecret(s)
}

func (set LwM2MServerSettings) applySecret(s *store.LwM2MServer) error {
	secret := set.Secret
	if set.GenerateSecret {
		switch {
		case s.Kind != store.KindWebhook:
			return fmt.Errorf("%w: only the secret of a webhook is made here", store.ErrInvalid)
		case len(secret) > 0:
			return fmt.Errorf("%w: a secret is either given or generated", store.ErrInvalid)
		}
		secret = make([]byte, generatedWebhookSecret)
		_, _ = rand.Read(secret) // which never fails
	}
	if set.DropFormer {
		s.Former = lwm2m.Secret{}
	}
	if len(secret) == 0 {
		return nil
	}
	if s.Kind == store.KindWebhook && s.Secret.Len() > 0 {
		if s.Former.Len() > 0 {
			return fmt.Errorf("%w: it has two secrets: drop the former one when all receivers have the present one", store.ErrInvalid)
		}
		s.Former = s.Secret
	}
	s.Secret = lwm2m.NewSecret(secret)
	return nil
}

// lwm2mServerWarnings are what could be better about s.
func lwm2mServerWarnings(s store.LwM2MServer) (out []string) {
	if u, err := url.Parse(s.Address); s.Kind.OverHTTP() && err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		out = append(out, "its address is http: keys are sent to it in clear, for everybody on the way to read")
	}
	if s.AllowLinkLocal {
		out = append(out, "it may be on the link, or a metadata service of a cloud")
	}
	return out
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// LwM2MServer implements [API].
func (l *Local) LwM2MServer(ctx context.Context, name string, reveal bool) (LwM2MServer, error) {
	s, err := l.Store.LwM2MServer(ctx, name)
	if err != nil {
		return LwM2MServer{}, err
	}
	v, err := l.lwm2mServerView(ctx, s, reveal)
	if err != nil {
		return v, err
	}
	receivers, err := l.OutboxReceivers(ctx)
	for i, r := range receivers {
		if r.Receiver == name && r.Queued+r.Dead+r.Lost > 0 {
			v.Outbox = &receivers[i]
		}
	}
	return v, err
}

// LwM2MServers implements [API].
func (l *Local) LwM2MServers(ctx context.Context) ([]LwM2MServer, error) {
	all, err := l.Store.LwM2MServers(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]LwM2MServer, 0, len(all))
	users, err := l.handingOver(ctx)
	for _, s := range all {
		out = append(out, viewOfServer(s, users[s.Name], false))
	}
	return out, err
}

// DeleteLwM2MServer implements [API].
func (l *Local) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	err := l.Store.DeleteLwM2MServer(ctx, name, rev)
	if err == nil && l.HandOver != nil {
		l.HandOver.Forget(name)
	}
	return err
}

// TestLwM2MServer implements [API].
func (l *Local) TestLwM2MServer(ctx context.Context, name string) (LwM2MServerTest, error) {
	if _, err := l.Store.LwM2MServer(ctx, name); err != nil {
		return LwM2MServerTest{}, err
	}
	began := time.Now()
	err := l.HandOver.Test(ctx, name)
	t := LwM2MServerTest{Took: time.Since(began)}
	if err != nil {
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		t.Failure = err.Error()
	}
	return t, nil
}

// An LwM2MServerTest is how a test of an LwM2M Server ended.
type LwM2MServerTest struct {
	Failure string        `json:"failure,omitempty"` // empty where it succeeded; without secrets
	Took    time.Duration `json:"took"`
}

func (l *Local) lwm2mServerView(ctx context.Context, s store.LwM2MServer, reveal bool) (LwM2MServer, error) {
	users, err := l.handingOver(ctx)
	return viewOfServer(s, users[s.Name], reveal), err
}

// handingOver returns the profiles that hand accounts over, by the server.
func (l *Local) handingOver(ctx context.Context) (map[string][]string, error) {
	users := make(map[string][]string)
	q := store.ProfileQuery{Limit: scanPage}
	for {
		page, err := l.Store.Profiles(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			for _, a := range p.Accounts {
				for _, name := range a.ServerNames() {
					if !slices.Contains(users[name], p.Name) {
						users[name] = append(users[name], p.Name)
					}
				}
			}
		}
		if len(page) < q.Limit {
			return users, nil
		}
		q.After = page[len(page)-1].Name
	}
}

func viewOfServer(s store.LwM2MServer, users []string, reveal bool) LwM2MServer {
	v := LwM2MServer{
		Name: s.Name, Revision: s.Revision, Kind: s.Kind, Address: s.Address, Arguments: s.Arguments, User: s.User, Domain: s.Domain,
		HasSecret: s.Secret.Len() > 0, HasFormer: s.Former.Len() > 0, Timeout: store.Duration(s.HandOverTimeout()),
		AllowLinkLocal: s.AllowLinkLocal, KeepOnDelete: s.OnDelete == store.OnDeleteKeep, Events: s.Events, DeviceURI: s.DeviceURI, Weight: max(s.Weight, 1), Draining: s.Draining, Rate: s.Rate, Note: s.Note, Profiles: append([]string{}, users...), Created: s.Created, Updated: s.Updated,
	}
	show := func(secret lwm2m.Secret) string {
		if s.Kind == store.KindWebhook && secret.Len() > 0 {
			return store.FormatWebhookSecret(secret)
		}
		return string(secret.Reveal())
	}
	if reveal {
		v.Secret, v.Former = show(s.Secret), show(s.Former)
	}
	for name, value := range s.Headers {
		if v.Headers == nil {
			v.Headers = make(map[string]string)
		}
		v.Headers[name] = ""
		if reveal {
			v.Headers[name] = string(value.Reveal())
		}
	}
	for _, der := range s.CAs {
		v.CAs = append(v.CAs, viewOfCA(der))
	}
	return v
}
