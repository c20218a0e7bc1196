package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
)

// PutLwM2MServer implements [store.Store].
func (db *DB) PutLwM2MServer(ctx context.Context, s store.LwM2MServer) (store.LwM2MServer, error) {
	if err := s.Validate(); err != nil {
		return store.LwM2MServer{}, fmt.Errorf("put LwM2M Server %q: %w", s.Name, err)
	}
	next := s.Clone()
	next.Revision++
	next.Updated = time.Now().UTC().Round(0)
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.replaceableServer(tx, s)
		if err != nil {
			return err, nil
		}
		next.Created = old.Created
		if old.Revision == 0 {
			next.Created = next.Updated
		}
		row, err := rows.EncodeLwM2MServer(db.keyring, next)
		if err != nil {
			return err, nil
		}
		if tx.Bucket(bucketLwM2MServer).Get([]byte(s.Name)) == nil {
			failed = addCount(tx, keyLwM2MServers, 1)
		}
		return nil, errors.Join(failed, tx.Bucket(bucketLwM2MServer).Put([]byte(s.Name), row))
	})
	if err != nil {
		return store.LwM2MServer{}, fmt.Errorf("put LwM2M Server %q: %w", s.Name, err)
	}
	db.file.Unread().Settled(bucketLwM2MServer, s.Name)
	return next, nil
}

// replaceableServer returns the record that s may replace, the zero LwM2MServer where there is none, or
// why it may not.
func (db *DB) replaceableServer(tx *transaction, s store.LwM2MServer) (old store.LwM2MServer, err error) {
	old, err = db.lwm2mServer(tx, s.Name)
	if errors.Is(err, store.ErrNotFound) || s.Revision == 0 && errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
		err = nil
	}
	if err == nil {
		err = checkRevision(s.Revision, old.Revision)
	}
	if err == nil && old.Revision == 0 && count(tx, keyLwM2MServers) >= store.MaxLwM2MServers {
		err = fmt.Errorf("%w: there are %d LwM2M Servers, which is the most", store.ErrInvalid, store.MaxLwM2MServers)
	}
	return old, err
}

// lwm2mServer reads the row of one server.
func (db *DB) lwm2mServer(tx *transaction, name string) (store.LwM2MServer, error) {
	row := tx.Bucket(bucketLwM2MServer).Get([]byte(name))
	if row == nil {
		return store.LwM2MServer{}, store.ErrNotFound
	}
	s, err := rows.DecodeLwM2MServer(db.keyring, row)
	if err != nil {
		return store.LwM2MServer{}, unreadable(bucketLwM2MServer, name, err)
	}
	return s, nil
}

// LwM2MServer implements [store.Store].
func (db *DB) LwM2MServer(ctx context.Context, name string) (s store.LwM2MServer, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		s, err = db.lwm2mServer(tx, name)
		return err
	})
	if err != nil {
		return store.LwM2MServer{}, fmt.Errorf("LwM2M Server %q: %w", name, err)
	}
	return s, nil
}

// LwM2MServers implements [store.Store].
func (db *DB) LwM2MServers(ctx context.Context) (all []store.LwM2MServer, err error) {
	err = db.view(ctx, func(tx *transaction) (failed error) {
		tx.Bucket(bucketLwM2MServer).Ascend(nil, func(k, _ []byte) bool {
			s, err := db.lwm2mServer(tx, string(k))
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("LwM2M Server %q: %w", k, err)
				return false
			default:
				all = append(all, s)
			}
			return true
		})
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list LwM2M Servers: %w", err)
	}
	return all, nil
}

// DeleteLwM2MServer implements [store.Store].
func (db *DB) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.lwm2mServer(tx, name)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		if err != nil && !(rev == 0 && errors.Is(err, store.ErrCorrupt)) {
			return err, nil
		}
		if user := profileWith(tx, name); user != "" {
			return fmt.Errorf("%w, by profile %q among others", store.ErrInUse, user), nil
		}
		return nil, errors.Join(addCount(tx, keyLwM2MServers, -1), tx.Bucket(bucketLwM2MServer).Delete([]byte(name)))
	})
	if err != nil {
		return fmt.Errorf("delete LwM2M Server %q: %w", name, err)
	}
	db.file.Unread().Settled(bucketLwM2MServer, name)
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
