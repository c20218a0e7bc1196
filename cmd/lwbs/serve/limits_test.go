package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/cmd/lwbs/internal/clitest"
)

// A list of revoked certificates has 64 MiB.
func TestBytesOfARevocationList(t *testing.T) {
	p := clitest.NewPKI(t)
	text, err := os.ReadFile(p.List)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.List, append(text, bytes.Repeat([]byte("\n"), 64<<20-len(text))...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := filesOf(p).load(t.Context()); err != nil {
		t.Errorf("64 MiB: %v", err)
	}
	if err := os.Truncate(p.List, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	if _, err := filesOf(p).load(t.Context()); err == nil || !strings.Contains(err.Error(), "has more than 67108864 bytes") {
		t.Errorf("64 MiB and a byte: %v", err)
	}
}

// A pipeListener accepts one connection, without a network.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.closed)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// An answer at the address of --metrics has 15 s, from the request to its last byte; then the connection is
// closed.
func TestTimeOfAMonitorAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &pipeListener{make(chan net.Conn, 1), make(chan struct{})}
		endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- serveSites(ctx, []site{{listener: l, handler: endless, answer: monitorTime}}, slog.New(slog.DiscardHandler))
		}()
		ours, theirs := net.Pipe()
		l.conns <- theirs
		if _, err := io.WriteString(ours, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		b := make([]byte, 1)
		var err error
		for err == nil { // a byte in each second
			time.Sleep(time.Second)
			_, err = ours.Read(b)
		}
		if took := time.Since(began); took < 15*time.Second || took > 16*time.Second {
			t.Errorf("the connection is closed after %v", took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
