package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/audit"
	"lwbs/bootstrap/admin/server"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/store"
)

// maxMonitors is how many connections the address of --metrics has at a time; the oldest is closed
// for a new one. An answer may take monitorTime, from the request to the last byte.
const (
	maxMonitors = 64
	monitorTime = 15 * time.Second
)

// A site is a listener and what it serves over HTTP.
type site struct {
	listener net.Listener
	what     string // is served there, and its URL without the address, such as "metrics at http://%s/metrics"
	handler  http.Handler
	answer   time.Duration // the limit for an answer; zero for none
}

// serveSites serves all of them until ctx ends, or until one fails.
func serveSites(ctx context.Context, sites []site, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, s := range sites {
		go func() { ended <- server.Serve(ctx, s.listener, s.handler, s.answer, log) }()
	}
	var errs []error
	for range sites {
		errs = append(errs, <-ended)
		cancel()
	}
	return errors.Join(errs...)
}

// sites are the admin socket and, with --metrics, --leshan-api and --web, their addresses.
func (s *service) sites(at httpListeners) []site {
	local := s.administration()
	api := audit.New(local, s.db, access.Principal{Name: "unknown", Way: "unknown"})
	administration := server.New(api, s.log, s.metrics.Handler())
	sites := []site{{listener: at.admin, handler: server.Contain(administration, s.panics)}}
	if at.metrics != nil {
		sites = append(sites, site{at.metrics, "metrics at http://%s/metrics", server.Contain(monitor(local, s.metrics.Handler()), s.panics), monitorTime})
	}
	if at.leshan != nil {
		sites = append(sites, site{at.leshan, leshanWhat(at.leshan), server.Contain(s.leshanAPI(api), s.panics), monitorTime})
	}
	if at.web != nil {
		sites = append(sites, site{listener: at.web, what: webWhat(at.web), handler: server.Contain(s.webSite(api, administration), s.panics)})
	}
	return sites
}

// listenMonitor listens at addr, on the loopback interface where addr names no host.
func listenMonitor(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, command.Usagef("--metrics %q is not an address such as :9684 or 0.0.0.0:9684", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, listenError("metrics", addr, err)
	}
	return &yieldingListener{Listener: l, limit: maxMonitors}, nil
}

// monitor serves metrics and health. No record can be read or changed through it.
func monitor(api admin.API, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	for pattern, h := range server.Health(api) {
		mux.Handle(pattern, h)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "only GET of /metrics, /healthz and /readyz is served here; lwbs is administered over its Unix socket and, with --web, at that address", http.StatusNotFound)
	})
	return mux
}

// A measuredDB is a database whose operations are measured.
type measuredDB struct {
	store.Store
	store.Access
	store.AuditLog
	db command.Database
}

// Check implements [admin.Backend].
func (m measuredDB) Check(ctx context.Context) error { return m.db.Check(ctx) }

// Backup implements [admin.Backend].
func (m measuredDB) Backup(ctx context.Context, file string) error { return m.db.Backup(ctx, file) }

// WriteBackup implements [admin.Backend].
func (m measuredDB) WriteBackup(ctx context.Context, w io.Writer) error {
	return m.db.WriteBackup(ctx, w)
}

// Unreadable implements [admin.Backend].
func (m measuredDB) Unreadable() []*store.UnreadableError { return m.db.Unreadable() }

// tellSites prints their addresses.
func tellSites(out io.Writer, sites []site, socket string) {
	for _, s := range sites[1:] {
		fmt.Fprintf(out, s.what+"\n", s.listener.Addr())
	}
	fmt.Fprintf(out, "administered at unix:%s\n", socket)
}
