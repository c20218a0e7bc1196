package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

const (
	// maxFaults is how many faults a check reports.
	maxFaults = 100

	// checkGroup is how many records a check reads at a time.
	checkGroup = 1000
)

// A checking collects what is wrong.
type checking struct {
	db     *DB
	faults []error
	more   int // that were not kept
}

// Check reads every record and opens its secrets, and compares what is looked for with the records. The error has a line
// for each fault. The database is in use meanwhile: what an edit has changed while it was looked at is looked at
// again.
func (db *DB) Check(ctx context.Context) error {
	c := &checking{db: db}
	for _, step := range []func(context.Context) error{c.named, c.devices, c.strays, c.sessions, c.outbox} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("check database: %w", err)
		}
	}
	if c.more > 0 {
		c.faults = append(c.faults, fmt.Errorf("%w: %d more faults", store.ErrCorrupt, c.more))
	}
	return errors.Join(c.faults...)
}

func (c *checking) note(err error) {
	switch {
	case err == nil:
	case len(c.faults) < maxFaults:
		c.faults = append(c.faults, err)
	default:
		c.more++
	}
}

func (c *checking) fault(kind, key, format string, args ...any) {
	c.note(whole(&store.UnreadableError{Bucket: kind, Key: key, Err: fmt.Errorf("%w: "+format, append([]any{store.ErrCorrupt}, args...)...)}))
}

// whole says which record it is, which an UnreadableError leaves to whoever asked for that.
func whole(err error) error {
	if part := new(store.UnreadableError); errors.As(err, &part) {
		return fmt.Errorf("%s: %w", part.What(), part.Err)
	}
	return err
}

// walk calls each with all rows of a table, by its key.
func (c *checking) walk(ctx context.Context, table, key string, each func(key string, row []byte) error) error {
	type found struct {
		key string
		row []byte
	}
	after := ""
	for {
		var page []found
		err := c.db.link.View(ctx, func(ctx context.Context, q cluster.Reader) (err error) {
			page, err = collect(ctx, q, fmt.Sprintf("select %[1]s, row from %[2]s where %[1]s > $1 order by %[1]s limit %[3]d", key, table, checkGroup), []any{after}, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.key, &f.row) })
			return err
		})
		if err != nil {
			return err
		}
		for _, f := range page {
			after = f.key
			if err := each(f.key, f.row); err != nil {
				return err
			}
		}
		if len(page) < checkGroup {
			return nil
		}
	}
}

// named checks the kinds of records of which there are few.
func (c *checking) named(ctx context.Context) error {
	for _, kind := range []struct {
		table string
		read  func(name string, row []byte) error
	}{
		{profiles.table, func(name string, row []byte) error { _, err := profiles.read(c.db, name, row); return err }},
		{groups.table, func(name string, row []byte) error { _, err := groups.read(c.db, name, row); return err }},
		{lwm2mServers.table, func(name string, row []byte) error { _, err := lwm2mServers.read(c.db, name, row); return err }},
		{users.table, func(name string, row []byte) error { _, err := users.read(c.db, name, row); return err }},
		{tokens.table, func(name string, row []byte) error { _, err := tokens.read(c.db, name, row); return err }},
	} {
		err := c.walk(ctx, kind.table, "name", func(name string, row []byte) error {
			c.note(whole(kind.read(name, row)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// devices checks the devices, and what of them is looked for.
func (c *checking) devices(ctx context.Context) error {
	var group []store.Device
	flush := func() error {
		wrong, err := c.misindexed(ctx, group)
		if err == nil && len(wrong) > 0 { // perhaps edited meanwhile
			again, _ := c.again(ctx, wrong)
			wrong, err = c.misindexed(ctx, again)
		}
		for _, d := range wrong {
			c.fault(store.KindDevice, string(d.Endpoint), "what is looked for differs from the record")
		}
		group = group[:0]
		return err
	}
	err := c.walk(ctx, "device", "endpoint", func(ep string, row []byte) error {
		d, err := c.db.decodeDevice(ep, row)
		if err != nil {
			c.note(whole(err))
			return nil
		}
		if group = append(group, d); len(group) < checkGroup {
			return nil
		}
		return flush()
	})
	if err == nil && len(group) > 0 {
		err = flush()
	}
	return err
}

// again reads devices anew.
func (c *checking) again(ctx context.Context, ds []store.Device) (out []store.Device, err error) {
	for _, d := range ds {
		now, err := c.db.Device(ctx, d.Endpoint)
		if err == nil {
			out = append(out, now)
		}
	}
	return out, err
}

// misindexed are the devices of which a column or a row of an index differs from the record.
func (c *checking) misindexed(ctx context.Context, ds []store.Device) (wrong []store.Device, err error) {
	names := make([]string, len(ds))
	for i, d := range ds {
		names[i] = string(d.Endpoint)
	}
	have := make(map[string][]string)
	err = c.db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		clear(have)
		_, err := collect(ctx, q, `select endpoint, rev || ' ' || created || ' ' || profile || ' ' || coalesce(enrolment_group, '') from device where endpoint = any($1)
			union all select endpoint, 'identity ' || kind || ' ' || encode(identity, 'hex') from identity where endpoint = any($1)
			union all select endpoint, 'tag ' || tag from device_tag where endpoint = any($1)
			union all select endpoint, 'server ' || server || ' ' || encode(identity, 'hex') from device_handed_over where endpoint = any($1)`, []any{names}, func(rows pgx.Rows) (none struct{}, err error) {
			var ep, entry string
			err = rows.Scan(&ep, &entry)
			have[ep] = append(have[ep], entry)
			return none, err
		})
		return err
	})
	for _, d := range ds {
		want := []string{strings.Join([]string{fmt.Sprint(uint64(d.Revision)), fmt.Sprint(nanoseconds(d.Created)), d.Profile, d.Group}, " ")}
		x := indexOf(d)
		for _, k := range x.identities {
			want = append(want, fmt.Sprintf("identity %s %x", k.kind, k.identity))
		}
		for _, tag := range x.tags {
			want = append(want, "tag "+tag)
		}
		for _, k := range x.servers {
			want = append(want, fmt.Sprintf("server %s %x", k.kind, k.identity))
		}
		slices.Sort(want)
		got := have[string(d.Endpoint)]
		slices.Sort(got)
		if !slices.Equal(want, got) {
			wrong = append(wrong, d)
		}
	}
	return wrong, err
}

// strays checks that indexes lead to devices, that devices have profiles and groups, and that counts are right.
func (c *checking) strays(ctx context.Context) error {
	return c.db.link.Report(ctx, func(ctx context.Context, q cluster.Reader) error {
		for what, sql := range map[string]string{
			"identities of no device":                   "select count(*) from identity i where not exists (select 1 from device d where d.endpoint = i.endpoint)",
			"tags of no device":                         "select count(*) from device_tag i where not exists (select 1 from device d where d.endpoint = i.endpoint)",
			"hand-overs of no device":                   "select count(*) from device_handed_over i where not exists (select 1 from device d where d.endpoint = i.endpoint)",
			"devices without their profile":             "select count(*) from device d where not exists (select 1 from profile p where p.name = d.profile)",
			"devices without their group":               "select count(*) from device d where enrolment_group is not null and not exists (select 1 from enrolment_group g where g.name = d.enrolment_group)",
			"devices too many or too few in the count":  "select abs((select count(*) from device) - (select coalesce(sum(n), 0) from tally where name = '" + tallyDevices + "'))::bigint",
			"messages too many or too few in the count": "select abs((select count(*) from outbox) - (select queued + dead from outbox_count where receiver = ''))::bigint",
		} {
			n := 0
			if err := q.QueryRow(ctx, sql).Scan(&n); err != nil {
				return err
			}
			if n != 0 {
				c.note(fmt.Errorf("%w: %d %s", store.ErrCorrupt, n, what))
			}
		}
		return nil
	})
}

func (c *checking) sessions(ctx context.Context) error {
	return c.walk(ctx, "session", "id", func(id string, row []byte) error {
		s, err := decodeSession(id, row)
		if err == nil && s.ID != id {
			c.fault(store.KindSession, id, "it is of %q", s.ID)
		}
		c.note(whole(err))
		return nil
	})
}

func (c *checking) outbox(ctx context.Context) error {
	for _, dead := range []bool{false, true} {
		for q := (store.MessageQuery{Dead: dead, Limit: checkGroup}); ; {
			page, err := c.db.Messages(ctx, q)
			if err != nil {
				return err
			}
			if len(page) < q.Limit {
				break
			}
			q.After = page[len(page)-1].Cursor()
		}
	}
	for _, part := range c.db.Unreadable() {
		if part.Bucket == store.KindMessage {
			c.note(whole(part))
		}
	}
	return c.walk(ctx, "pending_device", "id", func(id string, row []byte) error {
		_, err := rows.DecodePendingDevice(row)
		c.note(whole(unreadable(store.KindPendingDevice, id, err)))
		return nil
	})
}

// Stats implements [store.Store].
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	s := store.Stats{Backend: "postgres", Schema: schema}
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, `select (select coalesce(sum(n), 0)::bigint from tally where name = $1), (select count(*) from profile), (select count(*) from enrolment_group), (select count(*) from lwm2m_server),
			(select count(*) from session), pg_database_size(current_database())`, tallyDevices).Scan(&s.Devices, &s.Profiles, &s.Groups, &s.LwM2MServers, &s.Sessions, &s.Bytes)
	})
	if err != nil {
		return store.Stats{}, fmt.Errorf("database statistics: %w", err)
	}
	return s, nil
}

// errOwnTools: a copy of the database is not made here.
var errOwnTools = errors.New("a PostgreSQL is backed up with its own tools, such as pg_basebackup or pg_dump, and with a copy of the key file in another place")

// Backup says that backups are made otherwise.
func (db *DB) Backup(context.Context, string) error { return errOwnTools }

// WriteBackup says that backups are made otherwise.
func (db *DB) WriteBackup(context.Context, io.Writer) error { return errOwnTools }
