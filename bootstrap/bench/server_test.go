//go:build linux

package bench_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A server is lwbs in a process of its own.
type server struct {
	cmd         *exec.Cmd
	db          string
	coap, coaps netip.AddrPort
	stderr      bytes.Buffer
	stopped     bool
}

// startServer starts a server that knows every device of [population]. It is stopped
// with the benchmark.
func startServer(b *testing.B, options ...string) *server {
	b.Helper()
	s := &server{db: filepath.Join(b.TempDir(), "lwbs.db")}
	for _, suffix := range []string{"", ".key"} {
		if err := copyFile(s.db+suffix, assets(b).db+suffix); err != nil {
			b.Fatal(err)
		}
	}
	arguments := append([]string{"--db", s.db, "serve", "--log", "error", "--coap", "127.0.0.1:0", "--coaps", "127.0.0.1:0"}, options...)
	s.cmd = exec.Command(assets(b).command, arguments...)
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		b.Fatalf("start lwbs: %v", err)
	}
	b.Cleanup(func() { s.stop(b) })
	if err := s.awaitListening(stdout); err != nil {
		b.Fatalf("start lwbs: %v\n%s", err, s.stderr.String())
	}
	return s
}

// awaitListening reads where the server listens.
func (s *server) awaitListening(stdout io.Reader) (err error) {
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		uri, ok := strings.CutPrefix(lines.Text(), "listening on ")
		if !ok {
			go io.Copy(io.Discard, stdout)
			return nil // "administered at": it is ready
		}
		scheme, addr, _ := strings.Cut(uri, "://")
		at := &s.coap
		if scheme == "coaps" {
			at = &s.coaps
		}
		if *at, err = netip.ParseAddrPort(addr); err != nil {
			return err
		}
	}
	return io.ErrUnexpectedEOF
}

// stop ends the server, which must end well.
func (s *server) stop(b *testing.B) {
	if s.stopped {
		return
	}
	s.stopped = true
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		b.Errorf("lwbs: %v", err)
	}
	if s.stderr.Len() > 0 {
		b.Errorf("lwbs complained: %.2000s", s.stderr.String())
	}
}

// A usage is what a process has used so far, or holds now.
type usage struct {
	memory int64         // resident now, in bytes
	cpu    time.Duration // of all threads, since the start
}

// usage reads proc(5).
func (s *server) usage(b *testing.B) usage {
	b.Helper()
	u, err := usageOf(s.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// ownUsage is that of this process, which is where the devices are.
func ownUsage(b *testing.B) usage {
	b.Helper()
	u, err := usageOf(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// clockTick is the unit of processor time in proc(5): USER_HZ is 100 everywhere.
const clockTick = 10 * time.Millisecond

func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // from state, which is the third
	const utime, stime, rss = 14 - 3, 15 - 3, 24 - 3
	if len(fields) <= rss {
		return u, errors.New("/proc/PID/stat is too short")
	}
	for _, i := range []int{utime, stime} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * clockTick
	}
	pages, err := strconv.ParseInt(fields[rss], 10, 64)
	u.memory = pages * int64(os.Getpagesize())
	return u, err
}

// watchMemory samples the resident memory until the function that it returns is called,
// which returns the most that was seen.
func (s *server) watchMemory(b *testing.B) (highest func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var top int64
		every := time.NewTicker(50 * time.Millisecond)
		defer every.Stop()
		for {
			if u, err := usageOf(s.cmd.Process.Pid); err == nil {
				top = max(top, u.memory)
			}
			select {
			case <-every.C:
			case <-stop:
				result <- top
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

// agrees stops the server, which lets its sessions end, and fails the benchmark where its
// history knows a device of f whose last session did not end well. It ends f.
func (s *server) agrees(b *testing.B, f *field) {
	b.Helper()
	s.stop(b)
	f.leave()
	keyring, err := seal.LoadKeyring(s.db + ".key")
	if err != nil {
		b.Fatal(err)
	}
	db, err := bolt.Open(s.db, keyring, bolt.Options{ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for d := range f.devices() {
		if d.phase != done {
			continue
		}
		last, err := db.Sessions(b.Context(), store.SessionQuery{Endpoint: lwm2m.EndpointName(d.name), Limit: 1})
		switch {
		case err != nil:
			b.Fatal(err)
		case len(last) == 0:
			b.Errorf("%s: the device is done, and the server knows no session", d.name)
		case last[0].Cause != store.CauseDone:
			b.Errorf("%s: the device is done, and for the server it is %s: %s", d.name, last[0].Cause, last[0].Detail)
		}
	}
}
