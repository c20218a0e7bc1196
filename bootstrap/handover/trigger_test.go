package handover_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// asked triggers a device by a server of this record, within a minute if that does not say.
func asked(t *testing.T, record store.LwM2MServer) (note string, err error) {
	t.Helper()
	record.Name = "dm"
	if record.Timeout == 0 {
		record.Timeout = store.Duration(time.Minute)
	}
	servers := handover.NewServers(newRecords(record), handover.Options{Commands: true})
	defer servers.Close()
	return servers.Trigger(t.Context(), "dm", handover.Trigger{Endpoint: "urn:x/1 ü", Instance: 3, Campaign: "c1"})
}

// What Leshan answers is told apart: what the device says, that it is not there or sleeps, and that the server cannot
// be asked at all. The answers are those of ClientServlet of leshan-server-demo, 1.5.0 and 2.0.0-M15.
func TestTriggerByLeshan(t *testing.T) {
	const path = "/api/clients/urn:x%2F1%20%C3%BC/1/3/9"
	for name, tt := range map[string]struct {
		status   int
		body     string
		want     string // of the error; empty for none
		note     string
		ofServer bool
	}{
		"done":               {200, `{"status":"CHANGED(204)","valid":true,"success":true,"failure":false}`, "", "", false},
		"asleep":             {200, `{"ep":"urn:x/1 ü","path":"/1/3/9","requestId":"7","response":null,"delayed":true}`, "", "when it is awake", false},
		"device refuses":     {200, `{"status":"NOT_FOUND(404)","valid":true,"success":false,"failure":true,"errormessage":"no such Resource"}`, "the device answers NOT_FOUND(404) to its Bootstrap-Request Trigger, /1/3/9: no such Resource", "", false},
		"not registered":     {400, "no registered client with id 'urn:x/1 ü'", "the device is not registered there", "", false},
		"1.5 not registered": {400, "No registered client with id 'urn:x/1 ü'", "the device is not registered there", "", false},
		"device silent":      {504, "Request timeout", "the device does not answer", "", false},
		"request rejected":   {400, "Request rejected:the association is gone", "400 Bad Request: Request rejected", "", false},
		"server broken":      {500, "Unexpected", "500 Internal Server Error", "", true},
		"proxy refuses":      {401, "log in", "401 Unauthorized: log in", "", true},
		"elsewhere":          {404, "not here", "404 Not Found", "", true},
		"a page":             {200, "<html>welcome</html>", "something else than the JSON of Leshan: check its address", "", true},
		"redirected":         {302, "", "is redirected to", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != "POST" || r.URL.EscapedPath() != path || len(body) > 0 || r.Header.Get("X-Token") != "secret" {
					t.Errorf("%s %s with %d bytes", r.Method, r.URL.EscapedPath(), len(body))
				}
				if tt.status == 302 {
					w.Header().Set("Location", "/login")
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer web.Close()
			record := store.LwM2MServer{Kind: store.KindLeshan, Address: web.URL, Headers: map[string]lwm2m.Secret{"X-Token": lwm2m.NewSecret([]byte("secret"))}}
			if tt.status == 500 { // which is repeated
				record.Timeout = untilPause
			}
			note, err := asked(t, record)
			checkTrigger(t, note, err, tt.note, tt.want, tt.ofServer)
		})
	}
}

func checkTrigger(t *testing.T, note string, err error, wantNote, want string, ofServer bool) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || !strings.Contains(note, wantNote) || (note == "") != (wantNote == "") {
		t.Errorf("note %q, error %v, want %q", note, err, want)
	}
	if err != nil && handover.OfServer(err) != ofServer {
		t.Errorf("%v is about the server: %v, want %v", err, handover.OfServer(err), ofServer)
	}
}

// A server that cannot be reached is no fault of the device.
func TestTriggerWithoutServer(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	web.Close()
	for _, kind := range []store.LwM2MServerKind{store.KindLeshan, store.KindWebhook} {
		record := store.LwM2MServer{Kind: kind, Address: web.URL, Timeout: store.Duration(50 * time.Millisecond)}
		if kind == store.KindWebhook {
			record.Secret = lwm2m.NewSecret([]byte(strings.Repeat("s", 24)))
		}
		note, err := asked(t, record)
		checkTrigger(t, note, err, "", "cannot be reached", true)
	}
}

// untilPause ends a request that is repeated in the middle of the third pause, which is the longest so far, and not
// while the server answers.
const untilPause = store.Duration(1200 * time.Millisecond)

// ThingsBoard is asked for a two-way RPC to the device of the name.
func TestTriggerByThingsBoard(t *testing.T) {
	for name, tt := range map[string]struct {
		status   int
		body     string
		missing  bool
		want     string
		ofServer bool
	}{
		"done":            {200, `{"result":"CHANGED"}`, false, "", false},
		"device refuses":  {200, `{"result":"NOT_FOUND","error":"path is not there"}`, false, "the device answers NOT_FOUND to its Bootstrap-Request Trigger, /1/3/9: path is not there", false},
		"not connected":   {409, `{"message":"No active connection"}`, false, "the device is not connected there", false},
		"device silent":   {504, `{"message":"timeout"}`, false, "the device does not answer", false},
		"no such device":  {0, "", true, "it has no device named", false},
		"no permission":   {403, `{"message":"You don't have permission"}`, false, "403 Forbidden", true},
		"server too busy": {429, "slow down", false, "429 Too Many Requests", true},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Authorization") != "ApiKey tb_key" {
					w.WriteHeader(401)
					return
				}
				body, _ := io.ReadAll(r.Body)
				switch {
				case r.Method == "GET" && r.URL.Path == "/api/tenant/devices" && r.URL.Query().Get("deviceName") == "urn:x/1 ü" && !tt.missing:
					fmt.Fprint(w, `{"id":{"entityType":"DEVICE","id":"the-id"}}`)
				case r.Method == "POST" && r.URL.Path == "/api/rpc/twoway/the-id":
					calls.Add(1)
					if want := `{"method":"Execute","params":{"id":"/1/3/9"},"persistent":false,"timeout":5000}`; string(body) != want {
						t.Errorf("body %s", body)
					}
					w.WriteHeader(tt.status)
					fmt.Fprint(w, tt.body)
				default:
					w.WriteHeader(404)
				}
			}))
			defer web.Close()
			record := store.LwM2MServer{Kind: store.KindThingsBoard, Address: web.URL, Secret: lwm2m.NewSecret([]byte("tb_key"))}
			if tt.status == 429 {
				record.Timeout = untilPause
			}
			note, err := asked(t, record)
			checkTrigger(t, note, err, "", tt.want, tt.ofServer)
			if tt.missing == (calls.Load() > 0) {
				t.Errorf("%d RPCs", calls.Load())
			}
		})
	}
}

// A webhook is signed, and the same campaign tells it the same again, and another campaign something else; a command
// reads the same JSON. A file of keys cannot ask anybody.
func TestTriggerByEvent(t *testing.T) {
	secret := lwm2m.NewSecret([]byte(strings.Repeat("s", 24)))
	verify, err := webhooks.NewWebhook(store.FormatWebhookSecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	const message = `{"type":"device.rebootstrap","data":{"endpoint":"urn:x/1 ü","execute":"/1/3/9","campaign":"c1"}}`
	ids := make(map[string]bool)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verify.Verify(body, r.Header); err != nil || string(body) != message {
			t.Errorf("%s, error %v", body, err)
		}
		ids[r.Header.Get("webhook-id")] = true
	}))
	defer web.Close()
	for range 2 {
		note, err := asked(t, store.LwM2MServer{Kind: store.KindWebhook, Address: web.URL, Secret: secret})
		checkTrigger(t, note, err, "", "", false)
	}
	if len(ids) != 1 {
		t.Errorf("IDs %v", ids)
	}

	dir := t.TempDir()
	program := filepath.Join(dir, "told.sh")
	if err := os.WriteFile(program, []byte("#!/bin/sh\ncat > "+filepath.Join(dir, "in")+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	note, err := asked(t, store.LwM2MServer{Kind: store.KindCommand, Address: program, Timeout: store.Duration(time.Minute)})
	checkTrigger(t, note, err, "", "", false)
	if in, err := os.ReadFile(filepath.Join(dir, "in")); err != nil || string(in) != message {
		t.Errorf("the program reads %s, %v", in, err)
	}
	note, err = asked(t, store.LwM2MServer{Kind: store.KindCommand, Address: filepath.Join(dir, "gone"), Timeout: store.Duration(time.Minute)})
	checkTrigger(t, note, err, "", "the program cannot be run", true)
	_, err = handover.NewServers(newRecords(), handover.Options{}).Trigger(t.Context(), "dm", handover.Trigger{Endpoint: "x"})
	checkTrigger(t, "", err, "", `there is no LwM2M Server "dm"`, true)
	note, err = asked(t, store.LwM2MServer{Kind: store.KindPSKFile, Address: filepath.Join(dir, "keys")})
	checkTrigger(t, note, err, "", "cannot ask devices", true)
}

// A device that is not registered with its LwM2M Server, or does not answer it, is told from one that refuses, and from a
// server that cannot be asked.
func TestAbsentDeviceIsToldApart(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   store.LwM2MServerKind
		status int
		body   string
		absent bool
	}{
		"Leshan, not registered":     {store.KindLeshan, 400, "no registered client with id 'x'", true},
		"Leshan, silent":             {store.KindLeshan, 504, "Request timeout", true},
		"Leshan, refuses":            {store.KindLeshan, 200, `{"status":"NOT_FOUND(404)","success":false}`, false},
		"Leshan, overloaded":         {store.KindLeshan, 503, "", false},
		"ThingsBoard, not connected": {store.KindThingsBoard, 409, `{"message":"No active connection"}`, true},
		"ThingsBoard, silent":        {store.KindThingsBoard, 504, "", true},
		"ThingsBoard, refuses":       {store.KindThingsBoard, 200, `{"result":"NOT_FOUND"}`, false},
		"ThingsBoard, denied":        {store.KindThingsBoard, 403, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "GET" { // which ThingsBoard is asked first
					fmt.Fprint(w, `{"id":{"id":"the-id"}}`)
					return
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer web.Close()
			record := store.LwM2MServer{Kind: tt.kind, Address: web.URL}
			if tt.status == 503 {
				record.Timeout = untilPause
			}
			if tt.kind == store.KindThingsBoard {
				record.Secret = lwm2m.NewSecret([]byte("tb_key"))
			}
			if _, err := asked(t, record); err == nil || handover.OfAbsentDevice(err) != tt.absent || tt.absent && handover.OfServer(err) {
				t.Errorf("%v: of an absent device %v, want %v", err, handover.OfAbsentDevice(err), tt.absent)
			}
		})
	}
}
