package bolt

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

var _ store.Access = (*DB)(nil)

var (
	users = named[store.User]{
		kind: "user", bucket: bucketUser, count: keyUsers, most: store.MaxUsers,
		head:     func(u *store.User) head { return head{u.Name, &u.Revision, &u.Created, &u.Updated} },
		validate: store.User.Validate, clone: func(u store.User) store.User { return u }, encode: rows.EncodeUser, decode: rows.DecodeUser,
		needs: func(*transaction, store.User) error { return nil }, inUse: func(*transaction, string) error { return nil },
		changes: endChangedUser, gone: dropUser,
	}
	tokens = named[store.Token]{
		kind: "token", bucket: bucketToken, count: keyTokens, most: store.MaxTokens,
		head:     func(t *store.Token) head { return head{t.Name, &t.Revision, &t.Created, &t.Updated} },
		validate: store.Token.Validate, clone: func(t store.Token) store.Token { t.Hash = slices.Clone(t.Hash); return t },
		encode: func(_ *seal.Keyring, t store.Token) ([]byte, error) { return rows.EncodeToken(t) },
		decode: func(_ *seal.Keyring, row []byte) (store.Token, error) { return rows.DecodeToken(row) },
		needs:  userOfTokenExists, inUse: func(*transaction, string) error { return nil },
	}
)

// endChangedUser ends the web sessions of a user whose password changes, or who is disabled.
func endChangedUser(tx *transaction, old, next store.User) error {
	if !next.Disabled && subtle.ConstantTimeCompare(old.Password.Reveal(), next.Password.Reveal()) == 1 {
		return nil
	}
	_, err := dropWebSessions(tx, func(w store.WebSession) bool { return w.Role == "" && w.Name == next.Name })
	return err
}

// dropUser removes the tokens and web sessions of a user.
func dropUser(tx *transaction, name string) error {
	var own []string
	tx.Bucket(bucketToken).Ascend(nil, func(k, row []byte) bool {
		if t, err := rows.DecodeToken(row); err == nil && t.User == name {
			own = append(own, string(k))
		}
		return true
	})
	_, err := dropWebSessions(tx, func(w store.WebSession) bool { return w.Role == "" && w.Name == name })
	errs := []error{err}
	for _, token := range own {
		errs = append(errs, addCount(tx, keyTokens, -1), tx.Bucket(bucketToken).Delete([]byte(token)))
	}
	return errors.Join(errs...)
}

// userOfTokenExists reports that the user of a token does not exist.
func userOfTokenExists(tx *transaction, t store.Token) error {
	if t.User != "" && tx.Bucket(bucketUser).Get([]byte(t.User)) == nil {
		return fmt.Errorf("user %q: %w", t.User, store.ErrNotFound)
	}
	return nil
}

// PutUser implements [store.Access].
func (db *DB) PutUser(ctx context.Context, u store.User) (store.User, error) {
	return users.put(ctx, db, u)
}

// User implements [store.Access].
func (db *DB) User(ctx context.Context, name string) (store.User, error) {
	return users.get(ctx, db, name)
}

// Users implements [store.Access].
func (db *DB) Users(ctx context.Context) ([]store.User, error) { return users.list(ctx, db) }

// DeleteUser implements [store.Access].
func (db *DB) DeleteUser(ctx context.Context, name string, rev store.Revision) error {
	return users.delete(ctx, db, name, rev)
}

// PutToken implements [store.Access].
func (db *DB) PutToken(ctx context.Context, t store.Token) (store.Token, error) {
	return tokens.put(ctx, db, t)
}

// Token implements [store.Access].
func (db *DB) Token(ctx context.Context, name string) (store.Token, error) {
	return tokens.get(ctx, db, name)
}

// Tokens implements [store.Access].
func (db *DB) Tokens(ctx context.Context) ([]store.Token, error) { return tokens.list(ctx, db) }

// DeleteToken implements [store.Access].
func (db *DB) DeleteToken(ctx context.Context, name string, rev store.Revision) error {
	return tokens.delete(ctx, db, name, rev)
}

// TouchToken implements [store.Access].
func (db *DB) TouchToken(ctx context.Context, name string, at time.Time, from string) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		t, err := tokens.row(db, tx, name)
		if err != nil {
			return err, nil
		}
		t.LastUsed, t.LastFrom = at.UTC().Round(0), from
		if err := t.Validate(); err != nil {
			return err, nil
		}
		row, err := rows.EncodeToken(t)
		if err != nil {
			return err, nil
		}
		return nil, tx.Bucket(bucketToken).Put([]byte(name), row)
	})
	if err != nil {
		return fmt.Errorf("touch token %q: %w", name, err)
	}
	return nil
}

// PutWebSession implements [store.Access].
func (db *DB) PutWebSession(ctx context.Context, w store.WebSession, rev store.Revision) error {
	err := w.Validate()
	if err == nil {
		err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
			if w.Role == "" {
				u, err := users.row(db, tx, w.Name)
				if err == nil {
					err = checkRevision(rev, u.Revision)
				}
				if err != nil {
					return err, nil
				}
			}
			row, err := rows.EncodeWebSession(w)
			if err != nil {
				return err, nil
			}
			return nil, errors.Join(tx.Bucket(bucketWebSession).Put([]byte(w.Key), row), pruneWebSessions(tx, w))
		})
	}
	if err != nil {
		return fmt.Errorf("put web session of %q: %w", w.Name, err)
	}
	return nil
}

// pruneWebSessions removes those that were used least recently above the limits of all and of whose w is. W itself
// stays.
func pruneWebSessions(tx *transaction, w store.WebSession) error {
	var all []store.WebSession
	own := 0
	same := func(o store.WebSession) bool { return o.Name == w.Name && o.Way == w.Way }
	tx.Bucket(bucketWebSession).Ascend(nil, func(k, row []byte) bool {
		o, err := rows.DecodeWebSession(row)
		if err != nil {
			o = store.WebSession{} // goes first
		}
		o.Key = string(k)
		if all = append(all, o); same(o) {
			own++
		}
		return true
	})
	slices.SortFunc(all, func(a, b store.WebSession) int { return a.Seen.Compare(b.Seen) })
	left := len(all)
	var errs []error
	for _, o := range all {
		tooMany := left > store.MaxWebSessions || own > store.MaxWebSessionsOfOne && same(o)
		if !tooMany || o.Key == w.Key {
			continue
		}
		errs = append(errs, tx.Bucket(bucketWebSession).Delete([]byte(o.Key)))
		if left--; same(o) {
			own--
		}
	}
	return errors.Join(errs...)
}

// dropWebSessions removes those that are selected, and returns how many.
func dropWebSessions(tx *transaction, selected func(store.WebSession) bool) (int, error) {
	var keys [][]byte
	tx.Bucket(bucketWebSession).Ascend(nil, func(k, row []byte) bool {
		if w, err := rows.DecodeWebSession(row); err != nil || selected(w) { // one that cannot be read is of no use
			keys = append(keys, slices.Clone(k))
		}
		return true
	})
	var errs []error
	for _, k := range keys {
		errs = append(errs, tx.Bucket(bucketWebSession).Delete(k))
	}
	return len(keys), errors.Join(errs...)
}

// webSession reads the row of one session.
func webSession(tx *transaction, key string) (store.WebSession, error) {
	row := tx.Bucket(bucketWebSession).Get([]byte(key))
	if row == nil {
		return store.WebSession{}, store.ErrNotFound
	}
	w, err := rows.DecodeWebSession(row)
	if err == nil && w.Key != key {
		err = fmt.Errorf("%w: it is of another key", store.ErrCorrupt)
	}
	return w, unreadable(bucketWebSession, "", err)
}

// WebSession implements [store.Access].
func (db *DB) WebSession(ctx context.Context, key string) (w store.WebSession, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		w, err = webSession(tx, key)
		return err
	})
	if err != nil {
		return store.WebSession{}, fmt.Errorf("web session: %w", err)
	}
	return w, nil
}

// TouchWebSession implements [store.Access].
func (db *DB) TouchWebSession(ctx context.Context, key string, at time.Time) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		w, err := webSession(tx, key)
		if err != nil {
			return err, nil
		}
		w.Seen = at.UTC().Round(0)
		row, err := rows.EncodeWebSession(w)
		if err != nil {
			return err, nil
		}
		return nil, tx.Bucket(bucketWebSession).Put([]byte(key), row)
	})
	if err != nil {
		return fmt.Errorf("touch web session: %w", err)
	}
	return nil
}

// DeleteWebSessions implements [store.Access].
func (db *DB) DeleteWebSessions(ctx context.Context, name, way string) (n int, err error) {
	err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
		n, failed = dropWebSessions(tx, func(w store.WebSession) bool { return w.Name == name && w.Way == way })
		return nil, failed
	})
	if err != nil {
		return 0, fmt.Errorf("delete web sessions of %q: %w", name, err)
	}
	return n, nil
}

// DeleteWebSession implements [store.Access].
func (db *DB) DeleteWebSession(ctx context.Context, key string) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		return nil, tx.Bucket(bucketWebSession).Delete([]byte(key))
	})
	if err != nil {
		return fmt.Errorf("delete web session: %w", err)
	}
	return nil
}

// accessRowAt returns what is wrong with a row of one of the buckets of those who may administer the server. Without
// a Keyring the hashes of passwords are not looked at.
func accessRowAt(keyring *seal.Keyring, bucket, key, row []byte) (err error) {
	switch string(bucket) {
	case string(bucketUser):
		_, err = users.at(keyring, string(key), row)
	case string(bucketToken):
		_, err = tokens.at(keyring, string(key), row)
	default:
		var w store.WebSession
		if w, err = rows.DecodeWebSession(row); err == nil && w.Key != string(key) {
			err = fmt.Errorf("%w: it is of another key", store.ErrCorrupt)
		}
	}
	return err
}
