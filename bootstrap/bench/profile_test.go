//go:build linux

package bench_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var profiles = flag.String("profiles", "", "`directory` to keep what the server spends its processor time on in storms: profiles in the format of pprof")

// record begins to watch the server for so long, where that is wanted, and returns a
// function that waits for the end of it and keeps the profile under that name.
func (s *server) record(b *testing.B, name string, d time.Duration) (keep func()) {
	if *profiles == "" {
		return func() {}
	}
	out, ended := filepath.Join(*profiles, name+".pprof"), make(chan error, 1)
	go func() { ended <- s.fetch(out, fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", d.Seconds())) }()
	return func() {
		if err := <-ended; err != nil {
			b.Errorf("profile of %s: %v", name, err)
		}
	}
}

// fetch keeps what the admin socket answers to GET of path in a file.
func (s *server) fetch(file, path string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.db+".sock")
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	answer, err := client.Get("http://lwbs" + path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, b)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}
