package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A leshanServer is as much of Leshan's server demo as campaigns need: a device that was handed over is taken for
// registered, and comes back when its Bootstrap-Request Trigger is executed.
type leshanServer struct {
	*httptest.Server
	comes func(endpoint string)

	mu         sync.Mutex
	registered map[string]bool // guarded by mu
	coming     sync.WaitGroup
}

var triggerPath = regexp.MustCompile(`^/api/clients/([^/]+)/1/[0-9]+/9$`)

func newLeshanServer(t *testing.T, comes func(endpoint string)) *leshanServer {
	l := &leshanServer{registered: make(map[string]bool), comes: comes}
	l.Server = httptest.NewServer(http.HandlerFunc(l.answer))
	t.Cleanup(func() { l.Close(); l.coming.Wait() })
	return l
}

func (l *leshanServer) answer(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	trigger := triggerPath.FindStringSubmatch(r.URL.Path)
	switch {
	case r.Method == "PUT" && r.URL.Path == "/api/security/clients/":
		var info struct{ Endpoint string }
		if json.NewDecoder(r.Body).Decode(&info) != nil || info.Endpoint == "" {
			http.Error(w, "Invalid security info", http.StatusBadRequest)
			return
		}
		l.registered[info.Endpoint] = true
	case r.Method != "POST" || trigger == nil:
		http.Error(w, "Invalid path", http.StatusBadRequest)
	case !l.registered[trigger[1]]:
		http.Error(w, fmt.Sprintf("no registered client with id '%s'", trigger[1]), http.StatusBadRequest)
	default:
		l.coming.Go(func() { l.comes(trigger[1]) })
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"CHANGED(204)","valid":true,"success":true,"failure":false}`)
	}
}

// eventually waits until a command prints this.
func (sh *shell) eventually(line, want string) {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		got := sh.ok(line)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			sh.t.Fatalf("%s: %q, want %q", line, got, want)
		}
	}
}

// After a change of their profile devices are asked by their LwM2M Server to come, and come: one, the rest, and none
// that it does not know.
func TestRebootstrap(t *testing.T) {
	sh := newShell(t)
	leshan := newLeshanServer(t, func(ep string) {
		if _, err := sh.bootstrap(ep, rightKey); err != nil {
			t.Errorf("%s comes back: %v", ep, err)
		}
	})
	sh.serve()
	sh.ok("lwm2m-server add dm --kind leshan --address " + leshan.URL)
	profile := func(lifetime string) {
		sh.write("moved.yaml", strings.Replace(meterYAML, "shortServerID: 101", "shortServerID: 101\n    handOver: dm\n    lifetime: "+lifetime, 1))
		sh.ok("profile apply $D/moved.yaml")
	}
	profile("1h")
	for _, ep := range []string{"m-1", "m-2", "m-3", "m-4"} {
		sh.ok("device add " + ep + " --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
		if ep == "m-4" {
			break // it never came
		}
		if _, err := sh.bootstrap(ep, rightKey); err != nil {
			t.Fatal(err)
		}
	}
	profile("2h")
	sh.eventually("device list --count", "4 devices: 3 due (3 by profile), 1 never came\n")
	contains(t, "status", sh.ok("status"), "profile meter is at revision 2, and 3 devices hold revision 1", "lwbs device rebootstrap --where")
	contains(t, "get", sh.ok("device get m-1"), "profile meter revision 1", "its profile gives something else in revision 2: accounts[main].lifetime")
	contains(t, "dry run", sh.ok("device rebootstrap m-1 --dry-run"), "m-1 is due (profile)", "LwM2M Server dm (leshan) asks it to execute the Bootstrap-Request Trigger")
	if list := sh.ok("campaign list"); list != "" {
		t.Errorf("a dry run makes a campaign: %s", list)
	}
	contains(t, "one", sh.ok("device rebootstrap m-1 --follow"), "done: 1 of 1 device asked, 1 came: 1 done, 0 failed\n")
	sh.eventually("device list --count", "4 devices: 1 done, 2 due (2 by profile), 1 never came\n")
	status, _, errs := sh.run("device rebootstrap --where profile=meter --where state=due")
	if status == exitDone || !strings.Contains(errs, "this would have their LwM2M Servers ask 2 devices: --yes does it") {
		t.Errorf("without --yes: status %d: %s", status, errs)
	}
	contains(t, "many", sh.ok("device rebootstrap --where profile=meter --where state=due --yes --rate 100/s --first 1 --follow"), "2 devices with profile meter", "done: 2 of 2 devices asked, 2 came: 2 done, 0 failed\n")
	sh.eventually("device list --count", "4 devices: 3 done, 1 never came\n")
	contains(t, "unknown there", sh.ok("device rebootstrap m-4 --patience 2s --follow"), "done: 0 of 1 device asked", "1 could not be asked")
	var campaigns []struct{ ID string }
	if err := json.Unmarshal([]byte(sh.ok("campaign list --json")), &campaigns); err != nil || len(campaigns) != 3 {
		t.Fatalf("campaigns %v, error %v", campaigns, err)
	}
	id := campaigns[0].ID
	contains(t, "devices", sh.ok("campaign devices "+id), "m-4", "not-asked", `LwM2M Server "dm": the device is not registered there (asked 4 times)`)
	contains(t, "get", sh.ok("campaign get "+id), "endpoint=m-4", "one device in 100ms", "lwbs campaign devices")
	for line, told := range map[string]string{
		"campaign resume " + id: "it has ended", "campaign get nosuch": "not found", "campaign pause nosuch": "not found", "campaign devices nosuch": "not found",
		"device rebootstrap nosuch": "not found", "device rebootstrap m-1 --rate 10": "want a rate such as 10/s", "device rebootstrap m-1 --rate 0/s": "want a rate",
		"device rebootstrap m-1 --rate 5000/s": "want one device in 1ms", "device rebootstrap m-1 --stop-at-failures 101%": "want 0% to 100%",
		"device rebootstrap m-1 --first 0": "less than 1", "device rebootstrap m-1 --patience soon": "want a time such as",
		"device rebootstrap --where profile=meetr": `did you mean "meter"`, "device rebootstrap": "ENDPOINT",
	} {
		if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d: %s", line, status, errs)
		}
	}
}

// Without a server a campaign is made, paused and canceled, and begins when a server runs; devices that no server can
// ask are explained.
func TestCampaignsWithoutAServer(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	sh.ok("device add m-1 --profile meter --psk generate")
	out := sh.ok("device rebootstrap m-1")
	contains(t, "no one can ask it", out, "no LwM2M Server asks it: no account of profile \"meter\" names an LwM2M Server (handOver)", "given what is new at the next contact")
	leshan := newLeshanServer(t, func(string) {})
	sh.ok("lwm2m-server add dm --kind leshan --address " + leshan.URL)
	sh.write("m.yaml", strings.Replace(meterYAML, "shortServerID: 101", "shortServerID: 101\n    handOver: dm", 1))
	sh.ok("profile apply $D/m.yaml")
	_, out, errs := sh.run("device rebootstrap m-1 --patience 2s")
	contains(t, "no server", errs, "no server is running with this database: the campaign begins when one does")
	m := regexp.MustCompile(`campaign (\S+) asks them`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no campaign: %s", out)
	}
	contains(t, "pause", sh.ok("campaign pause "+m[1]), "is paused: 0 of 1 device asked")
	contains(t, "pause again", sh.ok("campaign pause "+m[1]), "is paused")
	sh.serve()
	contains(t, "paused", sh.ok("campaign get "+m[1]), "paused: 0 of 1 device asked")
	sh.ok("campaign resume " + m[1])
	contains(t, "it begins", sh.ok("campaign get --follow "+m[1]), "1 could not be asked")
	contains(t, "db check", sh.ok("db check"), "sound")
}
