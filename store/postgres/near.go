package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/near"
	"lwbs/store/postgres/cluster"
)

const (
	// maxCompared is how many names a search compares at most, so that it ends in seconds.
	maxCompared = 5_000_000

	// compareGroup is how many of them it asks for at a time.
	compareGroup = 10_000
)

// NearDevices implements [store.Store]. It compares the names here, as the database does not know when names are
// similar.
func (db *DB) NearDevices(ctx context.Context, name string, limit int) ([]store.NearDevice, error) {
	s := nearSearch{matcher: near.New(name), limit: max(1, limit), best: make(map[lwm2m.EndpointName]store.NearDevice)}
	err := db.scanNames(ctx, s.compare)
	if err == nil {
		err = db.scanIdentities(ctx, s.compare)
	}
	if err != nil {
		return nil, fmt.Errorf("names near to %q: %w", name, err)
	}
	return s.found(), nil
}

// A named device or identity of the scans.
type scanned struct {
	kind     string
	identity []byte
	ep       string
}

// scanNames calls each with the names of devices, at most maxCompared of them.
func (db *DB) scanNames(ctx context.Context, each func(name []byte, ep string, identity bool)) error {
	after := ""
	for range maxCompared / compareGroup {
		page, err := db.scan(ctx, "select '' as kind, ''::bytea as identity, endpoint from device where endpoint > $1 order by endpoint limit $2", after, compareGroup)
		if err != nil {
			return err
		}
		for _, f := range page {
			after = f.ep
			each([]byte(f.ep), f.ep, false)
		}
		if len(page) < compareGroup {
			return nil
		}
	}
	return nil
}

// scanIdentities is scanNames of identities that are not fingerprints.
func (db *DB) scanIdentities(ctx context.Context, each func(name []byte, ep string, identity bool)) error {
	kind, identity := "", []byte{}
	for range maxCompared / compareGroup {
		page, err := db.scan(ctx, "select kind, identity, endpoint from identity where (kind, identity) > ($1, $2) and kind <> $4 order by kind, identity limit $3", kind, identity, compareGroup, string(store.CredentialCertificate))
		if err != nil {
			return err
		}
		for _, f := range page {
			if kind, identity = f.kind, f.identity; string(f.identity) != f.ep {
				each(f.identity, f.ep, true)
			}
		}
		if len(page) < compareGroup {
			return nil
		}
	}
	return nil
}

func (db *DB) scan(ctx context.Context, sql string, args ...any) (page []scanned, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		page, err = collect(ctx, q, sql, args, func(rows pgx.Rows) (f scanned, err error) { return f, rows.Scan(&f.kind, &f.identity, &f.ep) })
		return err
	})
	return page, err
}

// A nearSearch keeps the nearest of the devices that it has compared.
type nearSearch struct {
	matcher *near.Matcher
	limit   int
	best    map[lwm2m.EndpointName]store.NearDevice // at most twice limit
}

// compare looks at one name of a device, which is an identity or the endpoint name.
func (s *nearSearch) compare(name []byte, endpoint string, identity bool) {
	near := s.matcher.NearBytes(name)
	if near == store.NotNear {
		return
	}
	d := store.NearDevice{Endpoint: lwm2m.EndpointName(endpoint), Nearness: near}
	if old, ok := s.best[d.Endpoint]; ok && old.Nearness <= near {
		return
	}
	if identity {
		d.Identity = store.IdentityText(name)
	}
	s.best[d.Endpoint] = d
	if len(s.best) > 2*s.limit {
		kept := s.found()
		clear(s.best)
		for _, d := range kept {
			s.best[d.Endpoint] = d
		}
	}
}

// found are the nearest, in order.
func (s *nearSearch) found() []store.NearDevice {
	out := make([]store.NearDevice, 0, len(s.best))
	for _, d := range s.best {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b store.NearDevice) int {
		return cmp.Or(cmp.Compare(a.Nearness, b.Nearness), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return out[:min(len(out), s.limit)]
}

// NamesBeginning implements [store.Store].
func (db *DB) NamesBeginning(ctx context.Context, prefix string, limit int) (found []store.NearDevice, err error) {
	identity := []byte(prefix)
	if b, err := store.IdentityBytes(prefix); err == nil {
		identity = b
	}
	beyond := append(slices.Clone(identity), slices.Repeat([]byte{0xff}, store.MaxSecret)...)
	seen := make(map[string]bool)
	add := func(ep, identity string) {
		if !seen[ep] && len(found) < limit {
			seen[ep] = true
			found = append(found, store.NearDevice{Endpoint: lwm2m.EndpointName(ep), Identity: identity})
		}
	}
	names, err := db.scan(ctx, "select '' as kind, ''::bytea as identity, endpoint from device where endpoint >= $1 and endpoint <= $1 || $2 order by endpoint limit $3", text(prefix), highest, limit)
	for _, f := range names {
		add(f.ep, "")
	}
	for _, kind := range []store.CredentialKind{store.CredentialPSK, store.CredentialCertificateName, store.CredentialCertificate} {
		if err != nil || len(found) >= limit {
			break
		}
		var page []scanned
		page, err = db.scan(ctx, "select kind, identity, endpoint from identity where kind = $1 and identity >= $2 and identity <= $3 order by identity limit $4",
			string(kind), identity, beyond, limit+len(found)*store.MaxCredentials)
		for _, f := range page {
			add(f.ep, store.IdentityText(f.identity))
		}
	}
	if err == nil && len(found) == 0 {
		found, err = db.identitiesSeen(ctx, prefix, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("names that begin with %q: %w", prefix, err)
	}
	return found, nil
}

// identitiesSeen returns identities of the history that begin with prefix, each once.
func (db *DB) identitiesSeen(ctx context.Context, prefix string, limit int) (found []store.NearDevice, err error) {
	after := text(prefix)
	for len(found) < limit { // each is sought in the index, however many sessions have it
		next := ""
		err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
			return q.QueryRow(ctx, "select coalesce(min(identity), '') from session where identity <> '' and identity >= $1 and identity <= $2 || $3", after, text(prefix), highest).Scan(&next)
		})
		if err != nil || next == "" {
			return found, err
		}
		found = append(found, store.NearDevice{Identity: next})
		after = next + "\x01"
	}
	return found, nil
}
