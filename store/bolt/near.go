package bolt

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/near"
)

const (
	// maxCompared is how many names a search compares at most, so that it ends in seconds.
	maxCompared = 5_000_000

	// compareGroup is how many of them it compares in one transaction: a long one would
	// keep the pages of old versions, and make writers wait where the file grows.
	compareGroup = 10_000
)

// NearDevices implements [store.Store]. It compares the names in the smallest indexes that
// have them all, which takes 200 ms of a processor for a million devices.
func (db *DB) NearDevices(ctx context.Context, name string, limit int) ([]store.NearDevice, error) {
	s := nearSearch{matcher: near.New(name), limit: max(1, limit), best: make(map[lwm2m.EndpointName]store.NearDevice)}
	err := db.scan(ctx, bucketDeviceProfile, func(k, _ []byte) {
		_, ep, _ := bytes.Cut(k, []byte{0})
		s.compare(ep, ep, false)
	})
	if err == nil {
		err = db.scan(ctx, bucketIdentity, func(k, v []byte) {
			kind, identity, _ := bytes.Cut(k, []byte{0})
			if string(kind) != string(store.CredentialCertificate) && !bytes.Equal(identity, v) {
				s.compare(identity, v, true)
			}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("names near to %q: %w", name, err)
	}
	return s.found(), nil
}

// scan calls each with the entries of a bucket, at most maxCompared of them.
func (db *DB) scan(ctx context.Context, bucket []byte, each func(k, v []byte)) error {
	var after []byte
	for seen := 0; seen < maxCompared; {
		n := 0
		err := db.view(ctx, func(tx *transaction) error {
			tx.Bucket(bucket).Ascend(after, func(k, v []byte) bool {
				each(k, v)
				if n++; n == compareGroup {
					after = append(bytes.Clone(k), 0)
				}
				return n < compareGroup
			})
			return nil
		})
		if err != nil || n < compareGroup {
			return err
		}
		seen += n
	}
	return nil
}

// A nearSearch keeps the nearest of the devices that it has compared.
type nearSearch struct {
	matcher *near.Matcher
	limit   int
	best    map[lwm2m.EndpointName]store.NearDevice // at most twice limit
}

// compare looks at one name of a device, which is an identity or the endpoint name.
func (s *nearSearch) compare(name, endpoint []byte, identity bool) {
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

// NamesBeginning implements [store.Store]. It seeks in the indexes, so that its time does not depend
// on how many devices there are.
func (db *DB) NamesBeginning(ctx context.Context, prefix string, limit int) (found []store.NearDevice, err error) {
	identity := []byte(prefix)
	if b, err := store.IdentityBytes(prefix); err == nil {
		identity = b
	}
	seen := make(map[lwm2m.EndpointName]bool)
	add := func(ep lwm2m.EndpointName, identity string) bool {
		if !seen[ep] {
			seen[ep] = true
			found = append(found, store.NearDevice{Endpoint: ep, Identity: identity})
		}
		return len(found) < limit && ctx.Err() == nil
	}
	err = db.view(ctx, func(tx *transaction) error {
		underPrefix(tx.Bucket(bucketDevice), []byte(prefix), nil, func(k []byte) bool { return add(lwm2m.EndpointName(k), "") })
		for _, kind := range []store.CredentialKind{store.CredentialPSK, store.CredentialCertificateName, store.CredentialCertificate} {
			if len(found) >= limit {
				break
			}
			group := pair(string(kind), "")
			start := append(bytes.Clone(group), identity...)
			tx.Bucket(bucketIdentity).Ascend(start, func(k, v []byte) bool {
				return bytes.HasPrefix(k, start) && add(lwm2m.EndpointName(v), store.IdentityText(k[len(group):]))
			})
		}
		if len(found) == 0 {
			found = identitiesSeen(tx, prefix, limit)
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("names that begin with %q: %w", prefix, err)
	}
	return found, nil
}

// maxSeen is how many names of the history are looked at for identities that begin with a prefix.
const maxSeen = 1000

// identitiesSeen returns identities of the history that begin with prefix, each once: those of the index, and names of
// devices that came with their name as identity.
func identitiesSeen(tx *transaction, prefix string, limit int) (found []store.NearDevice) {
	add := func(identity string) {
		i, has := slices.BinarySearchFunc(found, identity, func(d store.NearDevice, identity string) int { return cmp.Compare(d.Identity, identity) })
		if !has {
			found = slices.Insert(found, i, store.NearDevice{Identity: identity})
		}
	}
	eachGroup(tx.Bucket(bucketSessionIdentity), prefix, func(identity string) bool {
		add(identity)
		return len(found) < limit
	})
	looked, seen := 0, 0
	eachGroup(tx.Bucket(bucketSessionEndpoint), prefix, func(ep string) bool {
		looked++
		came := false
		underPrefix(tx.Bucket(bucketSessionEndpoint), pair(ep, ""), nil, func(k []byte) bool {
			about, _ := aboutSession(tx, second(k, ep))
			came = ep != "" && about.identity == ep
			return !came
		})
		if came {
			seen++
			add(ep)
		}
		return seen < limit && looked < maxSeen
	})
	return found[:min(limit, len(found))]
}

// eachGroup calls each with the groups of an index that begin with prefix, once each and in their order, until it returns
// false.
func eachGroup(index *bucket, prefix string, each func(group string) bool) {
	for from := []byte(prefix); from != nil; {
		at := from
		from = nil
		index.Ascend(at, func(k, _ []byte) bool {
			group, _, _ := bytes.Cut(k, []byte{0})
			if bytes.HasPrefix(group, []byte(prefix)) && each(string(group)) {
				from = append(bytes.Clone(group), 1) // behind its last entry
			}
			return false
		})
	}
}
