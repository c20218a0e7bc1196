package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// psk is a probe of a device with a pre-shared key.
func psk(addr string, silence time.Duration) Config {
	host, port, _ := net.SplitHostPort(addr)
	return Config{
		Target: Target{Secure: true, Host: host, Port: port}, Silence: silence,
		Device: sim.Config{Endpoint: "dev-1"}, Identity: "dev-1", Key: lwm2m.NewSecret([]byte("0123456789abcdef")),
	}
}

// answering is a UDP server that answers each datagram with what answer returns, nothing for nil.
func answering(t *testing.T, answer func(request []byte) []byte) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { pc.Close(); <-ended })
	go func() {
		defer close(ended)
		b := make([]byte, 2048)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			if out := answer(b[:n]); out != nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	}()
	return pc.LocalAddr().String()
}

// long is how long these tests wait for what comes.
const long = time.Minute

// What the network does is told for what it is.
func TestNetwork(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	silent := answering(t, func([]byte) []byte { return nil })
	alerting := answering(t, func(b []byte) []byte {
		return []byte{record.TypeAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, alertFatal, 115}
	})
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := gone.LocalAddr().String()
	gone.Close()
	plain := func(addr string) Config {
		cfg := psk(addr, 50*time.Millisecond)
		cfg.Target.Secure, cfg.Identity = false, ""
		return cfg
	}
	named := func(err error, found ...netip.Addr) Config {
		cfg := psk("bs.example.com:5684", long)
		cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) { return found, err }
		return cfg
	}
	for name, tt := range map[string]struct {
		cfg   Config
		cause Cause
		told  string
	}{
		"silent coaps":   {psk(silent, 50*time.Millisecond), NoAnswer, "Whether they arrived there is not known"},
		"silent coap":    {plain(silent), NoAnswer, "tcpdump -ni any udp port"},
		"closed coaps":   {psk(closed, long), PortClosed, "nothing listens on UDP port"},
		"alert":          {psk(alerting, long), HandshakeAlert, "unknown_psk_identity (115)"},
		"no such name":   {named(&net.DNSError{IsNotFound: true}), NameUnresolved, `The name "bs.example.com" has no address`},
		"resolver fails": {named(errors.New("timeout")), NameUnresolved, "did not tell the address"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Run(t.Context(), tt.cfg)
			if err != nil || r.Cause != tt.cause || r.Done {
				t.Fatalf("%+v, %v", r, err)
			}
			if text := r.Happened + r.Remedy; !strings.Contains(text, tt.told) {
				t.Errorf("it tells %q, not %q", text, tt.told)
			}
		})
	}
}

// An interrupted probe ends with the error of its context.
func TestInterrupted(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	addr := answering(t, func([]byte) []byte { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, psk(addr, long)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Each end has its own explanation, and a remedy.
func TestVerdicts(t *testing.T) {
	heard := func(change func(*traffic)) facts {
		f := facts{target: Target{Secure: true, Port: "5684"}, identity: "dev-1", endpoint: "dev-1", silence: time.Second, err: errSilence, cause: errSilence, traffic: traffic{alert: -1, received: 3, sent: 4}}
		if change != nil {
			change(&f.traffic)
		}
		return f
	}
	with := func(f facts, change func(*facts)) facts {
		change(&f)
		return f
	}
	shaken := with(heard(nil), func(f *facts) { f.shaken = true })
	for _, tt := range []struct {
		f     facts
		cause Cause
		told  string
	}{
		{heard(func(s *traffic) { s.received = 0 }), NoAnswer, "4 datagrams were sent"},
		{heard(func(s *traffic) { s.cookie = true }), HandshakeSilent, "with a cookie"},
		{heard(func(s *traffic) { s.cookie, s.hello = true, true }), HandshakeSilent, "large datagrams"},
		{heard(func(s *traffic) { s.hello, s.keys = true, true }), HandshakeSilent, "another key for this identity"},
		{with(heard(func(s *traffic) { s.hello, s.keys = true, true }), func(f *facts) { f.identity = "" }), HandshakeSilent, "does not accept the certificate"},
		{heard(func(s *traffic) { s.alert = 48 }), HandshakeAlert, "unknown_ca"},
		{heard(func(s *traffic) { s.alert = 200 }), HandshakeAlert, "without a known name (200)"},
		{heard(nil), HandshakeFailed, "none was an answer of DTLS 1.2"},
		{with(heard(nil), func(f *facts) {
			f.err, f.cause = fmt.Errorf("dial: %w: it is not for %q", certificate.ErrServerCertificate, "x"), nil
		}), Untrusted, `it is not for "x"`},
		{with(heard(nil), func(f *facts) { f.err, f.cause = errors.New("no suite"), nil }), HandshakeFailed, "no suite"},
		{with(heard(nil), func(f *facts) { f.cause = syscall.ECONNREFUSED }), PortClosed, "ICMP"},
		{with(heard(nil), func(f *facts) { f.cause = syscall.ENETUNREACH }), NoRoute, "network is unreachable"},
		{with(shaken, func(f *facts) { f.err = fmt.Errorf("%w with 4.00 Bad Request", sim.ErrRefused) }), Refused, "compare the endpoint name"},
		{with(shaken, func(f *facts) { f.err = fmt.Errorf("%w with 4.04 Not Found", sim.ErrRefused) }), Refused, "There is no /bs"},
		{with(shaken, func(f *facts) { f.err = fmt.Errorf("%w with 5.03 Service Unavailable", sim.ErrRefused) }), Refused, "in some minutes"},
		{with(shaken, func(f *facts) { f.err = bootstrap.ErrSilent }), RequestSilent, "did not answer the Bootstrap-Request within 1s"},
		{with(shaken, func(f *facts) { f.err = sim.ErrNoFinish }), NoFinish, "sent no operation"},
		{with(shaken, func(f *facts) { f.err, f.operations, f.last = sim.ErrNoFinish, 2, Step{What: "PUT", About: "/0/1"} }), NoFinish, "its last operation, PUT /0/1"},
		{with(shaken, func(f *facts) { f.err, f.operations, f.finish = sim.ErrNoFinish, 2, lwm2m.CodeNotAcceptable }), NoFinish, "refused Bootstrap-Finish with 4.06"},
		{with(shaken, func(f *facts) {
			f.err, f.operations, f.refused = sim.ErrNoFinish, 2, []Step{{What: "PUT", About: "/0/1", Sent: "tlv, 9 bytes", Result: "4.00 Bad Request"}}
		}), NoFinish, "refused PUT /0/1 (tlv, 9 bytes) with 4.00 Bad Request"},
		{with(shaken, func(f *facts) { f.err, f.operations = sim.ErrNoAccount, 2 }), NoAccount, "no complete account"},
		{with(shaken, func(f *facts) { f.err, f.operations, f.accounts = nil, 4, 1 }), Done, "an account with 4 operations"},
		{with(shaken, func(f *facts) { f.err, f.packed = nil, true }), Done, "Bootstrap-Pack"},
	} {
		v := tt.f.verdict()
		if v.Cause != tt.cause || !strings.Contains(v.Happened+" "+v.Remedy, tt.told) || v.Stage == "" || v.Remedy == "" {
			t.Errorf("%+v gives\n%+v, want %s with %q", tt.f, v, tt.cause, tt.told)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"coaps://bs.example.com":           "coaps://bs.example.com:5684 [] []",
		"coap://192.0.2.1":                 "coap://192.0.2.1:5683 [] []",
		"coaps://[2001:db8::1]:15684":      "coaps://[2001:db8::1]:15684 [] []",
		"coaps://h/tenantA/bs?x=1&y=a%20b": "coaps://h:5684 [tenantA] [x=1 y=a b]",
		"coaps://h/bs":                     "coaps://h:5684 [] []",
		"bs.example.com:5684":              `"bs.example.com:5684" is no URI such as`,
		"coap+tcp://h":                     "CoAP over TCP is not spoken here",
		"https://h":                        "does not begin with coap:// or coaps://",
		"coaps://":                         "names no host",
		"coaps://u@h":                      "has no user and no fragment",
		"coaps://h:0":                      "the port is not within",
		"coaps://h:99999":                  "the port is not within",
		"coaps://h:port":                   "is no URI",
	} {
		got := ""
		if target, err := ParseTarget(text); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(target.String(), " ", target.Path, " ", target.Queries)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What comes in the clear is told apart; anything else is only counted.
func TestWire(t *testing.T) {
	heard := 0
	w := newWire(func() { heard++ }, func(error) {})
	rec := func(typ byte, epoch byte, content ...byte) []byte {
		return append([]byte{typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, byte(len(content))}, content...)
	}
	for _, b := range [][]byte{{}, {1, 2, 3}, rec(record.TypeAlert, 1, 2, 40), rec(record.TypeAlert, 0, 1, 0), rec(record.TypeHandshake, 0, handshakeHelloVerifyRequest)} {
		w.in(b)
	}
	if s := w.traffic(); s.received != 5 || heard != 5 || s.alert != -1 || s.hello || !s.cookie {
		t.Errorf("%+v", s)
	}
	w.in(append(rec(record.TypeHandshake, 0, handshakeServerHello), rec(record.TypeAlert, 0, 2, 40)...))
	if s := w.traffic(); !s.hello || s.alert != 40 {
		t.Errorf("%+v", s)
	}
}
