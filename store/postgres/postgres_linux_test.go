package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"lwbs/store"
	"lwbs/store/postgres"
	"lwbs/store/postgres/pgtest"
	"lwbs/store/seal"
	"lwbs/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// suiteOptions have the limits that the suite expects.
var suiteOptions = postgres.Options{
	SessionsPerDevice: storetest.SessionsPerDevice, Sessions: storetest.Sessions,
	UnprovedPerDevice: storetest.UnprovedPerDevice, UnprovedSessions: storetest.UnprovedSessions, UnknownSessions: storetest.UnknownSessions,
	Messages: storetest.Messages, EventsOfReceiver: storetest.EventsOfReceiver, DeadLetters: storetest.DeadLetters, AuditEntries: storetest.AuditEntries,
}

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, pool *pgxpool.Config, k *seal.Keyring, opts postgres.Options) *postgres.DB {
	t.Helper()
	if opts.Failed == nil {
		opts.Failed = func(err error) { t.Errorf("the database is not tidied: %v", err) }
	}
	db, err := postgres.Open(context.WithoutCancel(t.Context()), pool.Copy(), "test", func(bool) (*seal.Keyring, error) { return k, nil }, opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestSuite checks the promises of a store.
func TestSuite(t *testing.T) {
	server := pgtest.Shared(t)
	pool := server.Fresh(t) // tables that are emptied are had sooner than new ones
	of := make(map[store.Store]*seal.Keyring)
	storetest.Run(t, storetest.Backend{
		Open: func(t *testing.T) store.Store {
			if len(of) > 0 {
				empty(t, server, pool)
			}
			k := keyring(t)
			db := open(t, pool, k, suiteOptions)
			of[db] = k
			return db
		},
		Reopen: func(t *testing.T, closed store.Store) store.Store {
			return open(t, pool, of[closed], suiteOptions)
		},
	})
}

// empty makes a database as it was when its tables had been made.
func empty(t *testing.T, server *pgtest.Server, pool *pgxpool.Config) {
	t.Helper()
	server.Exec(t, "set search_path = "+pool.ConnConfig.RuntimeParams["search_path"], `do $$ declare t text; begin
		for t in select c.oid::regclass from pg_class c where c.relnamespace = current_schema::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'meta' loop
			execute 'delete from ' || t;
		end loop;
		delete from meta where k = 'keycheck';
		insert into outbox_count (receiver) values ('');
		update meta set v = '0' where k = 'audit';
	end $$`)
}
