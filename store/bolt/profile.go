package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// PutProfile implements [store.Store].
func (db *DB) PutProfile(ctx context.Context, p store.Profile) (store.Profile, error) {
	if err := p.Validate(); err != nil {
		return store.Profile{}, fmt.Errorf("put profile %q: %w", p.Name, err)
	}
	var kept store.Profile
	err := db.edit(ctx, func(tx *bbolt.Tx) (refused, failed error) {
		old, err := db.profile(tx, p.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err, nil
		}
		if err := checkRevision(p.Revision, old.Revision); err != nil {
			return err, nil
		}
		next := p
		next.Revision++
		next.Created, next.Updated = old.Created, time.Now().UTC()
		if old.Revision == 0 {
			next.Created = next.Updated
		}
		b, err := store.EncodeProfile(next)
		if err != nil {
			return err, nil
		}
		if kept, err = store.DecodeProfile(b); err != nil {
			return err, nil
		}
		return nil, tx.Bucket(bucketProfile).Put([]byte(p.Name), b)
	})
	if err != nil {
		return store.Profile{}, fmt.Errorf("put profile %q: %w", p.Name, err)
	}
	return kept, nil
}

// profile reads a row, or takes it for what it was last time.
func (db *DB) profile(tx *bbolt.Tx, name string) (store.Profile, error) {
	row := tx.Bucket(bucketProfile).Get([]byte(name))
	if row == nil {
		return store.Profile{}, store.ErrNotFound
	}
	if p, ok := db.profiles.find([]byte(name), row); ok {
		return p, nil
	}
	p, err := store.DecodeProfile(row)
	if err == nil {
		db.profiles.remember([]byte(name), row, p)
	}
	return p, err
}

// Profile implements [store.Store].
func (db *DB) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	err = db.view(ctx, func(tx *bbolt.Tx) error {
		p, err = db.profile(tx, name)
		return err
	})
	if err != nil {
		return store.Profile{}, fmt.Errorf("profile %q: %w", name, err)
	}
	return p, nil
}

// Profiles implements [store.Store].
func (db *DB) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	limit := pageLimit(q.Limit)
	err = db.view(ctx, func(tx *bbolt.Tx) error {
		var failed error
		underPrefix(tx.Bucket(bucketProfile), nil, []byte(q.After), func(k []byte) bool {
			if string(k) == q.After {
				return true
			}
			p, err := db.profile(tx, string(k))
			if err != nil {
				failed = fmt.Errorf("profile %q: %w", k, err)
				return false
			}
			page = append(page, p)
			return len(page) < limit
		})
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	return page, nil
}

// DeleteProfile implements [store.Store].
func (db *DB) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	err := db.edit(ctx, func(tx *bbolt.Tx) (refused, failed error) {
		old, err := db.profile(tx, name)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		if err != nil {
			return err, nil
		}
		var user string
		underPrefix(tx.Bucket(bucketDeviceProfile), pair(name, ""), nil, func(k []byte) bool {
			user = second(k, name)
			return false
		})
		if user != "" {
			return fmt.Errorf("%w, by device %q among others", store.ErrInUse, user), nil
		}
		db.profiles.forget([]byte(name))
		return nil, tx.Bucket(bucketProfile).Delete([]byte(name))
	})
	if err != nil {
		return fmt.Errorf("delete profile %q: %w", name, err)
	}
	return nil
}
