package postgres

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/seal"
)

// schema is the version of the layout that this package writes.
const schema = 2

// migrations are what brings the layout from one version to the next, in order. They are plain SQL that
// other databases with the protocol of PostgreSQL have, too, partitions apart.
var migrations = [schema][]string{layout1, layout2}

// layout1 is the first layout. Records are rows of package rows; the columns beside them are what is looked for.
// Times are nanoseconds since 1970, since the database has microseconds only. Identities are bytes.
var layout1 = []string{
	// edit has a number for each edit of the last hour: see package cluster.
	`create table edit (id bytea primary key, stored boolean not null, at timestamptz not null)`,
	`create index edit_at on edit (at)`,

	`create table profile (name text collate "C" primary key, rev bigint not null, created bigint not null, row bytea not null)`,
	`create table former_profile (name text collate "C", rev bigint, row bytea not null, primary key (name, rev))`,
	`create table enrolment_group (name text collate "C" primary key, rev bigint not null, created bigint not null, profile text collate "C" not null, max_devices integer not null, row bytea not null)`,
	`create table lwm2m_server (name text collate "C" primary key, rev bigint not null, created bigint not null, row bytea not null)`,

	`create table device (endpoint text collate "C" primary key, rev bigint not null, created bigint not null, profile text collate "C" not null, enrolment_group text collate "C", row bytea not null)`,
	`create index device_profile on device (profile, endpoint)`,
	`create index device_group on device (enrolment_group, endpoint) where enrolment_group is not null`,
	`create table identity (kind text collate "C", identity bytea, endpoint text collate "C" not null, primary key (kind, identity))`,
	`create index identity_endpoint on identity (endpoint)`,
	`create table device_tag (tag text collate "C", endpoint text collate "C", primary key (tag, endpoint))`,
	`create index device_tag_endpoint on device_tag (endpoint)`,
	`create table device_handed_over (server text collate "C", identity bytea, endpoint text collate "C", primary key (server, identity, endpoint))`,
	`create index device_handed_over_endpoint on device_handed_over (endpoint)`,

	// tally counts devices, of all and of each group, in several rows, so that edits do not wait for each other.
	`create table tally (name text collate "C", part smallint, n bigint not null, primary key (name, part))`,

	// session is divided by ID, which begins with a time. History is of which it is one: see historyOf.
	`create table session (id text collate "C" primary key, endpoint text collate "C" not null, claimed text collate "C" not null, identity text collate "C" not null,
		proof smallint not null, history smallint not null, failed boolean not null, row bytea not null) partition by range (id)`,
	`create index session_endpoint on session (endpoint, id)`,
	`create index session_claimed on session (claimed, id) where claimed <> ''`,
	`create index session_identity on session (identity, id) where identity <> ''`,
	`create index session_failed on session (id) where failed`,
	`create index session_history on session (history, id)`,
	`create table session_other partition of session default`,
	`create table failure_series (endpoint text collate "C" primary key, row bytea not null)`,

	`create table pending_device (id text collate "C" primary key, row bytea not null)`,

	`create table outbox (id bigint primary key, receiver text collate "C" not null, endpoint text collate "C" not null, dead boolean not null, event boolean not null, size bigint not null, row bytea not null)`,
	`create index outbox_receiver on outbox (receiver, id)`,
	`create table outbox_count (receiver text collate "C" primary key, queued bigint not null default 0, events bigint not null default 0, dead bigint not null default 0,
		bytes bigint not null default 0, lost bigint not null default 0, last bigint not null default 0)`,
	`insert into outbox_count (receiver) values ('')`, // of all, with the number of the last message
	`create table outbox_told (once bytea primary key, until bigint not null)`,

	`create table campaign (id text collate "C" primary key, rev bigint not null, ended boolean not null, row bytea not null, progress bytea)`,
	`create table campaign_device (id text collate "C", endpoint text collate "C", open boolean not null, row bytea not null, primary key (id, endpoint))`,

	`create table admin_user (name text collate "C" primary key, rev bigint not null, created bigint not null, row bytea not null)`,
	`create table token (name text collate "C" primary key, rev bigint not null, created bigint not null, owner text collate "C" not null, row bytea not null)`,
	`create table web_session (key text collate "C" primary key, name text collate "C" not null, way text collate "C" not null, of_user boolean not null, seen bigint not null, row bytea not null)`,
	`create table audit (id bigint primary key, at bigint not null, name text collate "C" not null, action text collate "C" not null, target text collate "C" not null, row bytea not null)`,

	`insert into meta (k, v) values ('groups', '1'), ('servers', '1'), ('audit', '0')`,
}

// layout2 adds what servers lead: see [DB.Lead].
var layout2 = []string{
	`create table lease (name text collate "C" primary key, owner bytea not null, until timestamptz not null)`,
}

// keyCheckPlace and keyCheckText tell at the opening whether the Keyring fits.
const (
	keyCheckPlace = "lwbs/1\x00meta\x00keycheck"
	keyCheckText  = "lwbs"
)

// hasTables returns ErrNoTables where there are none.
func hasTables(ctx context.Context, link *cluster.DB) error {
	found := false
	err := link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, "select to_regclass('meta') is not null").Scan(&found)
	})
	if err == nil && !found {
		err = ErrNoTables
	}
	return err
}

// migrate brings the layout up to date, one server at a time.
func migrate(ctx context.Context, link *cluster.DB) error {
	if err := link.Exec(ctx, `create table if not exists meta (k text collate "C" primary key, v text not null)`); err != nil {
		var have int // another server makes it at the same moment
		if again := link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
			return q.QueryRow(ctx, "select count(*) from meta").Scan(&have)
		}); again != nil {
			return err
		}
	}
	if err := link.Exec(ctx, `insert into meta (k, v) values ('schema', '0') on conflict do nothing`); err != nil {
		return err
	}
	return link.Migrate(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var text string
		if err := tx.QueryRow(ctx, "select v from meta where k = 'schema' for update").Scan(&text); err != nil {
			return err
		}
		have, err := strconv.Atoi(text)
		switch {
		case err != nil || have < 0:
			return fmt.Errorf("%w: schema %.40q", store.ErrCorrupt, text)
		case have > schema:
			return fmt.Errorf("%w: it has schema %d, this program knows %d: use a newer lwbs", store.ErrSchema, have, schema)
		}
		for _, steps := range migrations[have:] {
			for _, step := range steps {
				if _, err := tx.Exec(ctx, step); err != nil {
					return err
				}
			}
		}
		if have < schema {
			_, err = tx.Exec(ctx, "update meta set v = $1 where k = 'schema'", strconv.Itoa(schema))
		}
		return err
	})
}

// unlock returns the Keyring of a database. KeyringFor is asked for it with whether the database is fresh: it has no
// sealed record yet, so that the key may be a new one.
func unlock(ctx context.Context, link *cluster.DB, keyringFor func(fresh bool) (*seal.Keyring, error)) (*seal.Keyring, error) {
	check, err := keyCheck(ctx, link)
	if err != nil {
		return nil, err
	}
	keyring, err := keyringFor(check == nil)
	if err != nil {
		return nil, err
	}
	if check == nil {
		sealed := base64.StdEncoding.EncodeToString(keyring.Seal([]byte(keyCheckText), keyCheckPlace))
		if err := link.Exec(ctx, "insert into meta (k, v) values ('keycheck', $1) on conflict do nothing", sealed); err != nil {
			return nil, err
		}
		if check, err = keyCheck(ctx, link); err != nil { // that of another server that came first
			return nil, err
		}
	}
	if text, err := keyring.Open(check, keyCheckPlace); err != nil || string(text) != keyCheckText {
		return nil, fmt.Errorf("database %s: %w: the secrets of the database were sealed with another key", link.Name(), store.ErrNoKey)
	}
	return keyring, nil
}

// keyCheck is what tells whether a Keyring fits; nil for a fresh database.
func keyCheck(ctx context.Context, link *cluster.DB) (check []byte, err error) {
	err = link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		var text string
		err := q.QueryRow(ctx, "select v from meta where k = 'keycheck'").Scan(&text)
		if errors.Is(err, pgx.ErrNoRows) {
			check = nil
			return nil
		}
		if err == nil {
			check, err = base64.StdEncoding.DecodeString(text)
		}
		return err
	})
	return check, err
}
