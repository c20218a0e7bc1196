package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// text is a text as a column can have it, which has neither zero bytes nor what is not UTF-8.
func text(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// highest sorts behind every continuation of a name, which has at most 255 bytes.
var highest = strings.Repeat("\U0010FFFF", 64)

// A condition is a part of where, with its arguments.
type condition struct {
	parts []string
	args  []any
}

// and adds a part, in which ? stands for the argument.
func (c *condition) and(part string, arg any) {
	c.args = append(c.args, arg)
	c.parts = append(c.parts, strings.ReplaceAll(part, "?", "$"+strconv.Itoa(len(c.args))))
}

func (c *condition) String() string {
	if len(c.parts) == 0 {
		return "true"
	}
	return strings.Join(c.parts, " and ")
}

// selected is what of q the database looks for, of the table d.
func selected(q store.DeviceQuery, after string) (from string, c condition) {
	from, name := "device d", "d.endpoint"
	if q.Tag != "" {
		from, name = "device_tag t join device d using (endpoint)", "t.endpoint"
		c.and("t.tag = ?", text(q.Tag))
	}
	if q.Group != "" {
		c.and("d.enrolment_group = ?", text(q.Group))
	}
	if q.Profile != "" {
		c.and("d.profile = ?", text(q.Profile))
	}
	if after != "" {
		c.and(name+" > ?", text(after))
	}
	if q.Prefix != "" {
		c.and(name+" >= ?", text(q.Prefix))
		c.and(name+" <= ?", text(q.Prefix)+highest)
	}
	return from, c
}

// walkDevices calls take with the rows of devices that q selects, until it has taken a page of them. A row that take
// does not take does not count.
func (db *DB) walkDevices(ctx context.Context, q store.DeviceQuery, take func(ep string, row []byte) (taken bool, err error)) error {
	limit, after := pageLimit(q.Limit), string(q.After)
	for limit > 0 {
		from, c := selected(q, after)
		seen, last := 0, ""
		var page []deviceRow
		err := db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			page, err = collect(ctx, r, "select d.endpoint, d.row from "+from+" where "+c.String()+" order by 1 limit "+strconv.Itoa(limit), c.args, func(rows pgx.Rows) (d deviceRow, err error) {
				return d, rows.Scan(&d.ep, &d.row)
			})
			return err
		})
		if err != nil {
			return err
		}
		asked := limit
		for _, d := range page {
			seen, last = seen+1, d.ep
			taken, err := take(d.ep, d.row)
			if err != nil {
				return err
			}
			if taken {
				limit--
			}
		}
		if seen < asked {
			return nil
		}
		after = last
	}
	return nil
}

type deviceRow struct {
	ep  string
	row []byte
}

// collect runs a query and reads its rows.
func collect[T any](ctx context.Context, q cluster.Reader, sql string, args []any, read func(pgx.Rows) (T, error)) ([]T, error) {
	result, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(result, func(row pgx.CollectableRow) (T, error) { return read(row.(pgx.Rows)) })
}

// Devices implements [store.Store].
func (db *DB) Devices(ctx context.Context, q store.DeviceQuery) (page []store.Device, err error) {
	err = db.walkDevices(ctx, q, func(ep string, row []byte) (bool, error) {
		d, err := db.decodeDevice(ep, row)
		if db.skips(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("device %q: %w", ep, err)
		}
		page = append(page, d)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return page, nil
}

// DeviceOutlines implements [store.Store].
func (db *DB) DeviceOutlines(ctx context.Context, q store.DeviceQuery) (page []store.DeviceOutline, err error) {
	err = db.walkDevices(ctx, q, func(ep string, row []byte) (bool, error) {
		o, err := rows.OutlineDevice(row)
		err = unreadable(store.KindDevice, ep, err)
		if db.skips(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("device %q: %w", ep, err)
		}
		page = append(page, o)
		return true, nil
	})
	if err == nil {
		err = db.addSessions(ctx, page)
	}
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return page, nil
}

// addSessions adds the newest attempts to the outlines of a page.
func (db *DB) addSessions(ctx context.Context, page []store.DeviceOutline) error {
	names, at := make([]string, len(page)), make(map[string]int, len(page))
	for i, o := range page {
		names[i], at[string(o.Endpoint)] = string(o.Endpoint), i
	}
	type found struct {
		ep, id string
		row    []byte
	}
	var all []found
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) (err error) {
		all, err = collect(ctx, q, `select n.endpoint, s.id, s.row from unnest($1::text[]) as n (endpoint) cross join lateral
			(select id, row from session where session.endpoint = n.endpoint and proof < $2 order by id desc limit $3) s order by n.endpoint, s.id desc`,
			[]any{names, proofNone, store.OutlineSessions}, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.ep, &f.id, &f.row) })
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		o := &page[at[f.ep]]
		if o.Last != nil && o.Last.Cause != store.CauseIdle {
			continue
		}
		s, err := rows.OutlineSession(f.row)
		switch err = unreadable(store.KindSession, f.id, err); {
		case db.skips(err):
		case err != nil:
			return fmt.Errorf("session %q: %w", f.id, err)
		case o.Newest == nil:
			o.Newest, o.Last = &s, &s
		case s.Cause != store.CauseIdle:
			o.Last = &s
		}
	}
	return nil
}

// DeviceSample implements [store.Store].
func (db *DB) DeviceSample(ctx context.Context, profile string, n int) (total int, names []lwm2m.EndpointName, err error) {
	err = db.link.Snapshot(ctx, func(ctx context.Context, q cluster.Reader) error {
		total, names = 0, nil
		if err := q.QueryRow(ctx, "select count(*) from device where profile = $1", text(profile)).Scan(&total); err != nil || n <= 0 || total == 0 {
			return err
		}
		n := min(n, total)
		places := make([]int64, n)
		for i := range places { // the i-th of n is the one at i(total-1)/(n-1)
			places[i] = int64(i * (total - 1) / max(n-1, 1))
		}
		names, err = collect(ctx, q, "select endpoint from (select endpoint, row_number() over (order by endpoint) - 1 as place from device where profile = $1) d where place = any($2) order by place",
			[]any{text(profile), places}, func(rows pgx.Rows) (ep lwm2m.EndpointName, err error) { return ep, rows.Scan((*string)(&ep)) })
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("count devices of profile %q: %w", profile, err)
	}
	return total, names, nil
}

// DevicesHandedOver implements [store.Store].
func (db *DB) DevicesHandedOver(ctx context.Context, server, identity string, limit int) (names []lwm2m.EndpointName, err error) {
	sql, args := "select endpoint from device_handed_over where server = $1 order by identity, endpoint", []any{text(server)}
	if identity != "" {
		sql, args = "select endpoint from device_handed_over where server = $1 and identity = $2 order by endpoint", append(args, []byte(identity))
	}
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		names = nil
		result, err := q.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer result.Close()
		seen := make(map[string]bool)
		for len(names) < limit && result.Next() {
			var ep string
			if err := result.Scan(&ep); err != nil {
				return err
			}
			if !seen[ep] {
				seen[ep] = true
				names = append(names, lwm2m.EndpointName(ep))
			}
		}
		if len(names) == limit {
			return nil
		}
		return result.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list devices handed over to %q: %w", server, err)
	}
	return names, nil
}
