package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// profiles are read and deleted as all named records are, and put several at a time.
var profiles = named[store.Profile]{
	kind: "profile", unreadable: store.KindProfile, table: "profile",
	head:   func(p *store.Profile) head { return head{p.Name, &p.Revision, &p.Created, &p.Updated} },
	encode: func(_ *seal.Keyring, p store.Profile) ([]byte, error) { return rows.EncodeProfile(p) },
	decode: func(_ *seal.Keyring, row []byte) (store.Profile, error) { return rows.DecodeProfile(row) },
	inUse:  profileInUse, gone: dropFormer,
}

// PutProfile implements [store.Store].
func (db *DB) PutProfile(ctx context.Context, p store.Profile) (store.Profile, error) {
	kept, err := db.PutProfiles(ctx, []store.Profile{p})
	if err != nil {
		return store.Profile{}, err
	}
	return kept[0], nil
}

// PutProfiles implements [store.Store].
func (db *DB) PutProfiles(ctx context.Context, ps []store.Profile) (kept []store.Profile, err error) {
	if err := validProfiles(ps); err != nil {
		return nil, err
	}
	inOrder := slices.SortedFunc(slices.Values(ps), func(a, b store.Profile) int { return strings.Compare(a.Name, b.Name) })
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		kept = nil
		for _, p := range inOrder { // locked in one order by all
			if _, _, err := profiles.lock(ctx, tx, p.Name, "no key update"); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNewer) {
				return err
			}
		}
		for _, p := range ps {
			next, err := tx.putProfile(ctx, p)
			if err != nil {
				return fmt.Errorf("profile %q: %w", p.Name, err)
			}
			kept = append(kept, next)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("put profiles: %w", err)
	}
	for _, p := range ps {
		db.unread.settled(store.KindProfile, p.Name)
	}
	return kept, nil
}

// validProfiles reports the first of ps that cannot be kept, or has the name of another.
func validProfiles(ps []store.Profile) error {
	names := make(map[string]bool, len(ps))
	for _, p := range ps {
		err := p.Validate()
		if err == nil && names[p.Name] {
			err = fmt.Errorf("%w: two profiles of this name", store.ErrInvalid)
		}
		if err != nil {
			return fmt.Errorf("put profiles: profile %q: %w", p.Name, err)
		}
		names[p.Name] = true
	}
	return nil
}

// putProfile has a profile written, and what it was before among its former revisions.
func (tx *transaction) putProfile(ctx context.Context, p store.Profile) (store.Profile, error) {
	old, exists, err := profiles.lock(ctx, tx, p.Name, "no key update")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
		err = nil
	}
	if err == nil {
		err = checkRevision(p.Revision, old.Revision)
	}
	if err == nil {
		err = tx.serversExist(ctx, p)
	}
	if err != nil {
		return p, err
	}
	p.Revision++
	p.Created, p.Updated = old.Created, now()
	if old.Revision == 0 {
		p.Created = p.Updated
	}
	row, err := rows.EncodeProfile(p)
	if err == nil {
		p, err = rows.DecodeProfile(row) // shares nothing with the caller's
	}
	if err != nil {
		return p, err
	}
	sql := "insert into profile (name, rev, created, row) values ($1, $2, $3, $4)"
	if exists {
		sql += " on conflict (name) do update set rev = excluded.rev, created = excluded.created, row = excluded.row"
	}
	if old.Revision != 0 {
		tx.Write("insert into former_profile (name, rev, row) select name, rev, row from profile where name = $1 on conflict (name, rev) do update set row = excluded.row", p.Name)
		tx.Write("delete from former_profile where name = $1 and rev in (select rev from former_profile where name = $1 order by rev desc offset $2)", p.Name, store.MaxFormerProfiles)
	}
	tx.Write(sql, p.Name, int64(p.Revision), nanoseconds(p.Created), row)
	return p, nil
}

// serversExist reports a server that p names and that does not exist. The others are locked, so that they stay.
func (tx *transaction) serversExist(ctx context.Context, p store.Profile) error {
	var names []string
	for _, a := range p.Accounts {
		names = append(names, a.ServerNames()...)
	}
	if len(names) == 0 {
		return nil
	}
	found := make(map[string]bool)
	if err := tx.Read(ctx, cluster.Query{SQL: "select name from lwm2m_server where name = any($1) order by name for key share", Args: []any{texts(names)}, Row: noteName(found)}); err != nil {
		return err
	}
	for _, a := range p.Accounts {
		for _, name := range a.ServerNames() {
			if !found[name] {
				return fmt.Errorf("account %q: LwM2M Server %q: %w", a.Name, name, store.ErrNotFound)
			}
		}
	}
	return nil
}

func texts(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = text(s)
	}
	return out
}

// Profile implements [store.Store]. A profile that is remembered is not decoded again.
func (db *DB) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	known, have := db.profiles.get(name)
	var v version
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select rev, created, case when rev = $2 and created = $3 then null else row end from profile where name = $1", text(name), have.rev, have.created).Scan(&v.rev, &v.created, &row))
	})
	switch {
	case err != nil:
	case row == nil:
		return known.Clone(), nil
	default:
		if p, err = profiles.read(db, name, row); err == nil {
			db.profiles.put(name, v, p.Clone())
		}
	}
	if err != nil {
		return store.Profile{}, fmt.Errorf("profile %q: %w", name, err)
	}
	return p, nil
}

// Profiles implements [store.Store].
func (db *DB) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	limit, after := pageLimit(q.Limit), q.After
	for more := true; more && len(page) < limit; {
		asked := limit - len(page)
		type found struct {
			name string
			row  []byte
		}
		var all []found
		err := db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			all, err = collect(ctx, r, "select name, row from profile where name > $1 order by name limit $2", []any{text(after), asked}, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.name, &f.row) })
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list profiles: %w", err)
		}
		for _, f := range all {
			after = f.name
			p, err := profiles.read(db, f.name, f.row)
			switch {
			case db.skips(err):
			case err != nil:
				return nil, fmt.Errorf("list profiles: profile %q: %w", f.name, err)
			default:
				page = append(page, p)
			}
		}
		more = len(all) == asked
	}
	return page, nil
}

// ProfileRevisions implements [store.Store].
func (db *DB) ProfileRevisions(ctx context.Context, name string) (all []store.Profile, err error) {
	var found [][]byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) (err error) {
		found, err = collect(ctx, q, "select row from (select 1 as place, rev, row from profile where name = $1 union all select 2, rev, row from former_profile where name = $1) p order by place, rev desc", []any{text(name)},
			func(rows pgx.Rows) (row []byte, err error) { return row, rows.Scan(&row) })
		return err
	})
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	for i, row := range found {
		p, wrong := profiles.read(db, name, row)
		switch {
		case i > 0 && db.skips(wrong):
		case wrong != nil:
			err = wrong
		default:
			all = append(all, p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("revisions of profile %q: %w", name, err)
	}
	return all, nil
}

// DeleteProfile implements [store.Store].
func (db *DB) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return profiles.delete(ctx, db, name, rev)
}

// profileInUse returns why a profile cannot be deleted, for devices and groups.
func profileInUse(ctx context.Context, tx *transaction, name string) error {
	var device, group string
	err := tx.Read(ctx, one("select endpoint from device where profile = $1 order by endpoint limit 1", []any{name}, &device),
		one("select name from enrolment_group where profile = $1 order by name limit 1", []any{name}, &group))
	switch {
	case err != nil:
		return err
	case device != "":
		return fmt.Errorf("%w, by device %q among others", store.ErrInUse, device)
	case group != "":
		return fmt.Errorf("%w, by group %q", store.ErrInUse, group)
	}
	return nil
}

// dropFormer removes the former revisions of a profile.
func dropFormer(_ context.Context, tx *transaction, name string) error {
	tx.Write("delete from former_profile where name = $1", name)
	return nil
}
