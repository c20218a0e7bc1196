package postgres

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

var (
	users = named[store.User]{
		kind: "user", unreadable: store.KindUser, table: "admin_user", most: store.MaxUsers,
		head:     func(u *store.User) head { return head{u.Name, &u.Revision, &u.Created, &u.Updated} },
		validate: store.User.Validate, clone: func(u store.User) store.User { return u }, encode: rows.EncodeUser, decode: rows.DecodeUser,
		changes: endChangedUser, gone: dropUser,
	}
	tokens = named[store.Token]{
		kind: "token", unreadable: store.KindToken, table: "token", most: store.MaxTokens,
		head:     func(t *store.Token) head { return head{t.Name, &t.Revision, &t.Created, &t.Updated} },
		validate: store.Token.Validate, clone: func(t store.Token) store.Token { t.Hash = slices.Clone(t.Hash); return t },
		encode:  func(_ *seal.Keyring, t store.Token) ([]byte, error) { return rows.EncodeToken(t) },
		decode:  func(_ *seal.Keyring, row []byte) (store.Token, error) { return rows.DecodeToken(row) },
		columns: []column[store.Token]{{"owner", func(t store.Token) any { return t.User }}},
		needs:   userOfTokenExists,
	}
)

// endChangedUser ends the web sessions of a user whose password changes, or who is disabled.
func endChangedUser(tx *transaction, old, next store.User) {
	if next.Disabled || subtle.ConstantTimeCompare(old.Password.Reveal(), next.Password.Reveal()) != 1 {
		tx.Write("delete from web_session where of_user and name = $1", next.Name)
	}
}

// dropUser removes the tokens and web sessions of a user.
func dropUser(_ context.Context, tx *transaction, name string) error {
	tx.Write("delete from token where owner = $1", name)
	tx.Write("delete from web_session where of_user and name = $1", name)
	return nil
}

// userOfTokenExists reports that the user of a token does not exist; else it stays.
func userOfTokenExists(ctx context.Context, tx *transaction, t store.Token) error {
	if t.User == "" {
		return nil
	}
	found := 0
	if err := tx.Read(ctx, one("select 1 from admin_user where name = $1 for key share", []any{text(t.User)}, &found)); err != nil || found != 0 {
		return err
	}
	return fmt.Errorf("user %q: %w", t.User, store.ErrNotFound)
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
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		t, _, err := tokens.lock(ctx, tx, name, "no key update")
		if err != nil {
			return err
		}
		t.LastUsed, t.LastFrom = at.UTC().Round(0), from
		if err := t.Validate(); err != nil {
			return err
		}
		row, err := rows.EncodeToken(t)
		if err == nil {
			tx.Write("update token set row = $2 where name = $1", name, row)
		}
		return err
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
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			if w.Role == "" {
				u, _, err := users.lock(ctx, tx, w.Name, "share") // its password is not changed meanwhile
				if err == nil {
					err = checkRevision(rev, u.Revision)
				}
				if err != nil {
					return err
				}
			}
			row, err := rows.EncodeWebSession(w)
			if err != nil {
				return err
			}
			tx.Write("insert into web_session (key, name, way, of_user, seen, row) values ($1, $2, $3, $4, $5, $6) on conflict (key) do update set name = excluded.name, way = excluded.way, of_user = excluded.of_user, seen = excluded.seen, row = excluded.row",
				w.Key, text(w.Name), text(w.Way), w.Role == "", nanoseconds(w.Seen), row)
			const others = "delete from web_session where key in (select key from web_session where key <> $1"
			tx.Write(others+" and name = $2 and way = $3 order by seen desc offset $4)", w.Key, text(w.Name), text(w.Way), store.MaxWebSessionsOfOne-1)
			tx.Write(others+" order by seen desc offset $2)", w.Key, store.MaxWebSessions-1)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("put web session of %q: %w", w.Name, err)
	}
	return nil
}

func decodeWebSession(key string, row []byte) (store.WebSession, error) {
	w, err := rows.DecodeWebSession(row)
	if err == nil && w.Key != key {
		err = fmt.Errorf("%w: it is of another key", store.ErrCorrupt)
	}
	return w, unreadable(store.KindWebSession, "", err)
}

// WebSession implements [store.Access].
func (db *DB) WebSession(ctx context.Context, key string) (w store.WebSession, err error) {
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select row from web_session where key = $1", text(key)).Scan(&row))
	})
	if err == nil {
		w, err = decodeWebSession(key, row)
	}
	if err != nil {
		return store.WebSession{}, fmt.Errorf("web session: %w", err)
	}
	return w, nil
}

// TouchWebSession implements [store.Access].
func (db *DB) TouchWebSession(ctx context.Context, key string, at time.Time) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		var row []byte
		err := tx.Read(ctx, one("select row from web_session where key = $1 for update", []any{text(key)}, &row))
		if err == nil && row == nil {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		w, err := decodeWebSession(key, row)
		if err != nil {
			return err
		}
		w.Seen = at.UTC().Round(0)
		if row, err = rows.EncodeWebSession(w); err == nil {
			tx.Write("update web_session set seen = $2, row = $3 where key = $1", key, nanoseconds(w.Seen), row)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("touch web session: %w", err)
	}
	return nil
}

// DeleteWebSessions implements [store.Access].
func (db *DB) DeleteWebSessions(ctx context.Context, name, way string) (n int, err error) {
	err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		err := tx.Read(ctx, one("select count(*) from (select 1 from web_session where name = $1 and way = $2 for update) s", []any{text(name), text(way)}, &n))
		if err == nil && n > 0 {
			tx.Write("delete from web_session where name = $1 and way = $2", text(name), text(way))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete web sessions of %q: %w", name, err)
	}
	return n, nil
}

// DeleteWebSession implements [store.Access].
func (db *DB) DeleteWebSession(ctx context.Context, key string) error {
	err := db.edit(ctx, func(_ context.Context, tx *transaction) error {
		tx.Write("delete from web_session where key = $1", text(key))
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete web session: %w", err)
	}
	return nil
}
