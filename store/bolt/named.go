package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// A named is a kind of record that has a name and a revision, and of which there are few: a bucket by name,
// counted in meta.
type named[T any] struct {
	kind          string // as people call it
	bucket, count []byte
	most          uint64
	head          func(*T) head
	validate      func(T) error
	clone         func(T) T
	encode        func(*seal.Keyring, T) ([]byte, error)
	decode        func(*seal.Keyring, []byte) (T, error)

	// needs returns why a record cannot be kept, for what it refers to; inUse why one cannot be deleted. Gone,
	// where not nil, removes what goes with one that is; changes, where not nil, changes what goes with one that is
	// replaced.
	needs func(*transaction, T) error
	inUse func(tx *transaction, name string) error
	gone  func(tx *transaction, name string) error

	changes func(tx *transaction, old, next T) error
}

// A head is what all of these records have.
type head struct {
	name             string
	revision         *store.Revision
	created, updated *time.Time
}

var (
	groups = named[store.Group]{
		kind: "group", bucket: bucketGroup, count: keyGroups, most: store.MaxGroups,
		head:     func(g *store.Group) head { return head{g.Name, &g.Revision, &g.Created, &g.Updated} },
		validate: store.Group.Validate, clone: store.Group.Clone, encode: rows.EncodeGroup, decode: rows.DecodeGroup,
		needs: profileExists, inUse: groupInUse,
	}
	lwm2mServers = named[store.LwM2MServer]{
		kind: "LwM2M Server", bucket: bucketLwM2MServer, count: keyLwM2MServers, most: store.MaxLwM2MServers,
		head:     func(s *store.LwM2MServer) head { return head{s.Name, &s.Revision, &s.Created, &s.Updated} },
		validate: store.LwM2MServer.Validate, clone: store.LwM2MServer.Clone, encode: rows.EncodeLwM2MServer, decode: rows.DecodeLwM2MServer,
		needs: func(*transaction, store.LwM2MServer) error { return nil }, inUse: serverInUse, gone: dropDeadLetters,
	}
	profiles = named[store.Profile]{
		kind: "profile", bucket: bucketProfile, count: keyProfiles,
		head:   func(p *store.Profile) head { return head{p.Name, &p.Revision, &p.Created, &p.Updated} },
		encode: func(_ *seal.Keyring, p store.Profile) ([]byte, error) { return rows.EncodeProfile(p) },
		decode: func(_ *seal.Keyring, row []byte) (store.Profile, error) { return rows.DecodeProfile(row) },
	}
)

// put keeps a record that is based on its revision, and returns it as it is kept.
func (k *named[T]) put(ctx context.Context, db *DB, record T) (T, error) {
	var none T
	base := k.head(&record)
	fail := func(err error) (T, error) { return none, fmt.Errorf("put %s %q: %w", k.kind, base.name, err) }
	if err := k.validate(record); err != nil {
		return fail(err)
	}
	next := k.clone(record)
	is := k.head(&next)
	*is.revision++
	*is.updated = time.Now().UTC().Round(0)
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := k.replaceable(db, tx, record)
		if err != nil {
			return err, nil
		}
		was := k.head(&old)
		*is.created = *was.created
		if *was.revision == 0 {
			*is.created = *is.updated
		}
		row, err := k.encode(db.keyring, next)
		if err != nil {
			return err, nil
		}
		if tx.Bucket(k.bucket).Get([]byte(base.name)) == nil {
			failed = addCount(tx, k.count, 1)
		} else if k.changes != nil {
			failed = k.changes(tx, old, next)
		}
		return nil, errors.Join(failed, tx.Bucket(k.bucket).Put([]byte(base.name), row))
	})
	if err != nil {
		return fail(err)
	}
	db.file.Unread().Settled(k.bucket, base.name)
	return next, nil
}

// replaceable returns the record that another may replace, the zero one where there is none, or why it may not.
func (k *named[T]) replaceable(db *DB, tx *transaction, record T) (old T, err error) {
	base := k.head(&record)
	old, err = k.row(db, tx, base.name)
	if errors.Is(err, store.ErrNotFound) || *base.revision == 0 && errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
		err = nil
	}
	if err == nil {
		err = checkRevision(*base.revision, *k.head(&old).revision)
	}
	if err == nil {
		err = k.needs(tx, record)
	}
	if err == nil && *k.head(&old).revision == 0 && count(tx, k.count) >= k.most {
		err = fmt.Errorf("%w: there are %d %ss, which is the most", store.ErrInvalid, k.most, k.kind)
	}
	return old, err
}

// row reads one record.
func (k *named[T]) row(db *DB, tx *transaction, name string) (record T, err error) {
	row := tx.Bucket(k.bucket).Get([]byte(name))
	if row == nil {
		return record, store.ErrNotFound
	}
	if record, err = k.decode(db.keyring, row); err != nil {
		var none T
		return none, unreadable(k.bucket, name, err)
	}
	return record, nil
}

// get returns one record.
func (k *named[T]) get(ctx context.Context, db *DB, name string) (record T, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		record, err = k.row(db, tx, name)
		return err
	})
	if err != nil {
		var none T
		return none, fmt.Errorf("%s %q: %w", k.kind, name, err)
	}
	return record, nil
}

// list returns those that can be read, in the order of their names.
func (k *named[T]) list(ctx context.Context, db *DB) (all []T, err error) {
	err = db.view(ctx, func(tx *transaction) (failed error) {
		all, failed = k.all(db, tx)
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list %ss: %w", k.kind, err)
	}
	return all, nil
}

// all returns those that can be read, in the order of their names.
func (k *named[T]) all(db *DB, tx *transaction) (all []T, failed error) {
	tx.Bucket(k.bucket).Ascend(nil, func(name, _ []byte) bool {
		record, err := k.row(db, tx, string(name))
		switch {
		case db.skips(err):
		case err != nil:
			failed = fmt.Errorf("%s %q: %w", k.kind, name, err)
			return false
		default:
			all = append(all, record)
		}
		return true
	})
	return all, failed
}

// delete deletes a record, of any revision where rev is zero.
func (k *named[T]) delete(ctx context.Context, db *DB, name string, rev store.Revision) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := k.row(db, tx, name)
		if err == nil && rev != 0 {
			err = checkRevision(rev, *k.head(&old).revision)
		}
		if err == nil || rev == 0 && errors.Is(err, store.ErrCorrupt) {
			err = k.inUse(tx, name)
		}
		if err != nil {
			return err, nil
		}
		if k.gone != nil {
			failed = k.gone(tx, name)
		}
		return nil, errors.Join(failed, addCount(tx, k.count, -1), tx.Bucket(k.bucket).Delete([]byte(name)))
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", k.kind, name, err)
	}
	db.file.Unread().Settled(k.bucket, name)
	return nil
}

// at reads the row that a database has under a key.
func (k *named[T]) at(keyring *seal.Keyring, key string, row []byte) (T, error) {
	record, err := k.decode(keyring, row)
	if name := k.head(&record).name; err == nil && name != key {
		err = fmt.Errorf("it is of %q", name)
	}
	return record, err
}

// salvage returns what keeps the row that a damaged database has under a key.
func (k *named[T]) salvage(keyring *seal.Keyring, key string, row []byte) (func(*transaction) error, error) {
	_, err := k.at(keyring, key, row)
	row = slices.Clone(row)
	return func(tx *transaction) error {
		return errors.Join(addCount(tx, k.count, 1), tx.Bucket(k.bucket).Put([]byte(key), row))
	}, err
}

// PutLwM2MServer implements [store.Store].
func (db *DB) PutLwM2MServer(ctx context.Context, s store.LwM2MServer) (store.LwM2MServer, error) {
	return lwm2mServers.put(ctx, db, s)
}

// LwM2MServer implements [store.Store].
func (db *DB) LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error) {
	return lwm2mServers.get(ctx, db, name)
}

// LwM2MServers implements [store.Store].
func (db *DB) LwM2MServers(ctx context.Context) ([]store.LwM2MServer, error) {
	return lwm2mServers.list(ctx, db)
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
