//go:build interop

package interop_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"lwbs/tlv"
)

// A device on any DTLS library is bootstrapped with every suite that both have.
func TestDTLS(t *testing.T) {
	for _, c := range dtlsClients {
		for _, suite := range c.suites {
			t.Run(c.name+"/"+suite, func(t *testing.T) {
				t.Parallel()
				c.require(t)
				lwbs := serve(t)
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := factoryDevice(lwbs.uri["coaps"])
				lwbs.add(t, d)
				bare := bareDevice{t: t, link: c.start(t, d, suite), device: d}
				written := bare.bootstrap()
				checkDone(t, lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0], "coaps", d)
				if want := []string{"/0/1", "/1/0"}; !slices.Equal(written, want) {
					t.Errorf("%q were written, want %q", written, want)
				}
			})
		}
	}
}

// Who does not have the key gets nothing, and the operator is told which it was.
func TestDTLSFailure(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*testing.T, operator, *device)
		cause string
		why   string
	}{
		{"wrong key", wrongKey, "key-differs", "two keys differ"},
		{"unknown identity", func(*testing.T, operator, *device) {}, "identity-unknown", "no device record has this PSK identity"},
	}
	for _, tt := range tests {
		for _, c := range dtlsClients {
			t.Run(tt.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.require(t)
				lwbs := serve(t)
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := factoryDevice(lwbs.uri["coaps"])
				tt.setup(t, lwbs, &d)
				bare := bareDevice{t: t, link: c.start(t, d, c.suites[0]), device: d}
				bare.register()
				s := lwbs.sessions(t, 1, "--identity", d.identity)[0]
				if s.Cause != tt.cause || s.Identity != d.identity || len(s.Operations) != 0 {
					t.Errorf("session is %+v, want cause %s", s, tt.cause)
				}
				if why := lwbs.run(t, "why", d.identity); !strings.Contains(why, tt.why) {
					t.Errorf("lwbs why does not tell %q:\n%s", tt.why, why)
				}
			})
		}
	}
}

// A bareDevice is an LwM2M device fresh from the factory that says yes to everything, over
// a link that does not keep messages apart.
type bareDevice struct {
	t      *testing.T
	link   conversation
	device device
	rest   []byte // of what the server said, not yet looked at
	asked  uint16 // how often it has sent a Bootstrap-Request
}

// bootstrapRequest is the message ID and token of the first Bootstrap-Request.
var bootstrapRequest = message.Message{Type: message.Confirmable, MessageID: 0x1234, Token: message.Token{0xaa, 0xbb}}

// register sends the Bootstrap-Request (Core 1.1.1 §6.1.7.1).
func (b *bareDevice) register() {
	b.t.Helper()
	m := bootstrapRequest
	m.MessageID += int32(b.asked)
	b.asked++
	m.Code = codes.POST
	m.Options = withOptions(
		message.Option{ID: message.URIPath, Value: []byte("bs")},
		message.Option{ID: message.URIQuery, Value: []byte("ep=" + b.device.endpoint)},
	)
	b.send(m)
}

func withOptions(o ...message.Option) message.Options { return o }

// bootstrap does everything up to the answer to Bootstrap-Finish, and returns the paths
// that were written.
func (b *bareDevice) bootstrap() (written []string) {
	b.t.Helper()
	b.register()
	if m, err := b.acknowledgement(); err != nil || m.Code != codes.Changed || !bytes.Equal(m.Token, bootstrapRequest.Token) {
		b.t.Fatalf("Bootstrap-Request was answered with %v, %v", m, err)
	}
	for {
		m := b.request()
		path, _ := m.Options.Path()
		answer := message.Message{Type: message.Acknowledgement, MessageID: m.MessageID, Token: m.Token}
		switch m.Code {
		case codes.GET:
			answer.Code = codes.Content
			answer.Options = withOptions(message.Option{ID: message.ContentFormat, Value: []byte{byte(message.AppLinkFormat)}})
			answer.Payload = []byte(`</>;lwm2m=1.1,</0/0>,</1>,</3/0>`)
		case codes.PUT:
			answer.Code = codes.Changed
			written = append(written, path)
		case codes.DELETE:
			answer.Code = codes.Deleted
		case codes.POST:
			answer.Code = codes.Changed
			b.send(answer)
			return written
		}
		b.send(answer)
	}
}

func (b *bareDevice) send(m message.Message) {
	b.t.Helper()
	datagram := make([]byte, 1024)
	n, err := coder.DefaultCoder.Encode(m, datagram)
	if err == nil {
		_, err = b.link.Write(datagram[:n])
	}
	if err != nil {
		b.t.Fatalf("send: %v", err)
	}
}

// acknowledgement is the answer to the Bootstrap-Request, which has neither options nor a
// payload; the first request may follow at its heels.
func (b *bareDevice) acknowledgement() (message.Message, error) {
	b.t.Helper()
	n := 4 + len(bootstrapRequest.Token)
	for len(b.rest) < n {
		b.read()
	}
	first := b.rest[:n]
	b.rest = b.rest[n:]
	return decode(first)
}

// request is the next request of the server.
func (b *bareDevice) request() message.Message {
	b.t.Helper()
	for {
		if m, err := decode(b.rest); err == nil && whole(m) {
			b.rest = nil
			return m
		}
		b.read()
	}
}

func decode(datagram []byte) (message.Message, error) {
	m := message.Message{Options: make(message.Options, 0, 16)}
	_, err := coder.DefaultCoder.Decode(datagram, &m)
	return m, err
}

// whole reports whether nothing is missing at the end of a request. Discover ends with
// Accept; a Write of Security with the Short Server ID, and one of Server with the
// Binding; a Delete names an Instance.
func whole(m message.Message) bool {
	path, err := m.Options.Path()
	switch m.Code {
	case codes.GET:
		return m.Options.HasOption(message.Accept)
	case codes.PUT:
		last, known := map[string]uint16{"/0/1": 10, "/1/0": 7}[path]
		records, err := tlv.Decode(m.Payload)
		return known && err == nil && len(records) > 0 && records[len(records)-1].ID == last
	case codes.DELETE:
		return err == nil && strings.Count(path, "/") == 2
	}
	return err == nil && path == "/bs"
}

// read adds what the server said to the rest. Programs hand it over as it comes, or one
// byte after the other. One that hears nothing is ended, and with it the wait.
func (b *bareDevice) read() {
	b.t.Helper()
	buf := make([]byte, 4096)
	n, err := b.link.Read(buf)
	if err != nil {
		b.t.Fatalf("the server said nothing more: %v", err)
	}
	b.rest = append(b.rest, buf[:n]...)
}
