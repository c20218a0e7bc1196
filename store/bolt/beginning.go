package bolt

import (
	"bytes"
	"context"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

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
			tx.Bucket(bucketIdentity).ascend(start, func(k, v []byte) bool {
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

// identitiesSeen returns identities of the history that begin with prefix, each once.
func identitiesSeen(tx *transaction, prefix string, limit int) (found []store.NearDevice) {
	for from := []byte(prefix); from != nil && len(found) < limit; {
		at := from
		from = nil
		tx.Bucket(bucketSessionIdentity).ascend(at, func(k, _ []byte) bool {
			identity, _, _ := bytes.Cut(k, []byte{0})
			if bytes.HasPrefix(identity, []byte(prefix)) {
				found = append(found, store.NearDevice{Identity: string(identity)})
				from = append(bytes.Clone(identity), 1) // behind its last session
			}
			return false
		})
	}
	return found
}
