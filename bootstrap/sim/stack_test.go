package sim_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// A byHand is a [bootstrap.Conn] to a Bootstrap-Server that is a function, without any
// network: it is called with each Bootstrap-Request, and asks the device what it likes.
type byHand struct {
	device bootstrap.Handler
	serve  func(s *byHand, r bootstrap.Request) lwm2m.Code
	done   chan struct{}
}

func dialByHand(serve func(*byHand, bootstrap.Request) lwm2m.Code) func(context.Context, bootstrap.Handler) (bootstrap.Conn, error) {
	return func(_ context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		return &byHand{device: h, serve: serve, done: make(chan struct{})}, nil
	}
}

// ask asks the device.
func (s *byHand) ask(m bootstrap.Method, path string, format lwm2m.Format, payload []byte) bootstrap.Response {
	r := bootstrap.Request{Method: m, ContentFormat: format, Payload: payload}
	if m == bootstrap.GET {
		r.ContentFormat, r.Accept = 0, format
	}
	if path != "/" {
		r.Path = strings.Split(path[1:], "/")
	}
	resp, after := s.device.ServeRequest(context.Background(), s, r)
	if after != nil {
		after(context.Background())
	}
	return resp
}

func (s *byHand) Do(_ context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	return bootstrap.Response{Code: s.serve(s, r)}, nil
}
func (s *byHand) Peer() auth.Peer       { return auth.Peer{} }
func (s *byHand) Tune(bootstrap.Tuning) {}
func (s *byHand) Done() <-chan struct{} { return s.done }
func (s *byHand) Linger(time.Duration)  {}
func (s *byHand) Release()              {}
func (s *byHand) Abort()                {}
func (s *byHand) Close() error          { return nil }

// instance is one of an Object, in TLV.
func instance(t *testing.T, o lwm2m.ObjectID, in lwm2m.Instance) []byte {
	t.Helper()
	b, err := content.Encode(lwm2m.FormatTLV, lwm2m.InstancePath(o, in.ID), []lwm2m.Object{{ID: o, Instances: []lwm2m.Instance{in}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What personalities answer to requests that our server does not make, or not of its own
// accord.
func TestStackAnswers(t *testing.T) {
	security := func(s lwm2m.SecurityInstance) []byte {
		in, err := s.Instance(true)
		if err != nil {
			t.Fatal(err)
		}
		return instance(t, lwm2m.ObjectSecurity, in)
	}
	account := security(lwm2m.SecurityInstance{ServerURI: "coap://a.example", Mode: lwm2m.SecurityNoSec, ShortServerID: 5})
	second := security(lwm2m.SecurityInstance{ServerURI: "coap://b.example", Mode: lwm2m.SecurityNoSec, BootstrapServer: true})
	longKey := security(lwm2m.SecurityInstance{ServerURI: "coap://a.example", SecretKey: lwm2m.NewSecret(make([]byte, 65)), ShortServerID: 5})
	server := func(id lwm2m.ShortServerID) []byte {
		return instance(t, lwm2m.ObjectServer, lwm2m.Instance{Resources: []lwm2m.Resource{
			lwm2m.Single(0, lwm2m.IntegerValue(int64(id))), lwm2m.Single(1, lwm2m.IntegerValue(300)), lwm2m.Single(7, lwm2m.StringValue("U")),
		}})
	}
	type request struct {
		method  bootstrap.Method
		path    string
		format  lwm2m.Format
		payload []byte
		want    lwm2m.Code
	}
	const tlv, link, text = lwm2m.FormatTLV, lwm2m.FormatLink, lwm2m.FormatText
	finish := func(want lwm2m.Code) request { return request{bootstrap.POST, "/bs", 0, nil, want} }
	put := func(path string, payload []byte, want lwm2m.Code) request {
		return request{bootstrap.PUT, path, tlv, payload, want}
	}
	remove := func(path string, want lwm2m.Code) request { return request{bootstrap.DELETE, path, 0, nil, want} }
	get := func(path string, format lwm2m.Format, want lwm2m.Code) request {
		return request{bootstrap.GET, path, format, nil, want}
	}
	tests := map[string][]request{
		"anjay-1.1": { // the Server may come before its Security as well as after
			get("/0/1", link, lwm2m.CodeBadRequest), get("/0", tlv, lwm2m.CodeMethodNotAllowed), put("/0/2", second, lwm2m.CodeBadRequest),
			remove("/0/7", lwm2m.CodeDeleted), put("/1/0", server(5), lwm2m.CodeChanged), put("/0/0", account, lwm2m.CodeChanged),
			get("/1", tlv, lwm2m.CodeContent), finish(lwm2m.CodeChanged),
		},
		"anjay-1.0":  {put("/5/0", nil, lwm2m.CodeNotFound), finish(lwm2m.CodeChanged)},
		"anjay-lite": {finish(lwm2m.CodeNotAcceptable), put("/0/1", account, lwm2m.CodeChanged), finish(lwm2m.CodeNotAcceptable)},
		"awa": {
			remove("/0", lwm2m.CodeMethodNotAllowed), remove("/", lwm2m.CodeDeleted), get("/1", tlv, lwm2m.CodeMethodNotAllowed),
			put("/0/1", longKey, lwm2m.CodeInternalServerError), put("/0/1", account, lwm2m.CodeChanged), finish(lwm2m.CodeChanged),
		},
		"leshan-1.5":        {get("/1", tlv, lwm2m.CodeMethodNotAllowed), remove("/0/0", lwm2m.CodeBadRequest), remove("/3/0", lwm2m.CodeBadRequest)},
		"leshan-2.0":        {remove("/0/0", lwm2m.CodeBadRequest), remove("/0", lwm2m.CodeDeleted), put("/0/1", account, lwm2m.CodeChanged), finish(lwm2m.CodeNotAcceptable)},
		"mbed-cloud-client": {remove("/1", lwm2m.CodeMethodNotAllowed), remove("/1/0", lwm2m.CodeMethodNotAllowed), remove("/0", lwm2m.CodeDeleted)},
		"module-2.01":       {put("/0/1", account, lwm2m.CodeCreated), put("/1/0", server(5), lwm2m.CodeCreated), finish(lwm2m.CodeChanged)},
		"wakaama": {
			remove("/3/0", lwm2m.CodeMethodNotAllowed), remove("/0/9", lwm2m.CodeNotFound),
			get("/0", tlv, lwm2m.CodeBadRequest), put("/1/0", server(0), lwm2m.CodeNotAcceptable), put("/0/1", account, lwm2m.CodeChanged),
			finish(lwm2m.CodeNotAcceptable), put("/1/0", server(5), lwm2m.CodeChanged), get("/1/0", tlv, lwm2m.CodeContent), finish(lwm2m.CodeChanged),
		},
		"wakaama-old": {
			get("/", link, lwm2m.CodeBadRequest), get("/1", tlv, lwm2m.CodeBadRequest),
			{bootstrap.PUT, "/0/1", lwm2m.FormatSenMLCBOR, account, lwm2m.CodeBadRequest}, finish(lwm2m.CodeChanged),
		},
		"zephyr": {
			remove("/0/0", lwm2m.CodeMethodNotAllowed), remove("/3/0", lwm2m.CodeMethodNotAllowed), remove("/0", lwm2m.CodeDeleted),
			{bootstrap.PUT, "/0/1", lwm2m.FormatSenMLJSON, account, lwm2m.CodeUnsupportedFormat},
			put("/0/1", longKey, lwm2m.CodeInternalServerError), {bootstrap.PUT, "/1/0/1", text, []byte("60"), lwm2m.CodeChanged}, finish(lwm2m.CodeChanged),
		},
	}
	for name, requests := range tests {
		t.Run(name, func(t *testing.T) {
			p, _ := sim.PersonalityOf(name)
			cfg := p.Config
			cfg.Pack = 0
			cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
				for _, r := range requests {
					if got := s.ask(r.method, r.path, r.format, r.payload); got.Code != r.want {
						t.Errorf("%v %s of %d bytes: %v, want %v", r.method, r.path, len(r.payload), got.Code, r.want)
					}
				}
				close(s.done)
				return lwm2m.CodeChanged
			})
			if _, err := sim.Run(t.Context(), cfg); errors.Is(err, sim.ErrRefused) {
				t.Error(err)
			}
		})
	}
}

// Old Wakaama loses the credentials of its Bootstrap-Server Account where the whole
// Object is deleted; where everything is, it does not. Anjay and Wakaama delete what is named.
func TestStackHarm(t *testing.T) {
	tests := []struct {
		who, path string
		there     bool // the account
		key       bool // its key
	}{
		{"wakaama-old", "/0", true, false},
		{"wakaama-old", "/", true, true},
		{"wakaama", "/0", true, true},
		{"wakaama", "/0/0", false, false},
		{"anjay-1.1", "/0", true, true},
		{"anjay-1.1", "/0/1", false, false},
		{"leshan-2.0", "/0/0", true, true},
	}
	for _, tt := range tests {
		p, _ := sim.PersonalityOf(tt.who)
		cfg := p.Config
		cfg.BootstrapServer.SecretKey = key
		cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
			s.ask(bootstrap.DELETE, tt.path, 0, nil)
			close(s.done)
			return lwm2m.CodeChanged
		})
		result, err := sim.Run(t.Context(), cfg)
		if !errors.Is(err, sim.ErrNoFinish) {
			t.Errorf("%s, DELETE %s: %v", tt.who, tt.path, err)
		}
		own := result.BootstrapServer
		if (own != nil) != tt.there || own != nil && (own.SecretKey.Equal(key)) != tt.key {
			t.Errorf("%s, DELETE %s: the account is left: %v", tt.who, tt.path, own)
		}
	}
}

// A device waits as long as its stack does, and comes back when that does.
func TestStackTimes(t *testing.T) {
	const silent, refuses, empty = "silent", "refuses", "finishes"
	tests := []struct {
		who    string
		server string
		want   []time.Duration // of each Bootstrap-Request, from the start
		end    time.Duration   // when the device is done with it
		err    error
	}{
		{"zephyr", refuses, []time.Duration{0}, 0, sim.ErrRefused},
		{"zephyr", silent, []time.Duration{0, 247 * time.Second, 494 * time.Second, 741 * time.Second, 988 * time.Second, 1235 * time.Second}, 1482 * time.Second, sim.ErrNoFinish},
		{"leshan-2.0", silent, []time.Duration{0}, 93 * time.Second, sim.ErrNoFinish},
		{"awa", silent, []time.Duration{0, 15 * time.Second, 30 * time.Second, 45 * time.Second, 60 * time.Second, 75 * time.Second}, 90 * time.Second, sim.ErrNoFinish},
		{"anjay-1.1", silent, []time.Duration{0}, 247 * time.Second, sim.ErrNoFinish},
		{"anjay-1.1", refuses, []time.Duration{0, 0}, 0, sim.ErrRefused}, // with pct, then without
		{"anjay-1.0", empty, []time.Duration{0, 2200 * time.Millisecond, 6400 * time.Millisecond, 14600 * time.Millisecond, 30800 * time.Millisecond, 51 * time.Second}, 51200 * time.Millisecond, sim.ErrNoAccount},
		{"riot", empty, []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond, 800 * time.Millisecond, time.Second}, 1200 * time.Millisecond, sim.ErrNoAccount},
		{"contiki-ng", silent, []time.Duration{0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}, 1800 * time.Millisecond, sim.ErrNoFinish},
	}
	for _, tt := range tests {
		t.Run(tt.who+" "+tt.server, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := sim.PersonalityOf(tt.who)
				cfg := p.Config
				cfg.Attempts = 6
				if tt.who == "contiki-ng" { // it asks again before its patience is at an end
					cfg.Attempts, cfg.SessionTimeout = 1, 1800*time.Millisecond
				}
				start := time.Now()
				var asked []time.Duration
				cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
					asked = append(asked, time.Since(start))
					switch tt.server {
					case refuses:
						return lwm2m.CodeBadRequest
					case empty:
						s.ask(bootstrap.POST, "/bs", 0, nil)
					}
					return lwm2m.CodeChanged
				})
				_, err := sim.Run(t.Context(), cfg)
				if end := time.Since(start); !errors.Is(err, tt.err) || end != tt.end {
					t.Errorf("ends with %v after %v, want %v after %v", err, end, tt.err, tt.end)
				}
				for i := range max(len(asked), len(tt.want)) {
					if i >= len(asked) || i >= len(tt.want) || asked[i] != tt.want[i] {
						t.Fatalf("asks at %v, want %v", asked, tt.want)
					}
				}
			})
		})
	}
}

// Some stacks begin their patience anew with each request of the server, as Core 1.0 has
// it; others count from the answer to theirs.
func TestStackPatience(t *testing.T) {
	for who, want := range map[string]time.Duration{"anjay-1.1": 447 * time.Second, "wakaama": 447 * time.Second, "zephyr": 247 * time.Second, "leshan-1.5": 93 * time.Second} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := sim.PersonalityOf(who)
				cfg := p.Config
				start := time.Now()
				cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
					time.AfterFunc(200*time.Second, func() { s.ask(bootstrap.GET, "/", lwm2m.FormatLink, nil) })
					return lwm2m.CodeChanged
				})
				_, err := sim.Run(t.Context(), cfg)
				if end := time.Since(start); !errors.Is(err, sim.ErrNoFinish) || end != want {
					t.Errorf("ends with %v after %v, want %v", err, end, want)
				}
				synctest.Wait()
			})
		})
	}
}

// The answers to Discover that Leshan printed.
func TestLinksOfLeshan(t *testing.T) {
	answer := func(who string, holds []lwm2m.Object) string {
		p, _ := sim.PersonalityOf(who)
		cfg := p.Config
		cfg.BootstrapServer.ServerURI, cfg.Holds = "coap://127.0.0.1:45683", holds
		var links string
		cfg.Dial = dialByHand(func(s *byHand, _ bootstrap.Request) lwm2m.Code {
			links = string(s.ask(bootstrap.GET, "/", lwm2m.FormatLink, nil).Payload)
			return lwm2m.CodeBadRequest
		})
		_, _ = sim.Run(t.Context(), cfg)
		return links
	}
	holds := leftOver(t, 1, 1)
	for _, o := range holds {
		o.Instances[0].Resources[0].Value = map[lwm2m.ObjectID]lwm2m.Value{0: lwm2m.StringValue("coaps://127.0.0.1:60549"), 1: lwm2m.IntegerValue(101)}[o.ID]
		for i, r := range o.Instances[0].Resources {
			if o.ID == lwm2m.ObjectSecurity && r.ID == 10 {
				o.Instances[0].Resources[i].Value = lwm2m.IntegerValue(101)
			}
		}
	}
	for who, got := range map[string]string{"leshan-1.5": answer("leshan-1.5", nil), "leshan-2.0": answer("leshan-2.0", holds)} {
		want, err := os.ReadFile("../../testdata/discover/" + who + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if got != strings.TrimSpace(string(want)) {
			t.Errorf("%s answers %s\nwant %s", who, got, want)
		}
	}
}

// What stands in the URI of its Bootstrap-Server comes before what a device asks.
func TestStackKeepsURI(t *testing.T) {
	var asked bootstrap.Request
	_, _ = sim.Run(t.Context(), sim.Config{
		Endpoint: endpoint, PreferredFormat: lwm2m.FormatSenMLJSON,
		Stack: sim.Stack{Asks: sim.Asking{Path: []string{"tenantA"}, Queries: []string{"x=1"}}},
		Dial: dialByHand(func(_ *byHand, r bootstrap.Request) lwm2m.Code {
			asked = r
			return lwm2m.CodeBadRequest
		}),
	})
	if path, queries := strings.Join(asked.Path, "/"), strings.Join(asked.Queries, "&"); path != "tenantA/bs" || queries != "x=1&ep=urn:dev:1&pct=110" {
		t.Errorf("asks for /%s?%s", path, queries)
	}
}
