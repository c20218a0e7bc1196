package why

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An inquiry gathers the answer to one why.
type inquiry struct {
	store Store
	live  Live
	limit int
	why   Answer

	device *store.Device   // nil for none
	own    []store.Session // of the device, with a proof, the newest first

	// What runs is looked up before the history is: a session that ends meanwhile is in one of the
	// two.
	running *store.Session  // of the device; nil for none
	active  []store.Session // all

	near  map[string][]store.NearDevice // by the name that they are near to
	whole string                        // the name or identity that the name is the beginning of; empty elsewhere
}

// note adds what is worth knowing beside the attempts.
func (i *inquiry) note(format string, args ...any) {
	i.why.Notes = append(i.why.Notes, fmt.Sprintf(format, args...))
}

func (i *inquiry) run(ctx context.Context) error {
	i.active, _ = i.live.RunningSessions(ctx)
	if err := i.resolve(ctx, i.why.Name); err != nil {
		return err
	}
	attempts, err := i.attempts(ctx)
	if err != nil {
		return err
	}
	if i.device == nil && len(attempts) == 0 {
		if attempts, err = i.beginning(ctx); err != nil {
			return err
		}
	}
	if err := i.noteGroup(ctx); err != nil {
		return err
	}
	for _, s := range attempts {
		r, err := i.explain(ctx, s)
		if err != nil {
			return err
		}
		i.why.Attempts = append(i.why.Attempts, r)
	}
	if i.device == nil {
		i.runningWith(i.asked())
		if err := i.explainRunning(ctx); err != nil {
			return err
		}
		if err := i.waiting(ctx); err != nil {
			return err
		}
	}
	if a, ok := addressOf(i.why.Name); ok && i.device == nil && len(attempts) == 0 {
		return i.fromAddress(ctx, a)
	}
	if i.device == nil {
		if len(i.why.Near) > 0 { // that begin with the name
			return nil
		}
		i.why.Near, err = i.nearTo(ctx, i.why.Name)
		return err
	}
	if s := i.running; s != nil {
		i.why.Running = &Reason{*s, explain.Session(*s)}
		if err := i.explainRunning(ctx); err != nil {
			return err
		}
	}
	if err := i.likely(ctx); err != nil {
		return err
	}
	return i.conclude(ctx)
}

// resolve finds the device that has the name, or an identity that is the name.
func (i *inquiry) resolve(ctx context.Context, name string) error {
	identity := name
	if b, err := store.IdentityBytes(identity); err == nil {
		identity = string(b)
	}
	d, err := i.store.Device(ctx, lwm2m.EndpointName(name))
	for _, kind := range []store.CredentialKind{store.CredentialPSK, store.CredentialCertificateName, store.CredentialCertificate} {
		if !errors.Is(err, store.ErrNotFound) {
			break
		}
		if d, err = i.store.DeviceByIdentity(ctx, kind, identity); err == nil {
			i.why.Identity = name
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	i.device, i.why.Endpoint = &d, d.Endpoint
	i.running = i.live.Running(d.Endpoint)
	i.own, err = i.store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: lastAttempts})
	return err
}

// attempts are the last ones that are to be explained, the newest first: of the device and
// under its name; and with its identities, as it may have come before it was added.
func (i *inquiry) attempts(ctx context.Context) ([]store.Session, error) {
	queries := []store.SessionQuery{{Endpoint: lwm2m.EndpointName(i.asked())}, {Identity: i.asked()}}
	if i.device != nil {
		queries[0].Endpoint = i.device.Endpoint
		for _, c := range i.device.Credentials {
			queries = append(queries, store.SessionQuery{Identity: outcome.IdentityShown(c.Identity)})
		}
	}
	var all []store.Session
	for _, q := range queries {
		if q.Endpoint == "" && q.Identity == "" {
			continue
		}
		q.Limit = i.limit + 1
		page, err := i.store.Sessions(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	newestFirst := func(a, b store.Session) int { return cmp.Compare(b.ID, a.ID) }
	slices.SortFunc(all, newestFirst)
	all = slices.CompactFunc(all, func(a, b store.Session) bool { return a.ID == b.ID })
	i.why.More = len(all) > i.limit
	all = all[:min(len(all), i.limit)]
	if len(i.own) > 0 && !slices.ContainsFunc(all, func(s store.Session) bool { return s.ID >= i.own[0].ID && i.isOwn(s) }) {
		all[len(all)-1] = i.own[0]
	}
	return all, nil
}

func (i *inquiry) isOwn(s store.Session) bool {
	return s.Endpoint == i.why.Endpoint && s.Proof.Counts()
}

// explain explains s by the records as they are now.
func (i *inquiry) explain(ctx context.Context, s store.Session) (Reason, error) {
	f, err := i.facts(ctx, s)
	return Reason{s, f.Explain(s)}, err
}

// facts are the records that s is about, as they are now.
func (i *inquiry) facts(ctx context.Context, s store.Session) (f explain.Facts, err error) {
	f.Looked = true
	if f.Device, err = i.deviceNow(ctx, s.Endpoint); err != nil {
		return f, err
	}
	if f.Device != nil {
		p, err := i.profileOf(ctx, f.Device.Profile)
		if err != nil {
			return f, err
		}
		if p.Name != "" {
			f.Profile = &p
		}
	}
	claimed, err := i.deviceNow(ctx, s.Claimed)
	if err != nil {
		return f, err
	}
	f.Claimed = claimed != nil
	if f.Pending, err = i.live.PendingDevice(ctx, s.Pending); err != nil {
		return f, err
	}
	if f.Holder, err = i.holderNow(ctx, s.Identity); err != nil {
		return f, err
	}
	if err := i.groupNow(ctx, s, &f); err != nil {
		return f, err
	}
	switch {
	case f.Group != nil && f.Device == nil: // whose names are all nearly the same
	case s.Cause == store.CauseIdentityUnknown && f.Holder == "":
		f.Near, err = i.nearTo(ctx, s.Identity)
	case s.Cause == store.CauseEndpointUnknown && s.Claimed == "" && f.Device == nil:
		f.Near, err = i.nearTo(ctx, string(s.Endpoint))
	}
	return f, err
}

// deviceNow is the record of ep, nil where there is none.
func (i *inquiry) deviceNow(ctx context.Context, ep lwm2m.EndpointName) (*store.Device, error) {
	if ep == "" {
		return nil, nil
	}
	d, err := i.store.Device(ctx, ep)
	if err != nil {
		return nil, unlessMissing(err)
	}
	return &d, nil
}

// holderNow is the device that has an identity, or the certificate of a fingerprint; empty
// where none has.
func (i *inquiry) holderNow(ctx context.Context, identity string) (lwm2m.EndpointName, error) {
	if identity == "" {
		return "", nil
	}
	for _, kind := range []store.CredentialKind{store.CredentialPSK, store.CredentialCertificate} {
		d, err := i.store.DeviceByIdentity(ctx, kind, identity)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return d.Endpoint, err
		}
	}
	return "", nil
}

// profileOf is the profile of this name; the zero Profile where there is none.
func (i *inquiry) profileOf(ctx context.Context, name string) (store.Profile, error) {
	p, err := i.store.Profile(ctx, name)
	return p, unlessMissing(err)
}

// unlessMissing is err, unless it says no more than that there is no such record.
func unlessMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// nearTo are devices that name may be meant for.
func (i *inquiry) nearTo(ctx context.Context, name string) (near []store.NearDevice, err error) {
	near, known := i.near[name]
	if !known {
		near, err = i.store.NearDevices(ctx, name, maxNear)
		i.near[name] = near
	}
	return near, err
}

// conclude adds what there is to say beside the attempts.
func (i *inquiry) conclude(ctx context.Context) error {
	if i.why.Identity != "" {
		i.note("%q is an identity of the device %q.", i.why.Identity, i.why.Endpoint)
	}
	st, err := i.live.Server(ctx)
	if err != nil {
		return err
	}
	if text := explain.Alternating(i.own); text != "" {
		i.note("%s", text)
	}
	i.qualify()
	shaking := i.shaking()
	switch {
	case i.why.Running == nil && len(i.why.Attempts) == 0 && shaking != "":
		i.why.Never = i.firstHandshake(shaking)
		return nil
	case i.why.Running == nil && len(i.why.Attempts) == 0:
		i.why.Never = i.never(st)
		return nil
	case shaking != "":
		i.note("%s", shaking)
	}
	if !st.Running {
		i.note("No server is running with this database (%s): until one is, devices cannot come.", st.Database)
	}
	return nil
}

// qualify takes back that there is nothing to do, where something came after the device was
// bootstrapped that may be the device in trouble.
func (i *inquiry) qualify() {
	at := slices.IndexFunc(i.why.Attempts, func(r Reason) bool { return i.isOwn(r.Session) })
	if at < 0 || !i.why.Attempts[at].Session.Cause.Success() {
		return
	}
	r := &i.why.Attempts[at]
	switch {
	case len(i.why.Likely) > 0:
		r.Remedy = "Since then there were attempts that may be this device's, below. If they are not: " + r.Remedy
	case at > 0:
		r.Remedy = "Since then there were attempts under its name, above. If they are not this device's: " + r.Remedy
	}
}

// never explains that nothing of the device was seen, as far as that is known.
func (i *inquiry) never(st Server) *explain.Explanation {
	ids := ""
	for _, c := range i.device.Credentials {
		if c.Identity != string(i.device.Endpoint) {
			ids += fmt.Sprintf(", nor with its identity %q", c.Identity)
		}
	}
	e := &explain.Explanation{
		Stage:    "nothing that is recorded",
		Happened: fmt.Sprintf("It was never seen by this database (%s): no session, failed handshake or refused request is recorded under its name%s.", st.Database, ids),
	}
	if st.Unrecorded > 0 {
		e.Happened += fmt.Sprintf(" Since the server was started, %d attempts have no records of their own, as unauthenticated peers made too many.", st.Unrecorded)
	}
	switch {
	case !st.Running:
		e.Remedy = "Start the server: none is running with this database. One that is running has another database, and what it sees is told there: give its --db or --admin."
	case len(i.why.Likely) > 0:
		e.Remedy = "See the attempts below, which may be the device's."
	default:
		e.Remedy = fmt.Sprintf("Check that the device's Bootstrap-Server address leads here (the server listens on %s since %s), its network, and the firewall for UDP in front of the server. What came under other names: lwbs session list --failed.",
			strings.Join(st.Listens, " and "), st.Started.UTC().Format(time.DateTime+" UTC"))
	}
	return e
}
