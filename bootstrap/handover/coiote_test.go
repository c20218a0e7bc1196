package handover_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// coioteAt is the record of a Coiote at an address, with the domain /meters/.
func coioteAt(address string) store.LwM2MServer {
	return store.LwM2MServer{Name: "dm", Kind: store.KindCoiote, Address: address, User: "lwbs@example.com", Domain: "/meters/", Secret: lwm2m.NewSecret([]byte("c0iote&pass=word"))}
}

// newCoiote is a stand-in, and a server that knows how to log in there.
func newCoiote(t *testing.T) (*coioteStandIn, handover.Server) {
	t.Helper()
	standIn := &coioteStandIn{user: "lwbs@example.com", password: "c0iote&pass=word"}
	web := httptest.NewServer(standIn)
	t.Cleanup(web.Close)
	return standIn, newServer(t, coioteAt(web.URL))
}

// stored is a device of a stand-in that registers.
func stored(id, ep, domain string) *coioteStored {
	return &coioteStored{ID: id, ConnectorType: "management", Domain: domain, Properties: map[string]string{"endpointName": ep}, SecurityMode: "notset"}
}

// A Coiote has the device made, and from then on its credentials replaced, also where the token has ended. A device
// that it is to forget stays, with an identity and a key that no one has.
func TestCoiote(t *testing.T) {
	standIn, s := newCoiote(t)
	const ep = "urn:imei:1/2 ü+%"
	if err := s.Put(t.Context(), pskAccount(ep, "id")); err != nil {
		t.Fatal(err)
	}
	if len(standIn.devices) != 1 {
		t.Fatalf("devices %v", standIn.devices)
	}
	d := standIn.devices[0]
	if d.Domain != "/meters/" || d.Properties["endpointName"] != ep || *d.DTLSIdentity != "id" || d.DTLSPSK["HexadecimalPsk"] != keyHex || d.SecurityMode != "psk" {
		t.Errorf("made %+v", d)
	}
	standIn.logins++ // as if the token had ended
	if err := s.Put(t.Context(), pskAccount(ep, "id2")); err != nil || *d.DTLSIdentity != "id2" || len(standIn.devices) != 1 {
		t.Errorf("%v, identity %s of %d devices", err, *d.DTLSIdentity, len(standIn.devices))
	}
	noSec := handover.Account{Endpoint: ep, Mode: lwm2m.SecurityNoSec}
	if err := s.Put(t.Context(), noSec); err != nil || d.SecurityMode != "nosec" || d.DTLSPSK != nil {
		t.Errorf("%v, without security %+v", err, d)
	}
	for range 2 {
		if err := s.Remove(t.Context(), pskAccount(ep, "")); err != nil || len(standIn.devices) != 1 {
			t.Fatal(err, standIn.devices)
		}
		if key := d.DTLSPSK["HexadecimalPsk"]; d.SecurityMode != "psk" || !strings.HasPrefix(*d.DTLSIdentity, "removed-") || len(key) != 32 || key == keyHex {
			t.Errorf("removed %+v", d)
		}
	}
	if err := s.Remove(t.Context(), pskAccount("unknown", "id")); err != nil || len(standIn.devices) != 1 {
		t.Errorf("unknown device: %v, %d devices", err, len(standIn.devices))
	}
	for _, a := range []handover.Account{
		{Endpoint: ep, Mode: lwm2m.SecurityRPK, Identity: []byte{1}},
		{Endpoint: ep, Mode: lwm2m.SecurityCertificate, Identity: []byte{1}},
		{Endpoint: ep, Mode: lwm2m.SecurityNoSec, Master: lwm2m.NewSecret([]byte{1})},
	} {
		expect(t, s.Put(t.Context(), a), "description of", false)
	}
	expect(t, s.Put(t.Context(), handover.Account{Endpoint: ep, Mode: lwm2m.SecurityPSK, Identity: []byte{0xff}, Key: lwm2m.NewSecret([]byte{1})}), "is not text", false)
}

// A device that has other credentials than it was told of keeps them: someone else gave it these. One whose name cannot be
// looked up was never told of.
func TestCoioteForgetsItsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		mode, identity string // of the device there
		remove         string // the identity that is to be forgotten
		taken          bool
	}{
		"told":                 {"psk", "id", "id", true},
		"told of no security":  {"nosec", "", "", true},
		"another identity":     {"psk", "theirs", "id", false},
		"a certificate":        {"cert", "", "", false},
		"a certificate by now": {"cert", "id", "id", false},
		"forgotten already":    {"psk", "removed-0011", "id", false},
	} {
		t.Run(name, func(t *testing.T) {
			standIn, s := newCoiote(t)
			d := stored("d", "meter", "/meters/")
			d.SecurityMode, d.DTLSIdentity = tt.mode, new(tt.identity)
			standIn.devices = []*coioteStored{d}
			if err := s.Remove(t.Context(), pskAccount("meter", tt.remove)); err != nil || strings.HasPrefix(*d.DTLSIdentity, "removed-") != (tt.taken || strings.HasPrefix(tt.identity, "removed-")) || !tt.taken && *d.DTLSIdentity != tt.identity {
				t.Errorf("%v, it is %+v", err, d)
			}
		})
	}
	standIn, s := newCoiote(t)
	if err := s.Remove(t.Context(), pskAccount("it's", "id")); err != nil || len(standIn.search) > 0 {
		t.Errorf("%v, searched %q", err, standIn.search)
	}
}

// What an operator set on a device stays: what an update lacks would be reset.
func TestCoioteKeepsWhatOperatorsSet(t *testing.T) {
	standIn, s := newCoiote(t)
	d := stored("d/1", "meter", "/meters/lot 7/")
	d.Properties["street"], d.DirectGroups, d.Blacklisted, d.Description, d.FriendlyName = "Main", []string{"root.lot7"}, true, new("in the cellar"), new("Meter 1")
	standIn.devices = []*coioteStored{d}
	want := *d
	want.SecurityMode, want.DTLSIdentity, want.DTLSPSK = "psk", new("id"), map[string]string{"HexadecimalPsk": keyHex}
	if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil || !reflect.DeepEqual(*d, want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, *d, want)
	}
}

// Only the one device that registers under the name is told of, whatever the search finds.
func TestCoioteFindsTheDevice(t *testing.T) {
	bootstrapped := stored("b", "meter", "/meters/")
	bootstrapped.ConnectorType = "bootstrap"
	many := []*coioteStored{}
	for i := range 6 {
		many = append(many, stored(fmt.Sprint(i), "meter", "/meters/"))
	}
	for name, tt := range map[string]struct {
		ep      string
		devices []*coioteStored
		told    string // of the error; empty where the last device has the identity then
	}{
		"beside the one that Coiote bootstraps": {"meter", []*coioteStored{bootstrapped, stored("d", "meter", "/meters/")}, ""},
		"made beside it":                        {"meter", []*coioteStored{bootstrapped}, ""},
		"below the domain":                      {"meter", []*coioteStored{stored("d", "meter", "/meters/lot 7/")}, ""},
		"in another domain":                     {"meter", []*coioteStored{stored("d", "meter", "/others/")}, `device "meter" is there in domain "/others/", which is not /meters/`},
		"in one that begins alike":              {"meter", []*coioteStored{stored("d", "meter", "/meters2/")}, "which is not /meters/"},
		"above the domain":                      {"meter", []*coioteStored{stored("d", "meter", "/")}, "which is not /meters/"},
		"twice":                                 {"meter", many[:2], `several devices named "meter"`},
		"more often than is looked at":          {"meter", many, `more than 5 devices named "meter"`},
		"a query":                               {"x' or id ne '", []*coioteStored{stored("d", "meter", "/meters/")}, "a character of queries"},
		"an escape":                             {`x\`, []*coioteStored{stored("d", "meter", "/meters/")}, "a character of queries"},
		"a line":                                {"x\ny", []*coioteStored{stored("d", "meter", "/meters/")}, "a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			standIn, s := newCoiote(t)
			standIn.devices = tt.devices
			before := len(tt.devices)
			err := s.Put(t.Context(), pskAccount(tt.ep, "id"))
			if tt.told == "" {
				if last := standIn.devices[len(standIn.devices)-1]; err != nil || last.DTLSIdentity == nil || *last.DTLSIdentity != "id" {
					t.Errorf("%v, the last is %+v", err, last)
				}
				if bootstrapped.DTLSIdentity != nil {
					t.Error("the device that Coiote bootstraps is changed")
				}
				return
			}
			expect(t, err, tt.told, false)
			for _, d := range standIn.devices {
				if d.DTLSIdentity != nil || len(standIn.devices) != before {
					t.Errorf("%d devices, and %+v is changed", len(standIn.devices), d)
				}
			}
			if strings.ContainsAny(tt.ep, "'\\\n") && len(standIn.search) > 0 {
				t.Errorf("it was searched for %q", standIn.search)
			}
		})
	}
}

// A search that finds other devices, or some of the same letters, changes none of them.
func TestCoioteSearchIsNotReliedOn(t *testing.T) {
	standIn, _ := newCoiote(t)
	standIn.devices = []*coioteStored{stored("d", "Meter", "/meters/"), stored("e", "other", "/meters/")}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/find/details") {
			_, _ = io.WriteString(w, `{"devices":[{"id":"d"},{"id":"e"},{"id":"gone"}]}`)
			return
		}
		standIn.ServeHTTP(w, r)
	}))
	defer web.Close()
	if err := newServer(t, coioteAt(web.URL)).Put(t.Context(), pskAccount("meter", "id")); err != nil {
		t.Fatal(err)
	}
	if len(standIn.devices) != 3 || standIn.devices[0].DTLSIdentity != nil || standIn.devices[1].DTLSIdentity != nil || *standIn.devices[2].DTLSIdentity != "id" {
		t.Errorf("devices %+v", standIn.devices)
	}
}

// Where someone else makes or changes the device at the same time, it is looked up again, once.
func TestCoioteConflicts(t *testing.T) {
	standIn, s := newCoiote(t)
	standIn.before = func(method, _ string) {
		if standIn.before = nil; method == "POST" {
			standIn.devices = append(standIn.devices, stored("theirs", "meter", "/meters/"))
		}
	}
	if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil || len(standIn.devices) != 1 || *standIn.devices[0].DTLSIdentity != "id" {
		t.Errorf("%v, devices %+v", err, standIn.devices)
	}
	standIn.before = func(method, _ string) {
		if standIn.before = nil; method == "PUT" {
			standIn.devices = nil // it is deleted at the same time
		}
	}
	if err := s.Put(t.Context(), pskAccount("meter", "id")); err != nil || len(standIn.devices) != 1 || standIn.devices[0].ID == "theirs" {
		t.Errorf("%v, devices %+v", err, standIn.devices)
	}
	expect(t, s.Put(t.Context(), pskAccount("other", "id")), `device "other" cannot be made beside, such as one of its name or identity`, false)
	standIn.devices = append(standIn.devices, stored("other", "other", "/meters/"))
	expect(t, s.Put(t.Context(), pskAccount("other", "id")), "409 Conflict", false)
	if standIn.devices[1].DTLSIdentity != nil {
		t.Errorf("devices %+v", standIn.devices)
	}
}

// A wrong password, a user who may not, and what a server or something before it does wrong: each is one line without
// a password, a token or a key, and tried again only where that may help.
func TestBadCoiote(t *testing.T) {
	type answer struct {
		status int
		body   string
	}
	const device = `{"id":"d","connectorType":"management","domain":"/meters/","properties":{"endpointName":"meter"},"blacklisted":false,"managementEnabled":true}`
	const page = "<!doctype html><title>Log in</title>"
	for name, tt := range map[string]struct {
		at     string // which requests, method and end of the path, have another answer
		answer answer
		told   string
		again  bool
	}{
		"wrong password":           {"POST oauth_password", answer{401, "bad password c0iote&pass=word"}, "401 Unauthorized: bad password …", false},
		"log-in without a token":   {"POST oauth_password", answer{200, `{"access_token":7}`}, "the log-in gives no token", false},
		"a token of two lines":     {"POST oauth_password", answer{201, `{"access_token":"a\nb"}`}, "the log-in gives no token", false},
		"log-in is a page":         {"POST oauth_password", answer{200, page}, "check its address", false},
		"log-in overloaded":        {"POST oauth_password", answer{503, "later"}, "503 Service Unavailable", true},
		"log-in redirects":         {"POST oauth_password", answer{302, ""}, "redirected to http://169.254.169.254/latest", false},
		"token ended, and again":   {"GET details", answer{401, "token t0p-token is invalid"}, "401 Unauthorized: token … is invalid", false},
		"may not search":           {"GET details", answer{403, "forbidden"}, "it answers GET /api/coiotedm/v3/devices/find/details with 403 Forbidden", false},
		"search is a page":         {"GET details", answer{200, page}, "it does not answer as Coiote does", false},
		"search is something else": {"GET details", answer{200, `{"content":[]}`}, "it does not answer as Coiote does", false},
		"search is huge":           {"GET details", answer{200, strings.Repeat(" ", 70_000)}, "longer than 65536", false},
		"too many requests":        {"GET details", answer{429, "slow down"}, "429 Too Many Requests", true},
		"another device":           {"GET d", answer{200, strings.Replace(device, `"id":"d"`, `"id":"e"`, 1)}, "it does not answer as Coiote does", false},
		"device without state":     {"GET d", answer{200, strings.Replace(device, `"blacklisted":false,`, "", 1)}, "it does not answer as Coiote does", false},
		"device is a page":         {"GET d", answer{200, page}, "it does not answer as Coiote does", false},
		"update refused":           {"PUT d", answer{400, "bad key " + strings.ToUpper(keyHex)}, "400 Bad Request: bad key …", false},
		"update is a page":         {"PUT d", answer{200, page}, "it does not answer as Coiote does", false},
		"update is broken":         {"PUT d", answer{500, "oops"}, "500 Internal Server Error", true},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a := map[string]answer{
					"POST oauth_password": {201, `{"access_token":"t0p-token","token_type":"Bearer","expires_in":300}`},
					"GET details":         {200, `{"devices":[{"id":"d"}]}`}, "GET d": {200, device}, "PUT d": {200, `"d"`},
				}
				a[tt.at] = tt.answer
				w.Header().Set("Location", "http://169.254.169.254/latest?token=1")
				this := a[r.Method+" "+r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
				w.WriteHeader(this.status)
				_, _ = io.WriteString(w, this.body)
			}))
			defer web.Close()
			err := newServer(t, coioteAt(web.URL)).Put(t.Context(), pskAccount("meter", "id"))
			expect(t, err, tt.told, tt.again)
			for _, secret := range []string{"c0iote", "t0p-token", "pass=word"} {
				if strings.Contains(fmt.Sprint(err), secret) {
					t.Errorf("error %v", err)
				}
			}
		})
	}
}

// A device that cannot be made as something before Coiote answers in its place is not taken for made.
func TestCoiotePageIsNoDevice(t *testing.T) {
	standIn, _ := newCoiote(t)
	for _, body := range []string{"", "<html>welcome</html>", `{"result":"created"}`, "[]"} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/devices") {
				_, _ = io.WriteString(w, body)
				return
			}
			standIn.ServeHTTP(w, r)
		}))
		expect(t, newServer(t, coioteAt(web.URL)).Put(t.Context(), pskAccount("meter", "id")), "it does not answer as Coiote does", false)
		web.Close()
	}
}

// A Coiote that does not answer, at the log-in or behind it, costs the time of the record only; whoever waits for the
// log-in of another does not wait longer. A test of a server makes no device, and lwbs asks no device by it.
func TestCoioteByItsRecord(t *testing.T) {
	standIn, _ := newCoiote(t)
	slow := false
	var mu sync.Mutex
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		wait := slow
		mu.Unlock()
		if wait {
			_, _ = io.ReadAll(r.Body)
			<-r.Context().Done()
			return
		}
		standIn.ServeHTTP(w, r)
	}))
	defer web.Close()
	record := coioteAt(web.URL)
	all := newRecords(record)
	servers := handover.NewServers(all, handover.Options{})
	defer servers.Close()
	if err := servers.Test(t.Context(), "dm"); err != nil || len(standIn.devices) != 0 {
		t.Errorf("test: %v, devices %v", err, standIn.devices)
	}
	if err := handOverTo(t, servers, all, "dm", "meter", "id"); err != nil || len(standIn.devices) != 1 {
		t.Fatal(err, standIn.devices)
	}
	all.set("meter")
	if err := servers.Deliver(t.Context(), removal(t, known("dm", "meter", "id", 1))); err != nil || *standIn.devices[0].DTLSIdentity == "id" {
		t.Errorf("forget: %v, %+v", err, standIn.devices[0])
	}
	_, err := servers.Trigger(t.Context(), "dm", handover.Trigger{Endpoint: "meter"})
	checkTrigger(t, "", err, "", "lwbs cannot ask devices", true)

	mu.Lock()
	slow = true
	mu.Unlock()
	record.Timeout, record.Updated = store.Duration(300*time.Millisecond), time.Unix(1, 0) // with a log-in of its own
	all.servers["dm"] = record
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() { expect(t, servers.Test(t.Context(), "dm"), "did not answer in time", true) })
	}
	waiting.Wait()
	wrong := coioteAt(web.URL)
	wrong.Secret, wrong.Updated = lwm2m.NewSecret([]byte("wrong-password")), time.Unix(2, 0)
	mu.Lock()
	slow = false
	mu.Unlock()
	all.servers["dm"] = wrong
	if err := servers.Test(t.Context(), "dm"); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("wrong password: %v", err)
	}
}

// Many requests whose token has ended log in once.
func TestLogInIsShared(t *testing.T) {
	standIn, s := newCoiote(t)
	for range 2 {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if err := s.Put(t.Context(), pskAccount(fmt.Sprint("meter ", i), fmt.Sprint("id ", i))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		standIn.logins++ // as if the token had ended
	}
	if standIn.logins != 4 {
		t.Errorf("%d log-ins for two tokens", standIn.logins-2)
	}
}
