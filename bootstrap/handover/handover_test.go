package handover_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// pskAccount is an account of a device with a key whose hexadecimal form is 16 times "5a".
func pskAccount(ep, identity string) handover.Account {
	return handover.Account{
		Endpoint: lwm2m.EndpointName(ep), URI: "coaps://dm.example:5684", ShortServerID: 101,
		Mode: lwm2m.SecurityPSK, Identity: []byte(identity), Key: lwm2m.NewSecret([]byte(strings.Repeat("Z", 16))),
	}
}

const keyHex = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

func newServer(t *testing.T, record store.LwM2MServer) handover.Server {
	t.Helper()
	record.Name = "dm"
	if err := record.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := handover.New(record, handover.Options{Commands: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A Leshan of either release takes accounts, also a changed one, and lets go of them.
func TestLeshan(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprint("1.5: ", old), func(t *testing.T) {
			standIn := &leshanStandIn{old: old}
			web := httptest.NewServer(standIn)
			defer web.Close()
			s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL + "/"})
			for _, ep := range []string{"meter", "urn:imei:1/2 ü", "meter"} {
				if err := s.Put(t.Context(), pskAccount(ep, "id "+ep)); err != nil {
					t.Fatal(err)
				}
			}
			if got := standIn.keys["id meter"]; got != keyHex {
				t.Errorf("key %s", got)
			}
			err := s.Put(t.Context(), pskAccount("other", "id meter"))
			if err == nil || !strings.Contains(err.Error(), "already used") || strings.Contains(err.Error(), keyHex) {
				t.Errorf("error %v", err)
			}
			for _, ep := range []string{"meter", "urn:imei:1/2 ü", "unknown"} {
				if err := s.Remove(t.Context(), pskAccount(ep, "")); err != nil {
					t.Error(err)
				}
			}
			if len(standIn.clients) != 0 {
				t.Errorf("it still knows %v", standIn.clients)
			}
		})
	}
}

// Leshan 2.0 takes every mode; OSCORE as the server sees it.
func TestLeshanForms(t *testing.T) {
	for _, tt := range []struct {
		a    handover.Account
		want string
	}{
		{handover.Account{Mode: lwm2m.SecurityRPK, Identity: []byte{0x30, 0x59}}, `{"endpoint":"e","tls":{"details":{"key":"3059"},"mode":"rpk"}}`},
		{handover.Account{Mode: lwm2m.SecurityCertificate, Identity: []byte{0x30}}, `{"endpoint":"e","tls":{"mode":"x509"}}`},
		{handover.Account{Mode: lwm2m.SecurityNoSec, Master: lwm2m.NewSecret([]byte{1, 2}), SenderID: []byte{0xaa}, Recipient: []byte{0xbb}},
			`{"endpoint":"e","oscore":{"msec":"0102","rid":"aa","sid":"bb"}}`},
		{handover.Account{Mode: lwm2m.SecurityNoSec}, "nothing that Leshan must know"},
		{handover.Account{Mode: lwm2m.SecurityPSK, Identity: []byte{0xff}, Key: lwm2m.NewSecret([]byte{1})}, "is not text"},
	} {
		var got string
		web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = string(b)
		}))
		tt.a.Endpoint = "e"
		if err := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL}).Put(t.Context(), tt.a); err != nil {
			got = err.Error()
		}
		web.Close()
		if !strings.Contains(got, tt.want) {
			t.Errorf("%+v\ngot  %s\nwant %s", tt.a, got, tt.want)
		}
	}
}

// ThingsBoard is told with a log-in, whose token may have ended, or an API key, and again where someone
// else changed the device.
func TestThingsBoard(t *testing.T) {
	for _, user := range []string{"", "tenant@thingsboard.org"} {
		standIn := &thingsBoardStandIn{user: user, password: "tb_password", conflicts: 1}
		secret := "tb_key"
		if user != "" {
			secret = standIn.password
		}
		web := httptest.NewServer(standIn)
		s := newServer(t, store.LwM2MServer{Kind: store.KindThingsBoard, Address: web.URL, User: user, Secret: lwm2m.NewSecret([]byte(secret))})
		if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil {
			t.Fatal(err)
		}
		standIn.tokens++ // as if the one given had ended
		if err := s.Put(t.Context(), pskAccount("meter", "id2")); err != nil {
			t.Fatal(err)
		}
		if value := fmt.Sprint(standIn.stored["credentialsValue"]); !strings.Contains(value, `"identity":"id2"`) || !strings.Contains(value, keyHex) {
			t.Errorf("stored %s", value)
		}
		if err := s.Remove(t.Context(), pskAccount("meter", "id2")); err != nil || strings.Contains(fmt.Sprint(standIn.stored), keyHex) {
			t.Errorf("removed: %v, %v", err, standIn.stored)
		}
		err := s.Put(t.Context(), pskAccount("unknown", "id"))
		if err == nil || !strings.Contains(err.Error(), `no device named "unknown"`) {
			t.Errorf("unknown device: %v", err)
		}
		short := pskAccount("meter", "id")
		short.Key = lwm2m.NewSecret([]byte("12345678"))
		if err := s.Put(t.Context(), short); err == nil || !strings.Contains(err.Error(), "keyLength") {
			t.Errorf("short key: %v", err)
		}
		web.Close()
	}
	web := httptest.NewServer(&thingsBoardStandIn{user: "u", password: "right"})
	defer web.Close()
	s := newServer(t, store.LwM2MServer{Kind: store.KindThingsBoard, Address: web.URL, User: "u", Secret: lwm2m.NewSecret([]byte("wrong-password"))})
	err := s.Put(t.Context(), pskAccount("meter", "id"))
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("wrong password: %v", err)
	}
}

// A webhook is verified by a stock library, with the secret and with the former one; a repetition has
// the same ID.
func TestWebhook(t *testing.T) {
	secret, former := lwm2m.NewSecret([]byte(strings.Repeat("s", 32))), lwm2m.NewSecret([]byte(strings.Repeat("f", 24)))
	ids := make(map[string]int)
	var bodies []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, s := range []lwm2m.Secret{secret, former} {
			v, err := webhooks.NewWebhook(store.FormatWebhookSecret(s))
			if err == nil {
				err = v.Verify(body, r.Header)
			}
			if err != nil {
				t.Errorf("verify: %v", err)
			}
		}
		if v, _ := webhooks.NewWebhook(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))); v.Verify(body, r.Header) == nil {
			t.Error("verified with another secret")
		}
		ids[r.Header.Get("webhook-id")]++
		bodies = append(bodies, string(body))
		if len(bodies) < 3 {
			http.Error(w, "later", http.StatusServiceUnavailable)
		}
	}))
	defer web.Close()
	s := newServer(t, store.LwM2MServer{Kind: store.KindWebhook, Address: web.URL + "/hook?tenant=7", Secret: secret, Former: former})
	a := pskAccount("meter", "id")
	if err := handover.Deliver(t.Context(), func(ctx context.Context) error { return s.Put(ctx, a) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if len(bodies) != 4 || len(ids) != 2 {
		t.Errorf("%d requests with %d IDs, want 4 with 2", len(bodies), len(ids))
	}
	want := `{"type":"device.credentials","data":{"endpoint":"meter","uri":"coaps://dm.example:5684","shortServerId":101,"security":"psk","identity":"id","identityHex":"6964","keyHex":"` + keyHex + `"}}`
	if bodies[0] != want || bodies[3] != `{"type":"device.removed","data":{"endpoint":"meter"}}` {
		t.Errorf("bodies %q", bodies)
	}
}

// What a server can do wrong ends in one line, and is tried again only where that may help.
func TestBadServers(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		told    string
		again   bool
	}{
		{"refuses", answer(400, "no such thing\x1b[31m"), `it answers PUT /api/security/clients/ with 400 Bad Request: no such thing\x1b[31m`, false},
		{"repeats the key", answer(400, "bad key "+strings.ToUpper(keyHex)), "bad key …", false},
		{"repeats a header", answer(403, "token t0psecret is bad"), "token … is bad", false},
		{"is overloaded", answer(503, ""), "503 Service Unavailable", true},
		{"limits the rate", answer(429, "slow down"), "429 Too Many Requests: slow down", true},
		{"answers without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil {
					return
				}
			}
		}, "longer than 65536 bytes", false},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest?token=1", http.StatusFound)
		}, "redirected to http://169.254.169.254/latest, which is not followed", false},
		{"closes the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot be reached", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			web := httptest.NewServer(tt.handler)
			defer web.Close()
			s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL, Headers: map[string]lwm2m.Secret{"X-Token": lwm2m.NewSecret([]byte("t0psecret"))}})
			expect(t, s.Put(t.Context(), pskAccount("meter", "id")), tt.told, tt.again)
		})
	}
}

func expect(t *testing.T, err error, told string, again bool) {
	t.Helper()
	var e *handover.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), told) || e.Again != again {
		t.Errorf("error %v, again %v\nwant %s, %v", err, e != nil && e.Again, told, again)
	}
	if err != nil && (strings.Contains(strings.ToLower(err.Error()), keyHex) || strings.Contains(err.Error(), "t0psecret") || strings.Contains(err.Error(), "\n")) {
		t.Errorf("error %q", err)
	}
}

// A server that cannot be reached, or is another one, is told from one that refuses.
func TestUnreachableServers(t *testing.T) {
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the failures that are wanted
	secure.TLS = &tls.Config{}
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, tt := range []struct {
		name, address, told string
		again               bool
	}{
		{"no listener", "http://" + unused.Addr().String(), "connection refused", true},
		{"unknown issuer", secure.URL, "its certificate is not trusted", false},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS", false},
		{"metadata", "http://169.254.169.254", "169.254.169.254 is one of the link or of a metadata service", false},
		{"metadata by IPv6", "http://[fd00:ec2::254]", "fd00:ec2::254 is one of the link", false},
		{"metadata in another form", "http://[::ffff:169.254.169.254]", "169.254.169.254 is one of the link", false},
		{"metadata behind NAT64", "http://[64:ff9b::a9fe:a9fe]", "169.254.169.254 is one of the link", false},
		{"metadata behind 6to4", "http://[2002:a9fe:a9fe::1]", "169.254.169.254 is one of the link", false},
		{"metadata of Azure", "http://168.63.129.16", "168.63.129.16 is one of the link", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: tt.address})
			expect(t, s.Put(t.Context(), pskAccount("meter", "id")), tt.told, tt.again)
		})
	}
	s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: secure.URL, CAs: [][]byte{secure.Certificate().Raw}})
	expect(t, s.Put(t.Context(), pskAccount("meter", "id")), "404", false)
}

// A hand-over takes no longer than its time, and tells the reason of the last try.
func TestDeliverEnds(t *testing.T) {
	var tries atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries.Add(1) == 1 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.ReadAll(r.Body)
		<-r.Context().Done()
	}))
	defer web.Close()
	s := newServer(t, store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	expect(t, handover.Deliver(ctx, func(ctx context.Context) error { return s.Put(ctx, pskAccount("meter", "id")) }), "did not answer in time", true)
	if tries.Load() < 2 {
		t.Errorf("%d tries", tries.Load())
	}
}

// A file of keys keeps its other lines and its mode, also with many changes at a time.
func TestPSKFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.psk")
	if err := os.WriteFile(file, []byte("# ours\nother:0102\nid 7:00\r\nid 7:01\nlast:03"), 0o640); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: file})
	const n = 50
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := s.Put(t.Context(), pskAccount("meter", fmt.Sprint("id ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := s.Remove(t.Context(), pskAccount("meter", "id 8")); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if !strings.HasPrefix(string(b), "# ours\nother:0102\nid 7:"+keyHex+"\nlast:03\n") || len(lines) != 4+n-2 || strings.Contains(string(b), "id 8:") {
		t.Errorf("%d lines: %s", len(lines), b)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for identity, told := range map[string]string{"a:b": "a colon", "a\nb": "a colon", "": "is empty", "#a": "begins with #"} {
		expect(t, s.Put(t.Context(), pskAccount("meter", identity)), told, false)
	}
	missing := newServer(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: filepath.Join(t.TempDir(), "no", "file")})
	expect(t, missing.Put(t.Context(), pskAccount("meter", "id")), "no such file", false)
}

// A program is told by its standard input, and tells by how it ends.
func TestCommand(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "program")
	script := "#!/bin/sh\nread -r line; echo \"$line\" > " + folder + "/got\ncase $1 in slow) sleep 60 & wait;; *) echo \"because $line\" >&2; exit \"$1\";; esac\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	tell := func(ctx context.Context, argument string) error {
		return newServer(t, store.LwM2MServer{Kind: store.KindCommand, Address: program, Arguments: []string{argument}}).Put(ctx, pskAccount("meter", "id"))
	}
	if err := tell(t.Context(), "0"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(folder + "/got")
	var got map[string]any
	if err != nil || json.Unmarshal(b, &got) != nil || got["type"] != "device.credentials" {
		t.Errorf("it got %s, %v", b, err)
	}
	expect(t, tell(t.Context(), "1"), "exit status 1: because", false)
	expect(t, tell(t.Context(), "75"), "exit status 75: because", true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	expect(t, tell(ctx, "slow"), "did not end in time", true)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v: what it started goes on", took)
	}
	_, err = handover.New(store.LwM2MServer{Name: "c", Kind: store.KindCommand, Address: program}, handover.Options{})
	expect(t, err, "--allow-commands", false)
}
