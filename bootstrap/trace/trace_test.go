package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// A recorded is a packet as a reader of the file sees it.
type recorded struct {
	from, to netip.AddrPort
	message  message.Message
	comment  string
}

// read is a reader of pcapng of its own: it takes a file apart, down to the CoAP messages.
func read(t *testing.T, b []byte) (out []recorded) {
	t.Helper()
	le, be := binary.LittleEndian, binary.BigEndian
	for n := 0; len(b) > 0; n++ {
		typ, size := le.Uint32(b), le.Uint32(b[4:])
		if size%4 != 0 || int(size) > len(b) || le.Uint32(b[size-4:]) != size {
			t.Fatalf("block %d of type %x has the sizes %d and %d of %d bytes", n, typ, size, le.Uint32(b[size-4:]), len(b))
		}
		body := b[8 : size-4]
		b = b[size:]
		switch {
		case n == 0 && (typ != 0x0A0D0D0A || le.Uint32(body) != 0x1A2B3C4D || le.Uint16(body[4:]) != 1):
			t.Fatalf("it begins with %x", body)
		case n == 1 && (typ != 1 || le.Uint16(body) != 101):
			t.Fatalf("the interface is %x", body)
		case typ != 6:
			continue
		}
		length := le.Uint32(body[12:])
		packet := body[20 : 20+length]
		r := recorded{}
		if options := body[20+(length+3)/4*4:]; len(options) > 0 {
			r.comment = string(options[4 : 4+le.Uint16(options[2:])])
		}
		var udp, pseudo []byte
		var from, to netip.Addr
		if packet[0]>>4 == 4 {
			if checksum(packet[:20]) != 0 || int(be.Uint16(packet[2:])) != len(packet) || packet[9] != 17 {
				t.Errorf("IPv4 header %x", packet[:20])
			}
			from, _ = netip.AddrFromSlice(packet[12:16])
			to, _ = netip.AddrFromSlice(packet[16:20])
			udp = packet[20:]
			pseudo = append(slices.Clone(packet[12:20]), 0, 17, byte(len(udp)>>8), byte(len(udp)))
		} else {
			if int(be.Uint16(packet[4:]))+40 != len(packet) || packet[6] != 17 {
				t.Errorf("IPv6 header %x", packet[:40])
			}
			from, _ = netip.AddrFromSlice(packet[8:24])
			to, _ = netip.AddrFromSlice(packet[24:40])
			udp = packet[40:]
			pseudo = append(slices.Clone(packet[8:40]), 0, 0, byte(len(udp)>>8), byte(len(udp)), 0, 0, 0, 17)
		}
		if int(be.Uint16(udp[4:])) != len(udp) || checksum(append(pseudo, udp...)) != 0 {
			t.Errorf("UDP header %x, checksum %x", udp[:8], checksum(append(pseudo, udp...)))
		}
		r.from, r.to = netip.AddrPortFrom(from, be.Uint16(udp)), netip.AddrPortFrom(to, be.Uint16(udp[2:]))
		r.message, _ = message.Decode(udp[8:])
		out = append(out, r)
	}
	return out
}

var device = auth.Peer{Remote: "192.0.2.7:40001", Local: netip.MustParseAddr("198.51.100.1"), Transport: store.TransportDTLS, Identity: "id-1"}

func encode(t *testing.T, m message.Message) []byte {
	t.Helper()
	b, err := message.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	secretKey = "0123456789abcdef"
	identity  = "the-identity-of-it"
)

// security is a Security Instance whose secrets a trace must not have.
func security() []lwm2m.Object {
	return []lwm2m.Object{{ID: 0, Instances: []lwm2m.Instance{{ID: 1, Resources: []lwm2m.Resource{
		lwm2m.Single(0, lwm2m.StringValue("coaps://dm.example.com:5684")), lwm2m.Single(1, lwm2m.BooleanValue(false)), lwm2m.Single(2, lwm2m.IntegerValue(0)),
		lwm2m.Single(3, lwm2m.OpaqueValue([]byte(identity))), lwm2m.Single(4, lwm2m.OpaqueValue([]byte{})), lwm2m.Single(5, lwm2m.OpaqueValue([]byte(secretKey))),
		lwm2m.Single(10, lwm2m.IntegerValue(101)),
	}}}}}
}

// conversations are what passes in a session: a datagram of the device, or one to it.
type passed struct {
	out bool
	m   message.Message
}

func request(token string, path ...string) message.Message {
	return message.Message{Code: lwm2m.Code(bootstrap.POST), ID: 1, Token: message.Token(token), Path: path, Queries: []string{"ep=dev-1"}}
}

// write is a Write to /0/1, in blocks where size is not zero.
func write(t *testing.T, f lwm2m.Format, size int) (out []passed) {
	t.Helper()
	payload, err := content.Encode(f, lwm2m.InstancePath(0, 1), security())
	if err != nil {
		t.Fatal(err)
	}
	m := message.Message{Code: lwm2m.Code(bootstrap.PUT), Path: []string{"0", "1"}, ContentFormat: f}
	if size == 0 {
		m.ID, m.Token, m.Payload = 100, "w", payload
		return []passed{{true, m}, {false, message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 100, Token: "w"}}}
	}
	for n := 0; n*size < len(payload); n++ {
		m.ID, m.Token = uint16(100+n), message.Token(fmt.Sprintf("w%d", n))
		m.Payload = payload[n*size : min(len(payload), (n+1)*size)]
		m.Block1 = &message.Block{Num: uint32(n), More: (n+1)*size < len(payload), SZX: message.SizeExponent(size)}
		out = append(out, passed{true, m}, passed{true, m}, passed{false, message.Message{Kind: message.Acknowledgement, ID: m.ID, Token: m.Token, Code: lwm2m.CodeChanged}})
	}
	return out
}

// pack is a Bootstrap-Pack, in blocks.
func pack(t *testing.T, f lwm2m.Format, size int) (out []passed) {
	t.Helper()
	payload, err := content.Encode(f, lwm2m.Root, security())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n*size < len(payload); n++ {
		b := message.Block{Num: uint32(n), More: (n+1)*size < len(payload), SZX: message.SizeExponent(size)}
		ask := message.Message{Code: lwm2m.Code(bootstrap.GET), ID: uint16(7 + n), Token: message.Token(fmt.Sprintf("p%d", n)), Path: []string{"bspack"}, Queries: []string{"ep=dev-1"}}
		if n > 0 {
			ask.Block2 = &message.Block{Num: uint32(n), SZX: b.SZX}
		}
		out = append(out, passed{false, ask}, passed{true, message.Message{
			Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: ask.ID, Token: ask.Token, ContentFormat: f, Block2: &b, Payload: payload[n*size : min(len(payload), (n+1)*size)],
		}})
	}
	return out
}

// record lets these messages pass, and returns the file.
func record(t *testing.T, o Options, all []passed) []byte {
	t.Helper()
	var watcher func(auth.Peer, bool, []byte)
	tracer := New(nil, func(w func(auth.Peer, bool, []byte)) { watcher = w })
	tracer.after = time.Millisecond
	started := make(chan struct{})
	var file bytes.Buffer
	ended := make(chan error, 1)
	go func() {
		_, err := tracer.Run(t.Context(), o, &signalling{&file, started})
		ended <- err
	}()
	<-started
	show := watcher
	for _, p := range all {
		show(device, p.out, encode(t, p.m))
	}
	tracer.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{Remote: device.Remote, Transport: device.Transport}})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if watcher != nil {
		t.Error("it watches on")
	}
	return file.Bytes()
}

// A signalling writer tells when the first bytes are written.
type signalling struct {
	*bytes.Buffer
	begun chan struct{}
}

func (s *signalling) Write(b []byte) (int, error) {
	if s.Len() == 0 {
		defer close(s.begun)
	}
	return s.Buffer.Write(b)
}

// holds reports whether a file has one of these texts, as they are or in the forms of formats.
func holds(file []byte, payloads string, texts ...string) (found []string) {
	for _, text := range texts {
		if bytes.Contains(file, []byte(text)) || strings.Contains(payloads, text) {
			found = append(found, text)
		}
	}
	return found
}

// No trace has a secret, in whatever format and in blocks of whatever size it goes; and everything
// else is there, in its order.
func TestSecretsAreBlanked(t *testing.T) {
	for _, f := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON, lwm2m.FormatSenMLCBOR, lwm2m.FormatLwM2MCBOR} {
		sessions := map[string][]passed{"whole": write(t, f, 0), "blocks of 16": write(t, f, 16), "blocks of 64": write(t, f, 64)}
		if f != lwm2m.FormatTLV {
			sessions["pack"] = pack(t, f, 32)
		}
		for name, all := range sessions {
			t.Run(fmt.Sprintf("%v/%s", f, name), func(t *testing.T) {
				first := []passed{{false, request("r", "bs")}, {true, message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeChanged, ID: 1, Token: "r"}}}
				if name == "pack" { // asks with a request of its own
					first = nil
				}
				all := append(first, all...)
				file := record(t, Options{Endpoint: "dev-1"}, all)
				packets := read(t, file)
				if len(packets) != len(all) {
					t.Fatalf("%d packets of %d messages", len(packets), len(all))
				}
				payloads, last := "", ""
				for i, p := range packets {
					want := all[i].m
					if all[i].out != (p.from == netip.MustParseAddrPort("198.51.100.1:5683")) || p.message.ID != want.ID || len(p.message.Payload) != len(want.Payload) || p.message.Token != want.Token {
						t.Errorf("packet %d is %+v, want %+v", i, p, all[i])
					}
					if all[i].out && string(want.Token) != last { // without the retransmissions
						last = string(want.Token)
						payloads += string(p.message.Payload)
					}
				}
				// The identity and the key in Base64: MDEyMzQ1Njc4OWFiY2RlZg, dGhlLWlkZW50aXR5LW9mLWl0.
				if found := holds(file, payloads, secretKey, identity, "MDEyMzQ1Njc4OWFiY2RlZg", "dGhlLWlkZW50aXR5LW9mLWl0"); len(found) > 0 {
					t.Errorf("the trace has %q", found)
				}
				if !strings.Contains(payloads, "coaps://dm.example.com:5684") {
					t.Errorf("the address is blanked too: %q", payloads)
				}
				revealed := string(record(t, Options{Endpoint: "dev-1", Reveal: true}, all))
				if name == "whole" && f != lwm2m.FormatSenMLJSON && !strings.Contains(revealed, secretKey) {
					t.Error("--reveal does not reveal")
				}
			})
		}
	}
}

// What cannot be decoded, is not whole or is not known is blanked whole.
func TestUnknownPayloadsAreBlanked(t *testing.T) {
	blocks := write(t, lwm2m.FormatTLV, 16)
	put := message.Message{Code: lwm2m.Code(bootstrap.PUT), ID: 9, Token: "x", Path: []string{"0", "1"}, ContentFormat: lwm2m.FormatTLV, Payload: []byte("\xc3 " + secretKey)}
	single := message.Message{Code: lwm2m.Code(bootstrap.PUT), ID: 9, Token: "x", Path: []string{"0", "1", "5"}, ContentFormat: lwm2m.FormatOpaque, Payload: []byte(secretKey)}
	vendor := message.Message{Code: lwm2m.Code(bootstrap.PUT), ID: 9, Token: "x", Path: []string{"30000", "0", "1"}, ContentFormat: lwm2m.FormatText, Payload: []byte(secretKey)}
	for name, all := range map[string][]passed{
		"malformed":          {{true, put}},
		"one Resource":       {{true, single}},
		"an unknown Object":  {{true, vendor}},
		"blocks without end": blocks[:len(blocks)-3],
		"without the first":  blocks[3:],
		"another first":      append(slices.Clone(blocks[:6]), write(t, lwm2m.FormatSenMLCBOR, 16)...),
		"of the device":      {{false, message.Message{Code: lwm2m.Code(bootstrap.POST), ID: 9, Path: []string{"dp"}, Payload: []byte(secretKey)}}},
		"answer to nothing":  {{false, message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: 9, Token: "none", Payload: []byte(secretKey)}}},
	} {
		t.Run(name, func(t *testing.T) {
			file := record(t, Options{Endpoint: "dev-1"}, append([]passed{{false, request("r", "bs")}}, all...))
			payloads := ""
			for _, p := range read(t, file) {
				payloads += string(p.message.Payload)
			}
			for _, part := range []string{secretKey, secretKey[:8], identity, identity[:8]} {
				if strings.Contains(payloads, part) {
					t.Errorf("the trace has %q", part)
				}
			}
		})
	}
}

// What the device says it has, and why it refuses, is shown.
func TestAnswersAreShown(t *testing.T) {
	discover := message.Message{Code: lwm2m.Code(bootstrap.GET), ID: 5, Token: "d", Accept: lwm2m.FormatLink}
	links := message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: 5, Token: "d", ContentFormat: lwm2m.FormatLink, Payload: []byte("</>;lwm2m=1.1,</0/0>")}
	refusal := message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeBadRequest, ID: 6, Token: "e", Payload: []byte("no room")}
	packets := read(t, record(t, Options{}, []passed{{false, request("r", "bs")}, {true, discover}, {false, links}, {false, refusal}}))
	if len(packets) != 4 || string(packets[2].message.Payload) != "</>;lwm2m=1.1,</0/0>" || string(packets[3].message.Payload) != "no room" {
		t.Errorf("%+v", packets)
	}
}

// Only the device that was asked for is recorded, by its name or its identity, and so many sessions.
func TestWhoIsRecorded(t *testing.T) {
	other := func(m message.Message) message.Message { m.Queries = []string{"ep=dev-2"}; return m }
	for name, tt := range map[string]struct {
		o    Options
		m    message.Message
		want bool
	}{
		"its name":     {Options{Endpoint: "dev-1"}, request("r", "bs"), true},
		"another name": {Options{Endpoint: "dev-1", For: time.Second}, other(request("r", "bs")), false},
		"its identity": {Options{Endpoint: "dev-1", Identities: []string{"id-1"}}, other(request("r", "bs")), true},
		"everyone":     {Options{}, other(request("r", "bs")), true},
		"no bootstrap": {Options{For: time.Second}, request("r", "time"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(read(t, record(t, tt.o, []passed{{false, tt.m}}))); (got == 1) != tt.want {
				t.Errorf("%d messages", got)
			}
		})
	}
}

// There is one trace at a time, within limits, and it ends with its context.
func TestTraceIsBounded(t *testing.T) {
	tracer := New(nil, func(func(auth.Peer, bool, []byte)) {})
	for _, o := range []Options{{Sessions: -1}, {Sessions: MaxSessions + 1}, {MaxBytes: MaxMaxBytes + 1}, {For: time.Millisecond}, {For: 25 * time.Hour}} {
		if _, err := tracer.Run(t.Context(), o, &bytes.Buffer{}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	file := &signalling{&bytes.Buffer{}, make(chan struct{})}
	ended := make(chan string, 1)
	go func() {
		end, _ := tracer.Run(ctx, Options{}, file)
		ended <- end
	}()
	<-file.begun
	if _, err := tracer.Run(t.Context(), Options{}, &bytes.Buffer{}); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if end := <-ended; end != "the trace was ended: sessions 0, messages 0" {
		t.Error(end)
	}
	var all []passed
	for range 2000 {
		all = append(all, passed{false, request("r", "bs")})
	}
	if file := record(t, Options{MaxBytes: 10_000}, all); len(file) > 11_000 || len(read(t, file)) < 50 {
		t.Errorf("a trace of at most 10,000 bytes has %d", len(file))
	}
	var out bytes.Buffer
	n, end, err := Copy(&out, bytes.NewReader(record(t, Options{}, all[:3])))
	if err != nil || n != 3 || end != "the sessions are over: sessions 1, messages 3" || len(read(t, out.Bytes())) != 3 {
		t.Errorf("copied %d, %q, %v", n, end, err)
	}
	if _, _, err := Copy(&out, strings.NewReader("this is no trace of any kind")); err == nil {
		t.Error("a text is copied")
	}
}
