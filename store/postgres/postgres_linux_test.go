package postgres_test

import (
	"context"
	"sync"
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
	opts.Failed = func(err error) { t.Errorf("the database is not tidied: %v", err) }
	db, err := postgres.Open(context.WithoutCancel(t.Context()), pool.Copy(), "test", func(bool) (*seal.Keyring, error) { return k, nil }, opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestSuite checks the promises of a store.
func TestSuite(t *testing.T) {
	server := pgtest.Shared(t)
	type opened struct {
		pool *pgxpool.Config
		key  *seal.Keyring
	}
	var mu sync.Mutex
	of := make(map[store.Store]opened)
	storetest.Run(t, storetest.Backend{
		Open: func(t *testing.T) store.Store {
			o := opened{server.Fresh(t), keyring(t)}
			db := open(t, o.pool, o.key, suiteOptions)
			mu.Lock()
			defer mu.Unlock()
			of[db] = o
			return db
		},
		Reopen: func(t *testing.T, closed store.Store) store.Store {
			mu.Lock()
			defer mu.Unlock()
			o := of[closed]
			db := open(t, o.pool, o.key, suiteOptions)
			of[db] = o
			return db
		},
	})
}
