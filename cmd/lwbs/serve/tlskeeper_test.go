package serve

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/panics"
	"lwbs/cmd/lwbs/internal/clitest"
)

// Files that change are read again within seconds; what does not load is told once, and
// what was there before stays.
func TestTLSKeeper(t *testing.T) {
	p := clitest.NewPKI(t)
	synctest.Test(t, func(t *testing.T) {
		var log clitest.Log
		k, err := newTLSKeeper(t.Context(), filesOf(p), slog.New(slog.NewTextHandler(&log, nil)), panics.New(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.watch(ctx)
		}()
		wait := func() {
			time.Sleep(lookEvery) // in the bubble, where it takes no time
			synctest.Wait()
		}
		shows := func(what string, want tls.Certificate) {
			t.Helper()
			if got := k.certificates(); len(got) != 1 || !got[0].Leaf.Equal(want.Leaf) {
				t.Errorf("%s: the server does not show %v", what, want.Leaf.Subject)
			}
		}
		said := func(what, text string, times int) {
			t.Helper()
			if n := strings.Count(log.String(), text); n != times {
				t.Errorf("%s: %q was logged %d times, want %d:\n%s", what, text, n, times, log.String())
			}
		}
		shows("at first", p.Server)
		wait()
		said("nothing new", "certificates loaded", 1)

		second := p.CA.Server(t, "second.example.com", certtest.RSA(t))
		cert, key := certtest.WriteFiles(t, second)
		rename(t, cert, p.Cert)
		wait()
		wait()
		shows("with the key missing", p.Server)
		said("with the key missing", "certificates do not load", 1)
		rename(t, key, p.Key)
		wait()
		shows("with the key", second)
		said("with the key", "certificates loaded", 2)

		k.renew(ctx, true)
		said("when asked", "certificates loaded", 3)
		stop()
		<-done
	})
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// What is over, or will be soon, is told when it is loaded.
func TestTLSKeeperWarns(t *testing.T) {
	p := clitest.NewPKI(t)
	until := func(d time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(-100*time.Hour), time.Now().Add(d) }
	}
	for want, d := range map[string]time.Duration{
		"level=ERROR msg=\"a certificate has expired\" subject=\"CN=it\"": -time.Hour,
		"level=WARN msg=\"a certificate expires soon\" subject=\"CN=it\"": admin.ExpiresSoon - time.Hour,
		"": admin.ExpiresSoon + time.Hour,
	} {
		var log bytes.Buffer
		files := filesOf(p)
		cert, key := certtest.WriteFiles(t, p.CA.Server(t, "it", certtest.P256(t), until(d)))
		files.certificates[0], files.keys[0] = cert, key
		k, err := newTLSKeeper(t.Context(), files, slog.New(slog.NewTextHandler(&log, nil)), panics.New(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), `subject="CN=it"`); got != (want != "") || !strings.Contains(log.String(), want) {
			t.Errorf("with %v left the log says\n%s", d, log.String())
		}
		if want := time.Now().Add(d); want.Before(p.CA.Certificate.NotAfter) && k.firstExpiry().Sub(want).Abs() > time.Minute {
			t.Errorf("with %v left the first to expire does so at %v", d, k.firstExpiry())
		}
	}
}
