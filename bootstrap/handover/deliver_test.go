package handover_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// removal is the message by which a server is to forget what it knows.
func removal(t *testing.T, h store.HandedOver) store.Message {
	t.Helper()
	m, err := store.RemovedEvent(h, store.RemovedDeleted, time.Unix(7, 0)).MessageTo(h.Server)
	if err != nil {
		t.Fatal(err)
	}
	m.ID = 1
	return m
}

// handOverTo hands an account of a device over, whose record says so.
func handOverTo(t *testing.T, servers *handover.Servers, all *records, server string, ep lwm2m.EndpointName, identity string) error {
	t.Helper()
	all.set(ep, known(server, ep, identity, 1))
	return servers.HandOver(t.Context(), server, ep, accountWith(identity), lwm2m.BootstrapInfo{})
}

// A Leshan of either release forgets the device, also one that it does not know.
func TestLeshanForgets(t *testing.T) {
	for _, old := range []bool{false, true} {
		leshan := &leshanStandIn{old: old}
		web := httptest.NewServer(leshan)
		all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: web.URL})
		servers := handover.NewServers(all, handover.Options{})
		if err := handOverTo(t, servers, all, "dm", "urn:imei:1/2", "id"); err != nil || len(leshan.clients) != 1 {
			t.Fatal(err, leshan.clients)
		}
		all.set("urn:imei:1/2")
		for range 2 {
			if err := servers.Deliver(t.Context(), removal(t, known("dm", "urn:imei:1/2", "id", 1))); err != nil || len(leshan.clients) != 0 {
				t.Errorf("it still knows %v, %v", leshan.clients, err)
			}
		}
		web.Close()
	}
}

// A ThingsBoard has an identity and a key then that no one has, and never none: without credentials the
// device could come without security. A device that it does not have is forgotten.
func TestThingsBoardForgets(t *testing.T) {
	tb := &thingsBoardStandIn{}
	web := httptest.NewServer(tb)
	defer web.Close()
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindThingsBoard, Address: web.URL, Secret: lwm2m.NewSecret([]byte("tb_key"))})
	servers := handover.NewServers(all, handover.Options{})
	if err := handOverTo(t, servers, all, "dm", "meter", "id"); err != nil {
		t.Fatal(err)
	}
	all.set("meter")
	if err := servers.Deliver(t.Context(), removal(t, known("dm", "meter", "id", 1))); err != nil {
		t.Fatal(err)
	}
	value, _ := tb.stored["credentialsValue"].(string)
	if !strings.Contains(value, `"securityConfigClientMode":"PSK"`) || !strings.Contains(value, `"identity":"removed-`) || strings.Contains(value, hex.EncodeToString([]byte("0123456789abcdef"))) {
		t.Errorf("stored %s", value)
	}
	if err := servers.Deliver(t.Context(), removal(t, known("dm", "unknown", "id", 1))); err != nil {
		t.Error(err)
	}
}

// What a ThingsBoard was told by someone else stays: a device that was taken over by hand goes on to work.
func TestThingsBoardKeepsWhatOthersTold(t *testing.T) {
	lwm2mOf := func(mode, identity string) map[string]any {
		value := `{"client":{"securityConfigClientMode":"` + mode + `","endpoint":"meter","identity":"` + identity + `"},"bootstrap":{}}`
		return map[string]any{"credentialsType": "LWM2M_CREDENTIALS", "credentialsValue": value}
	}
	for name, tt := range map[string]struct {
		there  map[string]any
		remove string // the identity that is to be forgotten
		taken  bool
	}{
		"told":                      {lwm2mOf("PSK", "id"), "id", true},
		"told of no security":       {lwm2mOf("NO_SEC", ""), "", true},
		"told of a certificate":     {lwm2mOf("X509", ""), "", true},
		"another identity":          {lwm2mOf("PSK", "theirs"), "id", false},
		"an identity by now":        {lwm2mOf("PSK", "theirs"), "", false},
		"a certificate by now":      {lwm2mOf("X509", ""), "id", false},
		"forgotten already":         {lwm2mOf("PSK", "removed-0011"), "id", false},
		"a token of another device": {map[string]any{"credentialsType": "ACCESS_TOKEN", "credentialsId": "token"}, "id", false},
		"what cannot be read":       {map[string]any{"credentialsType": "LWM2M_CREDENTIALS", "credentialsValue": "?"}, "id", false},
		"nothing":                   {map[string]any{}, "id", false},
	} {
		t.Run(name, func(t *testing.T) {
			tt.there["id"], tt.there["deviceId"], tt.there["version"] = map[string]any{"id": "c1"}, map[string]any{"id": "the-id"}, 1.0
			standIn := &thingsBoardStandIn{stored: tt.there}
			web := httptest.NewServer(standIn)
			defer web.Close()
			all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindThingsBoard, Address: web.URL, Secret: lwm2m.NewSecret([]byte("tb_key"))})
			servers := handover.NewServers(all, handover.Options{})
			all.set("meter")
			if err := servers.Deliver(t.Context(), removal(t, known("dm", "meter", tt.remove, 1))); err != nil {
				t.Fatal(err)
			}
			if value, _ := standIn.stored["credentialsValue"].(string); (standIn.stored["version"] == 2.0) != tt.taken || tt.taken && !strings.Contains(value, `"identity":"removed-`) {
				t.Errorf("stored %v", standIn.stored)
			}
		})
	}
}

// A file of keys loses the line of the identity, and no other.
func TestPSKFileForgets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# ours\nother:01\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindPSKFile, Address: file})
	servers := handover.NewServers(all, handover.Options{})
	for _, identity := range []string{"former", "id"} {
		if err := handOverTo(t, servers, all, "dm", "meter", identity); err != nil {
			t.Fatal(err)
		}
	}
	if err := servers.Deliver(t.Context(), removal(t, known("dm", "meter", "former", 1))); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "# ours\nother:01\nid:30313233343536373839616263646566\n" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

// Two devices with one identity do not share a line of a file: the one that has it keeps it.
func TestPSKFileHasAnIdentityOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindPSKFile, Address: file})
	servers := handover.NewServers(all, handover.Options{})
	first, second := known("dm", "first", "id", 5), known("dm", "second", "id", 9)
	handOver := func(ep lwm2m.EndpointName) error {
		return servers.HandOver(t.Context(), "dm", ep, accountWith("id"), lwm2m.BootstrapInfo{})
	}
	all.set("first", first)
	all.set("second", second)
	expect(t, handOver("second"), `device "first" has the identity id in this file already`, false)
	if err := handOver("first"); err != nil {
		t.Error(err)
	}
	acknowledged := second
	acknowledged.Digest = lwm2m.NewSecret([]byte("x"))
	all.set("second", acknowledged)
	expect(t, handOver("first"), `device "second" has`, false)

	all.set("first") // it was disabled
	if err := servers.Deliver(t.Context(), removal(t, first)); !errors.Is(err, handover.ErrSuperseded) {
		t.Errorf("the line of the other is to be removed: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(b), "id:") {
		t.Errorf("the file is %q, %v", b, err)
	}
}

// A server that is told of the device again, or is to keep it, is not told to forget it.
func TestRemovalIsSuperseded(t *testing.T) {
	leshan := &leshanStandIn{}
	web := httptest.NewServer(leshan)
	defer web.Close()
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: web.URL})
	servers := handover.NewServers(all, handover.Options{})
	if err := handOverTo(t, servers, all, "dm", "meter", "id"); err != nil {
		t.Fatal(err)
	}
	m := removal(t, known("dm", "meter", "former id", 1))
	if err := servers.Deliver(t.Context(), m); !errors.Is(err, handover.ErrSuperseded) || len(leshan.clients) != 1 {
		t.Errorf("told again: %v, it knows %v", err, leshan.clients)
	}
	all.set("meter")
	keeps := all.servers["dm"]
	keeps.OnDelete = store.OnDeleteKeep
	all.servers["dm"] = keeps
	if err := servers.Deliver(t.Context(), m); !errors.Is(err, handover.ErrSuperseded) || len(leshan.clients) != 1 {
		t.Errorf("keeps: %v, it knows %v", err, leshan.clients)
	}
}

// A device that was disabled while its session came to the hand-over is not handed over, and while a
// server is told of a device it is not told to forget it.
func TestHandOverAndRemovalTakeTurns(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		asked <- struct{}{}
		<-answer
	}))
	defer web.Close()
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: web.URL})
	servers := handover.NewServers(all, handover.Options{})
	all.set("meter")
	expect(t, servers.HandOver(t.Context(), "dm", "meter", accountWith("id"), lwm2m.BootstrapInfo{}), "was deleted or disabled meanwhile", false)

	end := make(chan error)
	go func() { end <- handOverTo(t, servers, all, "dm", "meter", "id") }()
	<-asked
	all.set("meter") // it is disabled while the server is told
	m := removal(t, known("dm", "meter", "id", 1))
	if err := servers.Deliver(t.Context(), m); !errors.Is(err, handover.ErrBusy) {
		t.Errorf("while it is told: %v", err)
	}
	close(answer)
	if err := <-end; err != nil {
		t.Error(err)
	}
	go func() { end <- servers.Deliver(context.WithoutCancel(t.Context()), m) }()
	<-asked
	if err := <-end; err != nil {
		t.Error(err)
	}
}

// Events and removals are verified by a stock library. A repetition has the same ID, also after the secret
// was changed.
func TestEventsAreSigned(t *testing.T) {
	secret := lwm2m.NewSecret([]byte(strings.Repeat("s", 32)))
	var ids, bodies []string
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := webhooks.NewWebhook(store.FormatWebhookSecret(secret))
		if err == nil {
			err = v.Verify(body, r.Header)
		}
		if err != nil {
			t.Errorf("verify: %v", err)
		}
		ids, bodies = append(ids, r.Header.Get("webhook-id")), append(bodies, string(body))
	}))
	defer web.Close()
	all := newRecords(store.LwM2MServer{Name: "hook", Kind: store.KindWebhook, Address: web.URL, Secret: secret})
	servers := handover.NewServers(all, handover.Options{})
	event, err := store.DeviceEvent(store.EventDeleted, store.Device{Endpoint: "meter", Profile: "p"}, time.Unix(7, 0)).MessageTo("hook")
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(m store.Message) {
		if err := servers.Deliver(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	deliver(event)
	event.ID = 99 // as it is when it is delivered again
	changed := all.servers["hook"]
	changed.Secret, changed.Former, changed.Updated = lwm2m.NewSecret([]byte(strings.Repeat("n", 32))), secret, time.Unix(1, 0)
	all.servers["hook"] = changed
	deliver(event)
	deliver(removal(t, known("hook", "meter", "id", 1)))
	if len(ids) != 3 || ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("IDs %q", ids)
	}
	want := []string{
		`{"type":"device.deleted","timestamp":"1970-01-01T00:00:07Z","data":{"endpoint":"meter","profile":"p"}}`,
		`{"type":"device.removed","timestamp":"1970-01-01T00:00:07Z","data":{"endpoint":"meter","identity":"id","identityHex":"6964","reason":"deleted"}}`,
	}
	if bodies[0] != want[0] || bodies[2] != want[1] {
		t.Errorf("bodies %q", bodies)
	}
}

// A program reads the JSON of an event, and a Leshan is told none.
func TestCommandIsToldEvents(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat > "+folder+"/got\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	all := newRecords(store.LwM2MServer{Name: "program", Kind: store.KindCommand, Address: program}, store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: "http://127.0.0.1:1"})
	for _, permitted := range []bool{false, true} {
		servers := handover.NewServers(all, handover.Options{Commands: permitted})
		err := servers.Deliver(t.Context(), removal(t, known("program", "meter", "id", 1)))
		b, _ := os.ReadFile(folder + "/got")
		if (err == nil) != permitted || strings.Contains(string(b), `"type":"device.removed"`) != permitted {
			t.Errorf("permitted %v: it got %s, %v", permitted, b, err)
		}
	}
	event, err := store.DeviceEvent(store.EventDeleted, store.Device{Endpoint: "meter"}, time.Unix(7, 0)).MessageTo("dm")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, handover.NewServers(all, handover.Options{}).Deliver(t.Context(), event), "is told no events", false)
}

// The connections and log-ins of a server whose record was deleted are given up.
func TestDeletedServerIsForgotten(t *testing.T) {
	closed := make(chan struct{}, 8)
	web := httptest.NewUnstartedServer(&leshanStandIn{})
	web.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	web.Start()
	defer web.Close()
	all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: web.URL})
	servers := handover.NewServers(all, handover.Options{})
	if err := handOverTo(t, servers, all, "dm", "meter", "id"); err != nil {
		t.Fatal(err)
	}
	delete(all.servers, "dm")
	expect(t, servers.Deliver(t.Context(), removal(t, known("dm", "meter", "id", 1))), `there is no LwM2M Server "dm"`, false)
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Error("its connection is still open")
	}
}

// What a lying, slow or redirecting receiver of a removal does is no success.
func TestBadReceivers(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		told    string
		again   bool
	}{
		"a page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>log in</html>") }, "check its address", false},
		"redirects": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, "redirected", false},
		"huge":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, "longer than 65536", false},
		"slow":       {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }, "did not answer in time", true},
		"overloaded": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "503", true},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(tt.handler)
			defer web.Close()
			all := newRecords(store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: web.URL, Timeout: store.Duration(500 * time.Millisecond)})
			expect(t, handover.NewServers(all, handover.Options{}).Deliver(t.Context(), removal(t, known("dm", "meter", "id", 1))), tt.told, tt.again)
		})
	}
}
