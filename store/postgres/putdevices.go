package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// A put is a device that is to be stored.
type put struct {
	base, next store.Device // as it was given, and as it is stored
	row        []byte       // of next
	err        error        // why it is not stored
}

// encode makes what of a put is stored.
func (p *put) encode(keyring *seal.Keyring) {
	if p.err = p.base.Validate(); p.err != nil {
		return
	}
	p.next = p.base.Clone()
	p.next.Revision++
	p.next.Updated = now()
	if p.base.Disabled { // it is told anew when it is enabled again
		p.next.HandedOver = nil
	}
	if p.base.Revision == 0 {
		p.next.Created = p.next.Updated
	}
	p.row, p.err = rows.EncodeDevice(keyring, p.next)
}

func (db *DB) encoded(ds ...store.Device) []put {
	puts := make([]put, len(ds))
	for i := range puts {
		puts[i].base = ds[i]
		puts[i].encode(db.keyring)
	}
	return puts
}

// PutDevice implements [store.Store].
func (db *DB) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	results, err := db.PutDevices(ctx, []store.Device{d})
	if err == nil {
		return results[0].Device, results[0].Err
	}
	return store.Device{}, fmt.Errorf("put device %q: %w", d.Endpoint, err)
}

// PutDevices implements [store.Store].
func (db *DB) PutDevices(ctx context.Context, ds []store.Device) ([]store.PutResult, error) {
	puts := db.encoded(ds...)
	if slices.ContainsFunc(puts, func(p put) bool { return p.err == nil }) {
		var after []put // which the edit makes anew each time
		err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			after = slices.Clone(puts)
			var o outgoing
			if err := tx.putAll(ctx, after, &o); err != nil {
				return err
			}
			return o.append(tx)
		})
		if err != nil {
			return nil, err
		}
		puts = after
	}
	results := make([]store.PutResult, len(puts))
	for i := range puts {
		if p := &puts[i]; p.err != nil {
			results[i].Err = fmt.Errorf("put device %q: %w", p.base.Endpoint, p.err)
		} else {
			results[i].Device = p.next
		}
	}
	return results, nil
}

// EndSession implements [store.Store].
func (db *DB) EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error) {
	fail := func(err error) (store.Device, error) {
		return store.Device{}, fmt.Errorf("end session %q of device %q: %w", s.ID, d.Endpoint, err)
	}
	encoded := db.encoded(d)
	if err := encoded[0].err; err != nil {
		return fail(err)
	}
	ended, err := db.encodeSession(s)
	if err != nil {
		return fail(err)
	}
	var puts []put // which the edit makes anew each time
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		puts = slices.Clone(encoded)
		var o outgoing
		history := newHistoryEdit([]sessionRow{ended})
		if err := tx.putAll(ctx, puts, &o, history.reads()...); err != nil || puts[0].err != nil {
			return cmpErr(err, puts[0].err)
		}
		if err := history.apply(ctx, tx, &o); err != nil {
			return err
		}
		return o.append(tx)
	})
	if err != nil {
		return fail(err)
	}
	return puts[0].next, nil
}

// cmpErr is the first error that is not nil.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// An identityKey is a credential as the index has it.
type identityKey struct{ kind, identity string }

// A putting decides which of several devices may be stored, one after the other.
type putting struct {
	tx *transaction

	first, last map[lwm2m.EndpointName]store.Device // before the edit, and after what was decided so far
	unreadable  map[lwm2m.EndpointName]error        // of those that are there
	rows        map[lwm2m.EndpointName][]byte       // that are to be written
	owners      map[identityKey]lwm2m.EndpointName  // after what was decided so far; empty for none
	profiles    map[string]bool                     // which are there
	groups      map[string]bool
	outgoing    *outgoing
}

// putAll stores those of puts that may be, and notes of the others why not. With the first round trip it runs more
// queries. The error is one that fails the whole.
func (tx *transaction) putAll(ctx context.Context, puts []put, o *outgoing, more ...cluster.Query) error {
	x := putting{
		tx: tx, outgoing: o, first: make(map[lwm2m.EndpointName]store.Device), last: make(map[lwm2m.EndpointName]store.Device), unreadable: make(map[lwm2m.EndpointName]error),
		rows: make(map[lwm2m.EndpointName][]byte), owners: make(map[identityKey]lwm2m.EndpointName), profiles: make(map[string]bool), groups: make(map[string]bool),
	}
	if err := x.read(ctx, puts, more); err != nil {
		return err
	}
	if err := x.lockNew(ctx, puts); err != nil {
		return err
	}
	for i := range puts {
		if p := &puts[i]; p.err == nil {
			if err := x.decide(ctx, p); err != nil {
				return err
			}
		}
	}
	x.write()
	return nil
}

// read reads and locks the records, and who has the identities.
func (x *putting) read(ctx context.Context, puts []put, more []cluster.Query) error {
	var names, kinds []string
	var identities [][]byte
	for i := range puts {
		if puts[i].err != nil {
			continue
		}
		names = append(names, string(puts[i].base.Endpoint))
		for _, c := range puts[i].base.Credentials {
			kinds, identities = append(kinds, string(c.Kind)), append(identities, []byte(c.Identity))
		}
	}
	queries := []cluster.Query{{
		SQL: "select endpoint, row from device where endpoint = any($1) order by endpoint for update", Args: []any{names},
		Row: func(r pgx.Rows) error {
			var ep string
			var row []byte
			if err := r.Scan(&ep, &row); err != nil {
				return err
			}
			d, err := x.tx.db.decodeDevice(ep, row)
			if name := lwm2m.EndpointName(ep); err != nil {
				x.unreadable[name] = err
			} else {
				x.first[name], x.last[name] = d, d
			}
			return nil
		},
	}}
	if len(kinds) > 0 {
		queries = append(queries, cluster.Query{
			SQL:  "select i.kind, i.identity, i.endpoint from identity i join unnest($1::text[], $2::bytea[]) as u (kind, identity) on i.kind = u.kind and i.identity = u.identity",
			Args: []any{kinds, identities},
			Row: func(r pgx.Rows) error {
				var kind, ep string
				var identity []byte
				err := r.Scan(&kind, &identity, &ep)
				x.owners[identityKey{kind, string(identity)}] = lwm2m.EndpointName(ep)
				return err
			},
		})
	}
	return x.tx.Read(ctx, append(queries, more...)...)
}

// lockNew reads and locks the profiles and groups that a device is to have and has not: they must stay.
func (x *putting) lockNew(ctx context.Context, puts []put) error {
	profiles, groups := make(map[string]bool), make(map[string]bool)
	for i := range puts {
		d, old := puts[i].base, x.first[puts[i].base.Endpoint]
		if puts[i].err != nil {
			continue
		}
		if d.Profile == old.Profile {
			x.profiles[d.Profile] = true
		} else {
			profiles[d.Profile] = true
		}
		if d.Group == old.Group {
			x.groups[d.Group] = true
		} else if d.Group != "" {
			groups[d.Group] = true
		}
	}
	var queries []cluster.Query
	if len(profiles) > 0 {
		queries = append(queries, cluster.Query{SQL: "select name from profile where name = any($1) order by name for key share", Args: []any{slices.Sorted(maps.Keys(profiles))}, Row: noteName(x.profiles)})
	}
	if len(groups) > 0 { // a limited one is locked by enrolments
		queries = append(queries, cluster.Query{SQL: "select name from enrolment_group where name = any($1) order by name for share", Args: []any{slices.Sorted(maps.Keys(groups))}, Row: noteName(x.groups)})
	}
	if len(queries) == 0 {
		return nil
	}
	return x.tx.Read(ctx, queries...)
}

// noteName notes the names that a query gives.
func noteName(names map[string]bool) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		var name string
		err := r.Scan(&name)
		names[name] = true
		return err
	}
}

// decide stores one device, or notes why not. The error is one that fails the whole.
func (x *putting) decide(ctx context.Context, p *put) error {
	old := x.last[p.base.Endpoint]
	if p.err = x.refused(p.base, old); p.err != nil {
		return nil
	}
	if old.Revision != 0 && !old.Created.Equal(p.next.Created) { // the caller has made it up
		p.next.Created = old.Created
		if p.row, p.err = rows.EncodeDevice(x.tx.db.keyring, p.next); p.err != nil {
			return nil
		}
	}
	if p.err = x.outgoing.edited(ctx, x.tx, old, p.next); p.err != nil {
		if isRefusal(p.err) {
			return nil
		}
		return p.err
	}
	for _, c := range old.Credentials {
		x.owners[identityKey{string(c.Kind), c.Identity}] = ""
	}
	for _, c := range p.next.Credentials {
		x.owners[identityKey{string(c.Kind), c.Identity}] = p.next.Endpoint
	}
	x.last[p.base.Endpoint], x.rows[p.base.Endpoint] = p.next, p.row
	return nil
}

// refused returns why d may not take the place of old.
func (x *putting) refused(d, old store.Device) error {
	if err := x.unreadable[d.Endpoint]; err != nil && old.Revision == 0 {
		return err
	}
	if err := checkRevision(d.Revision, old.Revision); err != nil {
		return err
	}
	if !x.profiles[d.Profile] {
		return fmt.Errorf("profile %q: %w", d.Profile, store.ErrNotFound)
	}
	if d.Group != "" && !x.groups[d.Group] {
		return fmt.Errorf("group %q: %w", d.Group, store.ErrNotFound)
	}
	for _, c := range d.Credentials {
		if owner := x.owners[identityKey{string(c.Kind), c.Identity}]; owner != "" && owner != d.Endpoint {
			return fmt.Errorf("%s identity %q: %w, by device %q", c.Kind, c.Identity, store.ErrIdentityTaken, owner)
		}
	}
	return nil
}
