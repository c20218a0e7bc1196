package bolt

import (
	"context"
	"fmt"
	"slices"

	"lwbs/store"
	"lwbs/store/rows"
)

// PutLwM2MServer implements [store.Store].
func (db *DB) PutLwM2MServer(ctx context.Context, s store.LwM2MServer) (store.LwM2MServer, error) {
	return lwm2mServers.put(ctx, db, s)
}

// LwM2MServer implements [store.Store].
func (db *DB) LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error) {
	return lwm2mServers.get(ctx, db, name)
}

// LwM2MServers implements [store.Store].
func (db *DB) LwM2MServers(ctx context.Context) (all []store.LwM2MServer, err error) {
	err = db.view(ctx, func(tx *transaction) (failed error) {
		all, failed = lwm2mServers.all(db, tx)
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list LwM2M Servers: %w", err)
	}
	return all, nil
}

// DeleteLwM2MServer implements [store.Store].
func (db *DB) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	return lwm2mServers.delete(ctx, db, name, rev)
}

// serverInUse returns why an LwM2M Server cannot be deleted, for the profiles that name it and the messages that
// wait for it.
func serverInUse(tx *transaction, name string) error {
	if user := profileWith(tx, name); user != "" {
		return fmt.Errorf("%w, by profile %q among others", store.ErrInUse, user)
	}
	if n := outboxCount(tx, name).Queued; n > 0 {
		return fmt.Errorf("%w: %d messages wait for it (lwbs outbox list --receiver %s): let them be delivered, or drop them", store.ErrInUse, n, name)
	}
	return nil
}

// profileWith returns a profile that hands accounts over to a server; empty where there is none.
func profileWith(tx *transaction, server string) (profile string) {
	tx.Bucket(bucketProfile).Ascend(nil, func(k, row []byte) bool {
		p, err := rows.DecodeProfile(row)
		if err == nil && slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return slices.Contains(a.ServerNames(), server) }) {
			profile = string(k)
		}
		return profile == ""
	})
	return profile
}

// serversExist reports a server that p names and that does not exist.
func serversExist(tx *transaction, p store.Profile) error {
	for _, a := range p.Accounts {
		for _, name := range a.ServerNames() {
			if tx.Bucket(bucketLwM2MServer).Get([]byte(name)) == nil {
				return fmt.Errorf("account %q: LwM2M Server %q: %w", a.Name, name, store.ErrNotFound)
			}
		}
	}
	return nil
}
