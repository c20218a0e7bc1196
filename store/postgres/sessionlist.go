package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

func decodeSession(id string, row []byte) (store.Session, error) {
	s, err := rows.DecodeSession(row)
	return s, unreadable(store.KindSession, id, err)
}

// Session implements [store.Store].
func (db *DB) Session(ctx context.Context, id string) (s store.Session, err error) {
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select row from session where id = $1", text(id)).Scan(&row))
	})
	if err == nil {
		s, err = decodeSession(id, row)
		db.unread.note(err)
	}
	if err != nil {
		return store.Session{}, fmt.Errorf("session %q: %w", id, err)
	}
	return s, nil
}

// LastSession implements [store.Store].
func (db *DB) LastSession(ctx context.Context) (id string, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, "select coalesce(max(id), '') from session").Scan(&id)
	})
	if err != nil {
		return "", fmt.Errorf("last session: %w", err)
	}
	return id, nil
}

// Sessions implements [store.Store].
func (db *DB) Sessions(ctx context.Context, q store.SessionQuery) (page []store.Session, err error) {
	type found struct {
		id  string
		row []byte
	}
	limit, before := pageLimit(q.Limit), q.Before
	for more := true; more && err == nil && len(page) < limit; {
		asked := limit - len(page)
		sql, args := selectSessions(q, before, asked)
		var all []found
		err = db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			all, err = collect(ctx, r, sql, args, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.id, &f.row) })
			return err
		})
		for _, f := range all {
			before = f.id
			s, wrong := decodeSession(f.id, f.row)
			switch {
			case db.skips(wrong):
			case wrong != nil:
				err = fmt.Errorf("session %q: %w", f.id, wrong)
			default:
				page = append(page, s)
			}
		}
		more = len(all) == asked
	}
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return page, nil
}

// selectSessions is what of q the database looks for. Attempts of a device and those under its name have an index
// each, so that they are two queries in one.
func selectSessions(q store.SessionQuery, before string, limit int) (sql string, args []any) {
	var c condition
	if before != "" {
		c.and("id < ?", text(before))
	}
	if q.Own {
		c.and("proof < ?", proofNone)
	}
	if q.Unknown {
		c.and("history = ?", historyUnknown)
	}
	if q.Identity != "" {
		c.and("identity = ?", text(q.Identity))
	}
	if q.Failed {
		c.parts = append(c.parts, "failed")
	}
	last := " order by id desc limit " + strconv.Itoa(limit)
	if q.Endpoint == "" {
		return "select id, row from session where " + c.String() + last, c.args
	}
	all := c.String()
	c.and("?", text(string(q.Endpoint)))
	name := c.parts[len(c.parts)-1]
	own := "select id, row from session where endpoint = " + name + " and " + all + last
	if q.Own {
		return own, c.args
	}
	return "select distinct on (id) id, row from ((" + own + ") union all (select id, row from session where claimed = " + name + " and claimed <> '' and " + all + last + ")) s" + last, c.args
}
