package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres"
	"lwbs/store/postgres/pgtest"
)

// withReceiver opens a database in which an event makes a message.
func withReceiver(t *testing.T, proxy *pgtest.Proxy, pool *pgxpool.Config, opts postgres.Options) *postgres.DB {
	t.Helper()
	opts.TidyEvery = time.Hour // which is an edit, too
	db := open(t, proxy.Through(pool), keyring(t), opts)
	t.Cleanup(func() { _ = db.Close() })
	hook := store.LwM2MServer{Name: "hook", Kind: store.KindWebhook, Address: "http://127.0.0.1:1", Secret: lwm2m.NewSecret(bytes.Repeat([]byte("s"), 32)), Events: []store.EventType{store.EventExpiring}}
	if _, err := db.PutLwM2MServer(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	if err := db.Tidy(t.Context()); err != nil { // what runs after the opening has run then
		t.Fatal(err)
	}
	return db
}

var expiring = store.Event{Type: store.EventExpiring, At: time.Now(), Data: struct{}{}}

// messages are the numbers of those that wait.
func messages(t *testing.T, db *postgres.DB) (ids []store.MessageID) {
	t.Helper()
	all, err := db.Messages(t.Context(), store.MessageQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

// An edit whose commit was sent when the connection was lost is stored once, whether the database got it or not.
func TestLostCommit(t *testing.T) {
	server := pgtest.Shared(t)
	for name, cut := range map[string]pgtest.Cut{"before the database has it": pgtest.CutAtCommit, "before the answer": pgtest.CutAtCommitted} {
		t.Run(name, func(t *testing.T) {
			proxy := server.Proxy(t)
			db := withReceiver(t, proxy, server.Fresh(t), postgres.Options{})
			for i := range 3 { // an event that is told again would be another message
				proxy.Cut(cut)
				n, err := db.AppendEvent(t.Context(), expiring)
				if err != nil || n != 1 {
					t.Fatalf("event %d: %d messages, %v", i, n, err)
				}
				if got := messages(t, db); len(got) != i+1 || proxy.Cuts() != i+1 {
					t.Fatalf("event %d: there are the messages %v, and %d connections were cut", i, got, proxy.Cuts())
				}
			}
			proxy.Cut(cut)
			p, err := db.PutProfile(t.Context(), store.Profile{Name: "p"})
			if err != nil || p.Revision != 1 {
				t.Errorf("a profile is made as %+v, %v", p, err)
			}
		})
	}
}

// A commit that comes to the database after the edit was found not to be stored, and was repeated, has no effect.
func TestLateCommit(t *testing.T) {
	server := pgtest.Shared(t)
	proxy := server.Proxy(t)
	pool := server.Fresh(t)
	db := withReceiver(t, proxy, pool, postgres.Options{})
	proxy.Cut(pgtest.CutLateCommit)
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() { // its first try has locks, which the second waits for
		n, err := db.AppendEvent(context.WithoutCancel(t.Context()), expiring)
		done <- result{n, err}
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if stored := server.Int(t, pool.ConnConfig.RuntimeParams["search_path"], "select count(*) from edit where not stored"); stored == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the edit is not looked for")
		}
	}
	if answer := proxy.Release(); !bytes.Contains(answer, []byte("23505")) || bytes.Contains(answer, []byte("COMMIT")) {
		t.Errorf("the late commit is answered with %q", answer)
	}
	if r := <-done; r.err != nil || r.n != 1 {
		t.Errorf("%d messages, %v", r.n, r.err)
	}
	if got := messages(t, db); len(got) != 1 {
		t.Errorf("there are the messages %v", got)
	}
}

// Where the database cannot be reached, calls end with an error that names it, edits with their context, and Writing
// tells since when one waits. Afterwards everything works again, without being opened anew.
func TestUnreachable(t *testing.T) {
	server := pgtest.Shared(t)
	proxy := server.Proxy(t)
	db := withReceiver(t, proxy, server.Fresh(t), postgres.Options{Patience: 300 * time.Millisecond, Failed: func(error) {}})
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	proxy.Refuse(true)
	proxy.CutAll()
	_, err := db.Profile(t.Context(), "p")
	if !errors.Is(err, store.ErrUnreachable) || !strings.Contains(err.Error(), "test") || strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("a look-up ends with %v", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("a ping ends with %v", err)
	}
	_, err = db.PutProfile(t.Context(), store.Profile{Name: "q"})
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("an edit ends with %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err = db.PutProfile(short, store.Profile{Name: "q"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an edit ends with %v in place of its context", err)
	}
	if took := db.Writing(); took != 0 {
		t.Errorf("an edit has been under way for %v", took)
	}
	proxy.Refuse(false)
	if p, err := db.Profile(t.Context(), "p"); err != nil || p.Revision != 1 {
		t.Errorf("afterwards the profile is %+v, %v", p, err)
	}
	if _, err = db.PutProfile(t.Context(), store.Profile{Name: "q"}); err != nil {
		t.Errorf("afterwards an edit ends with %v", err)
	}
}

// Calls go on through a short time without the database.
func TestDatabaseRestarts(t *testing.T) {
	server := pgtest.Start(t, "fsync=off")
	db := open(t, server.Fresh(t), keyring(t), postgres.Options{Patience: time.Minute, Failed: func(error) {}})
	defer db.Close()
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	done := make(chan error, 2)
	go func() { _, err := db.Profile(t.Context(), "p"); done <- err }()
	go func() {
		_, err := db.PutDevice(t.Context(), store.Device{Endpoint: "d", Profile: "p"})
		done <- err
	}()
	server.Restart(t, "fsync=off")
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if _, err := db.Device(t.Context(), "d"); err != nil {
		t.Error(err)
	}
	if took := db.Writing(); took != 0 {
		t.Errorf("an edit has been under way for %v", took)
	}
}
