package bootstrap_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A scriptedClient is a [bootstrap.Conn] that answers from a table.
type scriptedClient struct {
	plain    bool             // comes over plain CoAP
	identity string           // that it has proved; "id" where empty
	answers  map[string][]any // by "PUT /0/1": codes, responses, errors or endless, one after the other, the last for ever

	mu     sync.Mutex
	asked  []string // guarded by mu
	done   chan struct{}
	linger time.Duration // guarded by mu; -1 when closed at once, or released
}

// endless is the answer that never comes; panicking the one that the server panics over.
type endless struct{}
type panicking struct{}

// limited is an answer of 2.05 that is fetched if it is no longer than was asked for.
type limited string

func newScriptedClient(answers map[string][]any) *scriptedClient {
	all := map[string][]any{
		"GET /":    {bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>,</1/3>;ssid=9`)}},
		"POST /bs": {lwm2m.CodeChanged},
	}
	for request, a := range answers {
		all[request] = a
	}
	return &scriptedClient{answers: all, done: make(chan struct{})}
}

func (c *scriptedClient) Do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	request := fmt.Sprintf("%v /%s", r.Method, strings.Join(r.Path, "/"))
	entry := request
	if r.Method == bootstrap.PUT {
		entry += " " + r.ContentFormat.String()
	}
	c.asked = append(c.asked, entry)
	script := c.answers[request]
	if len(script) == 0 {
		return bootstrap.Response{Code: map[bootstrap.Method]lwm2m.Code{bootstrap.PUT: lwm2m.CodeChanged, bootstrap.DELETE: lwm2m.CodeDeleted}[r.Method]}, nil
	}
	if len(script) > 1 {
		c.answers[request] = script[1:]
	}
	switch answer := script[0].(type) {
	case lwm2m.Code:
		return bootstrap.Response{Code: answer}, nil
	case bootstrap.Response:
		return answer, nil
	case limited:
		if len(answer) > r.MaxAnswer {
			return bootstrap.Response{}, bootstrap.ErrAnswerTooLarge
		}
		return bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(answer)}, nil
	case error:
		return bootstrap.Response{}, answer
	case func() bootstrap.Response: // something happens first
		return answer(), nil
	case panicking:
		panic("as the script says")
	case endless:
		c.mu.Unlock() // others may ask meanwhile, and look
		<-ctx.Done()
		c.mu.Lock()
		return bootstrap.Response{}, ctx.Err()
	}
	panic("the script has something else")
}

func (c *scriptedClient) Peer() auth.Peer {
	if c.plain {
		return auth.Peer{Remote: "192.0.2.1:5000", Transport: "coap"}
	}
	return auth.Peer{Remote: "192.0.2.1:5000", Transport: "coaps", Identity: cmp.Or(c.identity, "id")}
}
func (c *scriptedClient) Tune(bootstrap.Tuning)  {}
func (c *scriptedClient) Done() <-chan struct{}  { return c.done }
func (c *scriptedClient) Linger(d time.Duration) { c.end(d) }
func (c *scriptedClient) Release()               { c.end(released) }
func (c *scriptedClient) Abort()                 { c.end(aborted) }
func (c *scriptedClient) Close() error           { c.end(-1); return nil }

func (c *scriptedClient) end(linger time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger = linger
}

// These stand in place of how long a client lingers.
const (
	released = -2
	aborted  = -3
)

// timeout of a session: long for all but those that never end by themselves.
const timeout = 2 * time.Second

// bootstrapScripted lets the client ask, and returns how its session ended and what
// the store keeps of the device.
func bootstrapScripted(t *testing.T, c *scriptedClient, p store.Profile, queries ...string) (store.Session, store.Device) {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	defer db.Close()
	_, err = db.PutProfile(t.Context(), p)
	check(t, err)
	_, err = db.PutDevice(t.Context(), store.Device{Endpoint: "dev", Profile: "p", NoSec: c.plain, Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret([]byte("k"))},
	}})
	check(t, err)
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db, SessionTimeout: timeout})
	check(t, err)
	resp, after := server.ServeRequest(t.Context(), c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: append([]string{"ep=dev"}, queries...)})
	if resp.Code != lwm2m.CodeChanged || after == nil {
		t.Fatalf("the request is answered with %v %s", resp.Code, resp.Payload)
	}
	after(t.Context())
	check(t, server.Close())
	kept, err := db.Sessions(t.Context(), store.SessionQuery{})
	check(t, err)
	if len(kept) != 1 {
		t.Fatalf("%d sessions are kept", len(kept))
	}
	d, err := db.Device(t.Context(), "dev")
	check(t, err)
	return kept[0], d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crowded is the answer to Discover of a client with so many accounts.
func crowded(servers int) bootstrap.Response {
	links := []byte(`</>;lwm2m=1.1,</0/0>`)
	for i := range servers {
		links = fmt.Appendf(links, ",</1/%d>;ssid=%d", i, i+1)
	}
	return bootstrap.Response{Code: lwm2m.CodeContent, Payload: links}
}

// As many Deletes as a session may have are carried out.
func TestManyDeletes(t *testing.T) {
	c := newScriptedClient(map[string][]any{"GET /": {crowded(256)}})
	s, _ := bootstrapScripted(t, c, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}})
	if s.Cause != store.CauseDone || len(c.asked) != 1+256+2+1 {
		t.Errorf("%d requests, cause %s: %s", len(c.asked), s.Cause, s.Detail)
	}
}

func TestSession(t *testing.T) {
	const happy = "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs"
	tests := []struct {
		name    string
		answers map[string][]any
		queries []string
		format  string // of the profile
		asked   string
		cause   store.Cause
		quirk   string       // a part of the one that is recorded
		learned lwm2m.Format // of the device record
	}{
		{name: "good", asked: happy, cause: store.CauseDone},
		{name: "delete refused", answers: map[string][]any{"DELETE /1/3": {lwm2m.CodeMethodNotAllowed}}, asked: happy, cause: store.CauseDone},
		{name: "delete answered with 2.04", answers: map[string][]any{"DELETE /1/3": {lwm2m.CodeChanged}}, asked: happy, cause: store.CauseDone, quirk: "2.04 in place of 2.02"},
		{name: "delete reset", answers: map[string][]any{"DELETE /1/3": {bootstrap.ErrReset}}, asked: happy, cause: store.CauseDone},
		{name: "write answered with 2.01", answers: map[string][]any{"PUT /0/1": {lwm2m.CodeCreated}}, asked: happy, cause: store.CauseDone, quirk: "2.01 in place of 2.04"},
		{name: "preferred format", queries: []string{"pct=112"}, asked: "GET /, DELETE /1/3, PUT /0/1 senml-cbor, PUT /1/0 senml-cbor, POST /bs", cause: store.CauseDone},
		{name: "preferred format unsupported after all", queries: []string{"pct=112"},
			answers: map[string][]any{"PUT /0/1": {lwm2m.CodeUnsupportedFormat, lwm2m.CodeChanged}},
			asked:   "GET /, DELETE /1/3, PUT /0/1 senml-cbor, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", cause: store.CauseDone, learned: lwm2m.FormatTLV},
		{name: "first write refused with 4.00 in the preferred format", queries: []string{"pct=110"},
			answers: map[string][]any{"PUT /0/1": {lwm2m.CodeBadRequest, lwm2m.CodeChanged}},
			asked:   "GET /, DELETE /1/3, PUT /0/1 senml-json, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", cause: store.CauseDone, learned: lwm2m.FormatTLV},
		{name: "second write refused with 5.00", queries: []string{"pct=110"}, answers: map[string][]any{"PUT /1/0": {lwm2m.CodeInternalServerError}},
			asked: "GET /, DELETE /1/3, PUT /0/1 senml-json, PUT /1/0 senml-json", cause: store.CauseRefused},
		{name: "format prescribed and refused", format: "tlv", answers: map[string][]any{"PUT /0/1": {lwm2m.CodeUnsupportedFormat}},
			asked: "GET /, DELETE /1/3, PUT /0/1 tlv", cause: store.CauseRefused},
		{name: "no format will do", answers: map[string][]any{"PUT /0/1": {lwm2m.CodeUnsupportedFormat}},
			asked: "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /0/1 senml-cbor, PUT /0/1 senml-json", cause: store.CauseRefused},
		{name: "write silent", answers: map[string][]any{"PUT /1/0": {bootstrap.ErrSilent}}, asked: "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv", cause: store.CauseSilent},
		{name: "write reset", answers: map[string][]any{"PUT /1/0": {bootstrap.ErrReset}}, asked: "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv", cause: store.CauseReset},
		{name: "gone in the middle", answers: map[string][]any{"PUT /0/1": {bootstrap.ErrGone}}, asked: "GET /, DELETE /1/3, PUT /0/1 tlv", cause: store.CauseGone},
		{name: "takes too long", answers: map[string][]any{"PUT /1/0": {endless{}}}, asked: "GET /, DELETE /1/3, PUT /0/1 tlv, PUT /1/0 tlv", cause: store.CauseDeadline},
		{name: "Discover too large", answers: map[string][]any{"GET /": {bootstrap.ErrAnswerTooLarge}}, asked: "GET /", cause: store.CauseAnswerTooLarge},
		{name: "Discover that leads to too many Deletes", answers: map[string][]any{"GET /": {crowded(257)}}, asked: "GET /", cause: store.CauseAnswerTooLarge},
		{name: "Discover with a block-wise error", answers: map[string][]any{"GET /": {bootstrap.ErrBlockWise}}, asked: "GET /", cause: store.CauseBlockWise},
		{name: "Discover not found", answers: map[string][]any{"GET /": {lwm2m.CodeNotFound}},
			asked: "GET /, DELETE /0/1, DELETE /1/0, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", cause: store.CauseDone},
		{name: "Finish refused", answers: map[string][]any{"POST /bs": {lwm2m.CodeNotAcceptable}}, asked: happy, cause: store.CauseFinishRefused},
		{name: "Finish silent", answers: map[string][]any{"POST /bs": {bootstrap.ErrSilent}}, asked: happy, cause: store.CauseFinishUnknown},
		{name: "Finish reset", answers: map[string][]any{"POST /bs": {bootstrap.ErrReset}}, asked: happy, cause: store.CauseFinishUnknown},
		{name: "gone after Finish", answers: map[string][]any{"POST /bs": {bootstrap.ErrGone}}, asked: happy, cause: store.CauseFinishUnknown},
		{name: "Finish answered with 2.05", answers: map[string][]any{"POST /bs": {lwm2m.CodeContent}}, asked: happy, cause: store.CauseDone, quirk: "2.05 in place of 2.04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newScriptedClient(tt.answers)
			p := store.Profile{Name: "p", Format: tt.format, Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}}
			s, d := bootstrapScripted(t, c, p, tt.queries...)
			if asked := strings.Join(c.asked, ", "); asked != tt.asked {
				t.Errorf("asked %s\n want %s", asked, tt.asked)
			}
			if s.Cause != tt.cause {
				t.Errorf("cause %s, want %s: %s", s.Cause, tt.cause, s.Detail)
			}
			if tt.quirk != "" && !slices.ContainsFunc(s.Quirks, func(q string) bool { return strings.Contains(q, tt.quirk) }) {
				t.Errorf("quirks %q, want one with %q", s.Quirks, tt.quirk)
			}
			if d.Format != tt.learned {
				t.Errorf("the record has format %v, want %v", d.Format, tt.learned)
			}
			if delivered := !d.Accounts["a"].Delivered.IsZero(); delivered != (tt.cause == store.CauseDone) {
				t.Errorf("the record says delivered: %v", delivered)
			}
		})
	}
}

// Over plain CoAP nothing but an answer to Discover opens the way to what follows: no
// Delete, Write or Finish goes to an address that may be forged. Any answer will do.
func TestSessionOverPlainCoAP(t *testing.T) {
	tests := []struct {
		name   string
		answer any
		asked  string
		cause  store.Cause
	}{
		{"good", bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</0/0>`)}, "GET /, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", store.CauseDone},
		{"refused", lwm2m.CodeNotFound, "GET /, DELETE /0/1, DELETE /1/0, PUT /0/1 tlv, PUT /1/0 tlv, POST /bs", store.CauseDone},
		{"reset", bootstrap.ErrReset, "GET /", store.CauseReset},
		{"silent", bootstrap.ErrSilent, "GET /", store.CauseSilent},
		{"block-wise error", bootstrap.ErrBlockWise, "GET /", store.CauseBlockWise},
		{"gone", bootstrap.ErrGone, "GET /", store.CauseGone},
		{"unvalidated address", bootstrap.ErrUnvalidated, "GET /", store.CauseInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newScriptedClient(map[string][]any{"GET /": {tt.answer}})
			c.plain = true
			s, _ := bootstrapScripted(t, c, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101}}})
			if asked := strings.Join(c.asked, ", "); asked != tt.asked || s.Cause != tt.cause {
				t.Errorf("asked %s, cause %s: %s\n want %s, %s", asked, s.Cause, s.Detail, tt.asked, tt.cause)
			}
		})
	}
}

// A separate answer to Finish may have to be acknowledged again: the association
// stays for that. After a failure nothing is due any more, and the device is told so. Over
// plain CoAP it is left to the transport, which knows duplicates of the request for
// longer.
func TestLinger(t *testing.T) {
	tests := []struct {
		name   string
		plain  bool
		finish any
		want   time.Duration // 0 where it stays
	}{
		{"piggybacked", false, bootstrap.Response{Code: lwm2m.CodeChanged}, released},
		{"separate", false, bootstrap.Response{Code: lwm2m.CodeChanged, Separate: true}, 10 * time.Second},
		{"refused", false, lwm2m.CodeNotAcceptable, aborted},
		{"plain", true, bootstrap.Response{Code: lwm2m.CodeChanged}, 0},
		{"plain, separate", true, bootstrap.Response{Code: lwm2m.CodeChanged, Separate: true}, 0},
		{"plain, refused", true, lwm2m.CodeNotAcceptable, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newScriptedClient(map[string][]any{"POST /bs": {tt.finish}})
			c.plain = tt.plain
			p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101}}}
			if bootstrapScripted(t, c, p); c.linger != tt.want {
				t.Errorf("lingers %v, want %v", c.linger, tt.want)
			}
		})
	}
}
