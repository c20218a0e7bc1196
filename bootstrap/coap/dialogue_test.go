package coap_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// A dialogue is a listener and a peer that is played from a file of
// testdata/coap/dialogues.
type dialogue struct {
	*testing.T
	peer    *net.UDPConn
	names   map[string][]byte // what <m1> and the like stand for
	results chan string       // of the requests of the server
	handled atomic.Int32
}

func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("../../testdata/coap/dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d dialogues, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
			d := &dialogue{T: t, names: make(map[string][]byte), results: make(chan string, 10)}
			l := listenUDP(t, coap.Config{Handler: d})
			d.peer = dialRaw(t, l)
			d.play(file)
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			d.nothing(20 * time.Millisecond) // what was still on its way is here by now
		})
	}
}

// listenUDP returns a listener on loopback, which ends with the test.
func listenUDP(t testing.TB, cfg coap.Config) *coap.Listener {
	t.Helper()
	l, err := coap.ListenUDP("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dialRaw returns a socket that only hears l, and ends with the test.
func dialRaw(t testing.TB, l *coap.Listener) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ServeRequest answers 2.04 to a POST and 2.05 to a GET, and then sends the requests
// that the query names.
func (d *dialogue) ServeRequest(_ context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d.handled.Add(1)
	if r.Method == bootstrap.GET {
		return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatSenMLCBOR, Payload: count(50)}, nil
	}
	var tuning bootstrap.Tuning
	var plan []bootstrap.Request
	for _, q := range r.Queries {
		name, value, _ := strings.Cut(q, "=")
		switch n, _ := strconv.Atoi(value); name {
		case "t":
			tuning.AckTimeout = time.Duration(n) * time.Millisecond
		case "b":
			tuning.BlockSize = n
		case "do":
			plan = plans[value]
		}
	}
	resp := bootstrap.Response{Code: lwm2m.CodeChanged}
	if plan == nil {
		return resp, nil
	}
	c.Tune(tuning)
	return resp, func(ctx context.Context) { d.results <- carryOut(ctx, c, plan) }
}

var plans = map[string][]bootstrap.Request{
	"finish":   {finish},
	"write":    {discover, write},
	"discover": {discover},
	"bootstrap": {discover, {Method: bootstrap.DELETE},
		{Method: bootstrap.PUT, Path: []string{"1", "0"}, ContentFormat: lwm2m.FormatTLV, Payload: []byte{0xc1, 0, 0x7b}}, finish},
}

var (
	discover = bootstrap.Request{Method: bootstrap.GET, Accept: lwm2m.FormatLink}
	finish   = bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}}
	write    = bootstrap.Request{
		Method: bootstrap.PUT, Path: []string{"0", "1"},
		ContentFormat: lwm2m.FormatTLV, Payload: count(40),
	}
)

// count returns n bytes that count from zero.
func count(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// carryOut sends the requests of plan and returns how they ended.
func carryOut(ctx context.Context, c bootstrap.Conn, plan []bootstrap.Request) string {
	var out []string
	for _, r := range plan {
		resp, err := c.Do(ctx, r)
		switch {
		case errors.Is(err, bootstrap.ErrReset):
			out = append(out, "reset")
		case errors.Is(err, bootstrap.ErrSilent):
			out = append(out, "silent")
		case err != nil:
			out = append(out, err.Error())
		default:
			out = append(out, resp.Code.Dotted())
		}
	}
	return strings.Join(out, " ")
}

// play carries out the lines of file.
func (d *dialogue) play(file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		d.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		line, _, _ = strings.Cut(line, "  ")
		verb, rest, _ := strings.Cut(line, " ")
		if err := d.step(verb, rest); err != nil {
			d.Fatalf("%s:%d: %s: %v", filepath.Base(file), i+1, line, err)
		}
	}
}

func (d *dialogue) step(verb, rest string) error {
	switch verb {
	case "#", "":
		return nil
	case ">":
		b, err := d.bytes(rest)
		if err != nil {
			return err
		}
		_, err = d.peer.Write(b)
		return err
	case "<":
		return d.receive(rest)
	case ".": // a ping that is answered next proves that nothing was sent before
		if err := d.step(">", "40 00 FFFE"); err != nil {
			return err
		}
		return d.receive("70 00 FFFE")
	case "=":
		select {
		case got := <-d.results:
			if got != rest {
				return fmt.Errorf("requests ended with %s", got)
			}
			return nil
		case <-time.After(patience):
			return errors.New("requests have not ended")
		}
	case "!":
		if got := fmt.Sprint(d.handled.Load()); got != rest {
			return fmt.Errorf("handled %s requests", got)
		}
		return nil
	}
	return fmt.Errorf("unknown verb %q", verb)
}

var word = regexp.MustCompile(`<\w+>|"[^"]*"|[^\s"<]+`)

// bytes reads hexadecimal digits, "strings" and <names> that are known.
func (d *dialogue) bytes(s string) ([]byte, error) {
	var out []byte
	for _, w := range word.FindAllString(s, -1) {
		b, err := hex.DecodeString(w)
		switch {
		case w[0] == '"':
			b, err = []byte(strings.Trim(w, `"`)), nil
		case w[0] == '<':
			if b, err = d.names[w], nil; b == nil {
				err = fmt.Errorf("%s is not known", w)
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// receive waits for a datagram and compares it. A new <m…> takes two bytes of it, a new
// <t…> eight.
func (d *dialogue) receive(want string) error {
	buf := make([]byte, 4096)
	d.peer.SetReadDeadline(time.Now().Add(patience))
	n, err := d.peer.Read(buf)
	if err != nil {
		return err
	}
	got, at := buf[:n], 0
	for _, w := range word.FindAllString(want, -1) {
		if w[0] == '<' && d.names[w] == nil {
			size := map[byte]int{'m': 2, 't': 8}[w[1]]
			if len(got) < at+size {
				return fmt.Errorf("received %X", got)
			}
			d.names[w] = bytes.Clone(got[at : at+size])
		}
		b, err := d.bytes(w)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(got[at:], b) {
			return fmt.Errorf("received %X, which differs at byte %d", got, at)
		}
		at += len(b)
	}
	if at != len(got) {
		return fmt.Errorf("received %X, which is longer", got)
	}
	return nil
}

// nothing checks that nothing comes within d.
func (d *dialogue) nothing(wait time.Duration) {
	buf := make([]byte, 4096)
	d.peer.SetReadDeadline(time.Now().Add(wait))
	if n, err := d.peer.Read(buf); err == nil {
		d.Errorf("received %X at the end", buf[:n])
	}
}
