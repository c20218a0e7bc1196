package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"lwbs/store"
	"lwbs/store/postgres/pgtest"
)

// Two servers on one database serve the same devices, deliver each event once, and one goes on when the other ends.
func TestTwoServersOnePostgres(t *testing.T) {
	a := newShell(t)
	t.Chdir(a.dir)
	a.db = pgtest.Start(t, "fsync=off").URL()
	t.Setenv("LWBS_KEY_FILE", a.path("sealing.key"))
	b := &shell{t: t, dir: a.dir, db: a.db}

	var mu sync.Mutex
	told := make(map[string]int) // by the ID of the message
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		told[r.Header.Get("webhook-id")]++
	}))
	t.Cleanup(web.Close)
	a.ok("profile apply -f $D/meter.yaml")
	a.ok("lwm2m-server add hook --kind webhook --address " + web.URL + " --event device.bootstrapped")
	for _, ep := range []string{"one", "two"} {
		a.ok("device add " + ep + " --profile meter --psk-key-file $D/key.hex --psk-key-format hex")
	}
	t.Setenv("LWBS_ADMIN", "unix:"+a.path("a.sock"))
	endOfA := a.serveLogging(io.Discard)
	t.Setenv("LWBS_ADMIN", "unix:"+a.path("b.sock"))
	b.serveLogging(io.Discard)

	bootstrap := func(at *shell, ep string) {
		t.Helper()
		at.ok("probe coaps://" + at.coaps + " --endpoint " + ep + " --psk-key-file $D/key.hex --psk-key-format hex")
	}
	delivered := func(n int) {
		t.Helper()
		b.await("outbox list --json --receiver hook", "[]\n")
		mu.Lock()
		defer mu.Unlock()
		for id, times := range told {
			if times != 1 {
				t.Errorf("%s was told %d times", id, times)
			}
		}
		if len(told) != n {
			t.Errorf("%d events were told, want %d", len(told), n)
		}
	}
	bootstrap(a, "one")
	bootstrap(b, "one")
	bootstrap(a, "two")
	if got := b.causes("one"); len(got) != 2 || got[0] != store.CauseDone || got[1] != store.CauseDone {
		t.Errorf("the device has the sessions %v", got)
	}
	delivered(3)
	endOfA()
	bootstrap(b, "two")
	delivered(4)
	contains(t, "at the end", b.ok("db check"), "sound")
}
