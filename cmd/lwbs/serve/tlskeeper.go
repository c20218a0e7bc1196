package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
)

// A tlsKeeper holds the certificates of a server and reloads them when their files change. If they
// do not load, it keeps those it has.
type tlsKeeper struct {
	log     *slog.Logger
	panics  *panics.Guard
	content atomic.Pointer[tlsContent]

	mu    sync.Mutex       // is held while they are loaded
	files tlsFiles         // guarded by mu
	seen  map[string]stamp // the state of the files at the last load, good or not; guarded by mu
}

// A stamp identifies a state of a file; a file that does not exist has none.
type stamp struct {
	changed time.Time
	size    int64
}

// lookEvery is the interval at which the files are checked for changes.
const lookEvery = 5 * time.Second

// newTLSKeeper returns a tlsKeeper that has read the files.
func newTLSKeeper(ctx context.Context, files tlsFiles, log *slog.Logger, guard *panics.Guard) (*tlsKeeper, error) {
	k := &tlsKeeper{files: files, log: log, panics: guard, seen: stamps(files)}
	content, err := k.load(ctx, files)
	if err != nil {
		return nil, err
	}
	k.use(content)
	return k, nil
}

// certificates returns the current certificates of the server.
func (k *tlsKeeper) certificates() []tls.Certificate { return k.content.Load().certificates }

// trust returns what the server trusts currently.
func (k *tlsKeeper) trust() *auth.Trust { return k.content.Load().trust }

// firstExpiry returns when the first certificate expires, of the server's and the CAs'.
func (k *tlsKeeper) firstExpiry() (first time.Time) {
	for _, c := range k.content.Load().all {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// statuses tell when each certificate expires, of the server's and the CAs'.
func (k *tlsKeeper) statuses() (all []admin.CertificateStatus) {
	for _, c := range k.content.Load().all {
		all = append(all, admin.CertificateStatus{Subject: c.Subject.String(), Expires: c.NotAfter.UTC()})
	}
	return all
}

// shown are the certificates themselves.
func (k *tlsKeeper) shown() []*x509.Certificate { return k.content.Load().all }

// watch reloads the certificates when their files change, until ctx ends.
func (k *tlsKeeper) watch(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			k.renew(ctx, false)
		}
	}
}

// renew reloads the files; without always only if they have changed.
func (k *tlsKeeper) renew(ctx context.Context, always bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := stamps(k.files)
	if !always && maps.Equal(now, k.seen) {
		return
	}
	k.seen = now
	content, err := k.load(ctx, k.files)
	if err != nil {
		k.log.Error("certificates do not load; the former ones stay in use", "error", err)
		return
	}
	k.use(content)
}

// replace takes other files into use, with their content.
func (k *tlsKeeper) replace(files tlsFiles, content *tlsContent) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files, k.seen = files, stamps(files)
	k.use(content)
}

// load reads files. A panic is an error.
func (k *tlsKeeper) load(ctx context.Context, files tlsFiles) (content *tlsContent, err error) {
	defer k.panics.Contain(panics.Files, func() { content, err = nil, outcome.ErrPanicked })
	return files.load(ctx)
}

// use takes content into use, and logs it with warnings.
func (k *tlsKeeper) use(content *tlsContent) {
	k.content.Store(content)
	if len(content.certificates) == 0 {
		return
	}
	k.log.Info("certificates loaded", "own", len(content.certificates), "cas", len(content.all)-len(content.certificates), "revoked", content.revoked)
	for _, c := range content.all {
		switch left := time.Until(c.NotAfter); {
		case left <= 0:
			k.log.Error("a certificate has expired", "subject", c.Subject.String(), "on", c.NotAfter)
		case left < admin.ExpiresSoon:
			k.log.Warn("a certificate expires soon", "subject", c.Subject.String(), "on", c.NotAfter)
		}
	}
	for _, file := range content.outdated {
		k.log.Warn("a list of revoked certificates is outdated; it is still used", "file", file)
	}
}

func stamps(files tlsFiles) map[string]stamp {
	out := make(map[string]stamp)
	for _, file := range files.all() {
		if info, err := os.Stat(file); err == nil {
			out[file] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}
