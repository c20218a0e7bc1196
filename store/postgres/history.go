package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
)

// The history is divided into parts by time: partitions of the table session, named session_ and the day on which
// they begin. A part that as a whole is above the limits is dropped, which takes no longer where it is large. Within
// the oldest part that stays, sessions are removed.

const (
	day      = 24 * time.Hour
	partName = "session_20060102"

	// partsOfLimit is into how many parts the history should be divided, about: fewer cost less to look through, more
	// are dropped in smaller pieces.
	partsOfLimit = 32

	// aheadDays is how many days before it begins a part is made.
	aheadDays = 2

	// maxTidied is how many sessions one statement removes.
	maxTidied = 5000
)

// tidyNowAndThen tidies until ctx ends.
func (db *DB) tidyNowAndThen(ctx context.Context) {
	ticker := time.NewTicker(db.opts.TidyEvery)
	defer ticker.Stop()
	for {
		if err := db.Tidy(ctx); err != nil && ctx.Err() == nil {
			db.opts.Failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Tidy makes the next parts of the history, and cuts it to its limits. Several servers may do so at a time.
func (db *DB) Tidy(ctx context.Context) error {
	for _, step := range []func(context.Context) error{db.makeParts, db.dropParts, db.cutHistories, db.link.Forget, db.forgetTold} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("tidy database: %w", err)
		}
	}
	return nil
}

// parts are the beginnings of the parts of the history, in order.
func (db *DB) parts(ctx context.Context) (begins []time.Time, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		begins = nil
		_, err := collect(ctx, q, "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'session'::regclass order by 1", nil, func(rows pgx.Rows) (name string, err error) {
			err = rows.Scan(&name)
			if at, wrong := time.Parse(partName, name); wrong == nil { // else the one for all others
				begins = append(begins, at)
			}
			return name, err
		})
		return err
	})
	return begins, err
}

// makeParts makes the part that follows the last one, where its time comes.
func (db *DB) makeParts(ctx context.Context) error {
	begins, err := db.parts(ctx)
	if err != nil {
		return err
	}
	today := time.Now().UTC().Truncate(day)
	from, days := today, 1
	if len(begins) > 0 {
		last := begins[len(begins)-1]
		end, err := db.endOfPart(ctx, last)
		switch {
		case err != nil:
			return err
		case end.After(today.Add(aheadDays * day)):
			return nil
		case end.After(from):
			from = end
		}
		if days, err = db.daysOfPart(ctx, begins); err != nil {
			return err
		}
	}
	to := from.Add(time.Duration(days) * day)
	// What came meanwhile for this time went to the part for all others, and would forbid the new part.
	return db.link.Migrate(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var waits int
		if err := tx.QueryRow(ctx, "select count(*) from (select 1 from session_other where id >= $1 and id < $2 limit 1) s", store.SessionIDAt(from), store.SessionIDAt(to)).Scan(&waits); err != nil || waits > 0 {
			return err
		}
		if _, err := tx.Exec(ctx, "set local lock_timeout = '2s'"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("create table if not exists %s partition of session for values from ('%s') to ('%s')", from.Format(partName), store.SessionIDAt(from), store.SessionIDAt(to)))
		return err
	})
}

// endOfPart is when a part ends.
func (db *DB) endOfPart(ctx context.Context, begin time.Time) (end time.Time, err error) {
	var bound string
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, "select pg_get_expr(relpartbound, oid) from pg_class where oid = $1::text::regclass", begin.Format(partName)).Scan(&bound)
	})
	if err != nil {
		return end, err
	}
	_, to, _ := strings.Cut(bound, " TO (")
	for days := range 64 {
		if end = begin.Add(time.Duration(days) * day); strings.HasPrefix(to, "'"+store.SessionIDAt(end)+"'") {
			return end, nil
		}
	}
	return begin.Add(day), nil
}

// daysOfPart is for how many days the next part is, by how many sessions the last ones have: a day, a week, or 30 days.
func (db *DB) daysOfPart(ctx context.Context, begins []time.Time) (int, error) {
	first := begins[max(0, len(begins)-3)]
	var n int
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, "select count(*) from session where id >= $1", store.SessionIDAt(first)).Scan(&n)
	})
	perDay := float64(n) / max(1, time.Since(first).Hours()/24)
	for _, days := range []int{1, 7} {
		if perDay*float64(days) >= float64(db.opts.Sessions)/partsOfLimit {
			return days, err
		}
	}
	return 30, err
}

// limitOf is how many sessions of a history are kept.
func (db *DB) limitOf(history int) int {
	switch history {
	case proofNone:
		return db.opts.UnprovedSessions
	case historyUnknown:
		return db.opts.UnknownSessions
	}
	return db.opts.Sessions
}

// boundaries are the IDs of the oldest sessions within the limits, by history: those before are removed. Empty for a
// history that is within its limit.
func (db *DB) boundaries(ctx context.Context) (bounds [historyUnknown + 1]string, counts [historyUnknown + 1]int, err error) {
	err = db.link.Report(ctx, func(ctx context.Context, q cluster.Reader) error {
		for h := range bounds {
			bounds[h] = ""
			if err := q.QueryRow(ctx, "select count(*) from session where history = $1", h).Scan(&counts[h]); err != nil {
				return err
			}
			if counts[h] <= db.limitOf(h) {
				continue
			}
			if err := q.QueryRow(ctx, "select id from session where history = $1 order by id offset $2 limit 1", h, counts[h]-db.limitOf(h)).Scan(&bounds[h]); err != nil {
				return notFound(err)
			}
		}
		return nil
	})
	return bounds, counts, err
}

// dropParts drops the parts of which no session is within the limits.
func (db *DB) dropParts(ctx context.Context) error {
	begins, err := db.parts(ctx)
	if err != nil || len(begins) == 0 {
		return err
	}
	bounds, counts, err := db.boundaries(ctx)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(begins) && !begins[i+1].After(time.Now()); i++ {
		last := store.SessionIDAt(begins[i+1])
		for h, bound := range bounds {
			if counts[h] > 0 && bound < last {
				return nil
			}
		}
		err := db.link.Migrate(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "set local lock_timeout = '2s'"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "drop table if exists "+begins[i].Format(partName))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cutHistories removes the oldest sessions above the limits.
func (db *DB) cutHistories(ctx context.Context) error {
	bounds, counts, err := db.boundaries(ctx)
	if err != nil {
		return err
	}
	for h, bound := range bounds {
		for left := counts[h] - db.limitOf(h); bound != "" && left > 0; left -= maxTidied {
			if err := db.link.Exec(ctx, "delete from session where id in (select id from session where history = $1 and id < $2 order by id limit $3)", h, bound, maxTidied); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetTold forgets the events that were told once and may be told again.
func (db *DB) forgetTold(ctx context.Context) error {
	return db.link.Exec(ctx, "delete from outbox_told where until < $1", nanoseconds(now()))
}
