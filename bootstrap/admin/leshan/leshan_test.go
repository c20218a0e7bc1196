package leshan_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/leshan"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// The tokens of the tests.
const (
	readToken   = "read-token-of-the-tests"
	writeToken  = "write-token-of-the-tests"
	revealToken = "reveal-token-of-the-tests"
)

// A demo is a server with a database of its own.
type demo struct {
	t      *testing.T
	db     *bolt.DB
	api    *admin.Local
	server *leshan.Server
}

func newDemo(t *testing.T, change func(*leshan.Config)) *demo {
	t.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := &admin.Local{Store: db}
	t.Cleanup(func() { api.Close() })
	tokens, err := leshan.ParseTokens([]byte("# of the tests\n\nread " + readToken + "\n" + writeToken + "\r\nreveal\t" + revealToken + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := leshan.Config{API: api, Records: db, Log: slog.New(slog.DiscardHandler), Tokens: func() leshan.Tokens { return tokens }}
	if change != nil {
		change(&cfg)
	}
	return &demo{t, db, api, leshan.New(cfg)}
}

// ask sends a request with a token; "" sends none.
func (d *demo) ask(token, method, target, body string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.server.ServeHTTP(w, r)
	return w
}

// want sends a request, and checks its status and its whole answer.
func (d *demo) want(status int, text, method, target, body string) {
	d.t.Helper()
	if w := d.ask(revealToken, method, target, body); w.Code != status || w.Body.String() != text {
		d.t.Errorf("%s %s: %d %q, want %d %q", method, target, w.Code, w.Body, status, text)
	}
}

func (d *demo) device(ep lwm2m.EndpointName) store.Device {
	d.t.Helper()
	found, err := d.db.Device(d.t.Context(), ep)
	if err != nil {
		d.t.Fatal(err)
	}
	return found
}

func (d *demo) gone(ep lwm2m.EndpointName) {
	d.t.Helper()
	if _, err := d.db.Device(d.t.Context(), ep); err == nil {
		d.t.Errorf("%s has a record", ep)
	}
}

// profiles are the names of all profiles but that of devices without configuration.
func (d *demo) profiles() (names []string) {
	d.t.Helper()
	all, err := d.db.Profiles(d.t.Context(), store.ProfileQuery{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, p := range all {
		if p.Name != leshan.Unconfigured {
			names = append(names, p.Name)
		}
	}
	return names
}

// config is a configuration with one account, as test suites write it; psk20 and psk15 are the security of 2.0
// and of 1.5.
func config(uri string) string {
	return `{"servers":{"0":{"binding":"U","defaultMinPeriod":1,"lifetime":86400,"notifIfDisabled":false,"shortId":1}},` +
		`"security":{"1":{"bootstrapServer":false,"clientOldOffTime":1,"publicKeyOrId":[105,100],"secretKey":[1,2,255],"securityMode":"PSK","serverId":1,` +
		`"serverSmsNumber":"","smsBindingKeyParam":[],"smsBindingKeySecret":[],"smsSecurityMode":"NO_SEC","uri":"` + uri + `"}},"oscore":{},"toDelete":["/0","/1"]}`
}

const (
	uri   = "coaps://192.0.2.2:5684"
	psk20 = `{"endpoint":"dev","tls":{"mode":"psk","details":{"identity":"id-1","key":"00ff"}}}`
	psk15 = `{"endpoint":"dev","psk":{"identity":"id-1","key":"00ff"}}`
)

// Requests are answered as BootstrapServlet and SecurityServlet of Leshan 2.0.0-M18 answer them
// (leshan-demo-bsserver and leshan-demo-servers-shared); what differs says so.
func TestAnswersOfLeshan(t *testing.T) {
	type ask struct {
		method, target, body string
		status               int
		text                 string
	}
	for name, asks := range map[string][]ask{
		"BootstrapServlet.doGet": {
			{"GET", "/api/bootstrap", "", 200, "{ }"},
			{"GET", "/api/bootstrap/dev", "", 404, "no config for dev"}, // Leshan: "bad URL", also for one that is there
		},
		"BootstrapServlet.doPost": {
			{"POST", "/api/bootstrap", config(uri), 400, "endpoint name should be specified in the URL"},
			{"POST", "/api/bootstrap/a/b", config(uri), 400, "endpoint name should be specified in the URL, nothing more"},
			{"POST", "/api/bootstrap/dev", "", 400, "no content"},
			{"POST", "/api/bootstrap/dev", "null", 400, "no content"},
			{"POST", "/api/bootstrap/dev", config(uri), 200, ""},
			{"POST", "/api/bootstrap/dev?timeout=10&format=SENML_CBOR", config(uri), 200, ""},
		},
		"BootstrapServlet.doDelete": {
			{"DELETE", "/api/bootstrap", "", 400, "endpoint name should be specified in the URL"},
			{"DELETE", "/api/bootstrap/a/b", "", 400, "endpoint name should be specified in the URL, nothing more"},
			{"DELETE", "/api/bootstrap/dev", "", 404, "no config for dev"},
			{"POST", "/api/bootstrap/dev", config(uri), 200, ""},
			{"DELETE", "/api/bootstrap/dev", "", 204, ""},
			{"DELETE", "/api/bootstrap/dev", "", 404, "no config for dev"},
		},
		"SecurityServlet.doGet": {
			{"GET", "/api/security/clients", "", 200, "[]"},
			{"GET", "/api/security/clients/?timeout=10", "", 200, "[]"},
			{"PUT", "/api/security/clients/", psk20, 200, ""},
			{"GET", "/api/security/clients", "", 200, "[" + psk20 + "]"},
			{"PUT", "/api/security/clients/", `{"endpoint":"dev2","tls":{"mode":"x509"}}`, 200, ""},
			{"GET", "/api/security/clients", "", 200, "[" + psk20 + `,{"endpoint":"dev2","tls":{"mode":"x509"}}]`},
		},
		"SecurityServlet.doPut": {
			{"PUT", "/api/security/clients", psk20, 200, ""},
			{"PUT", "/api/security/clients", psk15, 200, ""},
			{"PUT", "/api/security/clients", strings.Replace(psk20, `"dev"`, `"other"`, 1), 400, "PSK Identity id-1 is already used"},
			{"PUT", "/api/security/clients", `{"endpoint":"other","x509":true}`, 200, ""},
			{"PUT", "/api/security/clients", `{"tls":{}}`, 400, ""},
			{"PUT", "/api/security/clients", `[`, 400, "Invalid request body: the body is not JSON"},
		},
		"SecurityServlet.doDelete": {
			{"DELETE", "/api/security/clients/dev", "", 200, `{"message":"not_found"}`},
			{"DELETE", "/api/security/clients/", "", 400, "endpoint name should be specified in the URL"}, // Leshan: 400 without a text
			{"PUT", "/api/security/clients/", psk20, 200, ""},
			{"DELETE", "/api/security/clients/dev", "", 200, ""},
			{"DELETE", "/api/security/clients/dev", "", 200, `{"message":"not_found"}`},
			{"GET", "/api/security/clients", "", 200, "[]"},
		},
		"what Leshan does not have": {
			{"PUT", "/api/bootstrap/dev", "{}", 405, "PUT is not possible for /api/bootstrap"},
			{"GET", "/api/clients", "", 404, ""},
			{"GET", "/api/bootstraps", "", 404, ""},
			{"GET", "/", "", 404, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			for _, a := range asks {
				w := d.ask(revealToken, a.method, a.target, a.body)
				if w.Code != a.status || a.text != "" && w.Body.String() != a.text || a.status < 300 && a.text == "" && w.Body.Len() > 0 {
					t.Errorf("%s %s: %d %q, want %d %q", a.method, a.target, w.Code, w.Body, a.status, a.text)
				}
			}
		})
	}
}

// The record of a device follows what is put, whichever part comes first and goes first.
func TestRecordFollows(t *testing.T) {
	d := newDemo(t, nil)
	d.want(200, "", "PUT", "/api/security/clients/", psk20)
	before := d.device("dev")
	if !before.Disabled || before.Profile != leshan.Unconfigured || len(before.Credentials) != 1 || !slices.Contains(before.Tags, leshan.Tag) {
		t.Errorf("without a configuration the record is %+v", before)
	}
	d.want(200, "", "POST", "/api/bootstrap/dev", config(uri))
	after := d.device("dev")
	keys := after.Accounts["server-1"]
	if after.Disabled || after.NoSec || after.Note != "" || keys.Identity != "id" || string(keys.Key.Reveal()) != "\x01\x02\xff" || !after.Credentials[0].Key.Equal(before.Credentials[0].Key) {
		t.Errorf("with a configuration the record is %+v", after)
	}
	p, err := d.db.Profile(t.Context(), after.Profile)
	if err != nil || p.Accounts[0].URI != uri || p.Delete.Mode != store.DeleteList || len(p.Delete.Paths) != 2 {
		t.Errorf("profile is %+v, %v", p, err)
	}
	d.want(200, "", "PUT", "/api/security/clients/", strings.Replace(psk20, "00ff", "aabb", 1))
	if c := d.device("dev").Credentials; len(c) != 1 || string(c[0].Key.Reveal()) != "\xaa\xbb" || d.device("dev").Profile != after.Profile {
		t.Errorf("after another key the record has %+v", d.device("dev"))
	}
	d.want(204, "", "DELETE", "/api/bootstrap/dev", "")
	if r := d.device("dev"); !r.Disabled || len(r.Accounts) > 0 || len(r.Credentials) != 1 {
		t.Errorf("without its configuration the record is %+v", r)
	}
	d.want(200, "", "DELETE", "/api/security/clients/dev", "")
	d.gone("dev")
	if names := d.profiles(); len(names) > 0 {
		t.Errorf("profiles are left: %v", names)
	}

	d.want(200, "", "POST", "/api/bootstrap/dev", config(uri))
	d.want(200, "", "PUT", "/api/security/clients/", psk15)
	if r := d.device("dev"); r.Disabled || len(r.Credentials) != 1 || len(r.Accounts) != 1 {
		t.Errorf("the configuration first: the record is %+v", r)
	}
	d.want(200, "", "DELETE", "/api/security/clients/dev", "")
	if r := d.device("dev"); len(r.Credentials) > 0 || r.NoSec {
		t.Errorf("without a credential the record is %+v", r)
	}
	d.want(204, "", "DELETE", "/api/bootstrap/dev", "")
	d.gone("dev")
}

// Equal configurations have one profile; another one has another, and one that no device has is removed.
func TestProfilesFollowContent(t *testing.T) {
	d := newDemo(t, nil)
	for _, ep := range []string{"a", "b", "a"} {
		d.want(200, "", "POST", "/api/bootstrap/"+ep, config(uri))
	}
	if names := d.profiles(); len(names) != 1 || !strings.HasPrefix(names[0], "leshan-192.0.2.2-") {
		t.Errorf("profiles are %v", names)
	}
	d.want(200, "", "POST", "/api/bootstrap/a", config("coaps://192.0.2.3"))
	if names := d.profiles(); len(names) != 2 {
		t.Errorf("profiles are %v", names)
	}
	d.want(200, "", "POST", "/api/bootstrap/b", config("coaps://192.0.2.3"))
	names := d.profiles()
	if len(names) != 1 {
		t.Fatalf("profiles are %v", names)
	}

	// One that an operator edited stays as it is, and is not what the next configuration is given.
	edited, err := d.db.Profile(t.Context(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	edited.Accounts[0].Lifetime = nil
	if _, err := d.api.ApplyProfile(t.Context(), edited, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	d.want(200, "", "POST", "/api/bootstrap/a", config("coaps://192.0.2.3"))
	if got := d.device("a").Profile; got != names[0]+"-2" {
		t.Errorf("the profile is %s", got)
	}
	d.want(204, "", "DELETE", "/api/bootstrap/b", "")
	if left := d.profiles(); len(left) != 2 {
		t.Errorf("the edited profile was removed: %v", left)
	}
}

// What is shown can be posted again, and gives the same.
func TestShownAsPosted(t *testing.T) {
	const full = `{"autoIdForSecurityObject":true,"contentFormat":{"name":"SENML_JSON","code":110},"toDelete":["/0","/1/3"],
		"servers":{"0":{"shortId":7,"lifetime":60,"defaultMinPeriod":2,"defaultMaxPeriod":30,"disableTimeout":5,"notifIfDisabled":true,"binding":"UQ","registrationPriority":1,"initialDelay":2,
			"registrationFailure":true,"bootstrapOnRegistrationFailure":false,"communicationRetryCount":3,"CommunicationRetryTimer":4,"SequenceDelayTimer":5,"SequenceRetryCount":6,"trigger":true,"muteSend":false},
			"1":{"shortId":8,"binding":"U"}},
		"security":{"1":{"uri":"coaps://a.example","serverId":7,"securityMode":"PSK","publicKeyOrId":[195,188],"secretKey":[0,-1],"matchingType":"SHA256","sni":"a.example","certificateUsage":"TRUST_ANCHOR_ASSERTION","cipherSuite":[49320]},
			"2":{"uri":"coap://b.example","serverId":8,"securityMode":"NO_SEC","oscoreSecurityMode":3}},
		"acls":{"0":{"objectId":1,"objectInstanceId":0,"acls":{"7":31,"8":1},"AccessControlOwner":7}},
		"oscore":{"3":{"oscoreMasterSecret":[1,2,3],"oscoreSenderId":[170],"oscoreRecipientId":[187],"oscoreAeadAlgorithm":10,"oscoreHmacAlgorithm":-10,"oscoreMasterSalt":[9]}}}`
	d := newDemo(t, nil)
	d.want(200, "", "POST", "/api/bootstrap/dev", full)
	first := d.ask(revealToken, "GET", "/api/bootstrap/dev", "")
	record := d.device("dev")
	d.want(200, "", "POST", "/api/bootstrap/dev", first.Body.String())
	if again := d.device("dev"); !again.Accounts["server-7"].Key.Equal(record.Accounts["server-7"].Key) || !again.Accounts["server-8"].MasterSecret.Equal(record.Accounts["server-8"].MasterSecret) {
		t.Errorf("posted as it is shown it has the keys %+v, had %+v", again.Accounts, record.Accounts)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(d.ask(revealToken, "GET", "/api/bootstrap", "").Body.Bytes(), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %v", all, err)
	}
	if got, want := string(all["dev"]), first.Body.String(); got != want {
		t.Errorf("in the list it is %s, alone %s", got, want)
	}
	for _, part := range []string{`"secretKey": [`, `"defaultMaxPeriod": 30`, `"cipherSuite": [`, `"oscoreSecurityMode": 0`, `"certificateUsage": "TRUST_ANCHOR_ASSERTION"`, `"mediaType": "application/senml+json"`, `"AccessControlOwner": 7`} {
		if !strings.Contains(first.Body.String(), part) {
			t.Errorf("there is no %s in %s", part, first.Body)
		}
	}
}

// What cannot be represented is refused with one line that names the member, and nothing is kept.
func TestRefused(t *testing.T) {
	with := func(old, replacement string) string { return strings.Replace(config(uri), old, replacement, 1) }
	for name, test := range map[string]struct{ method, target, body, want string }{
		"not JSON":            {"POST", "/api/bootstrap/dev", "{", "not JSON"},
		"behind it":           {"POST", "/api/bootstrap/dev", config(uri) + "x", "not JSON"},
		"a list":              {"POST", "/api/bootstrap/dev", "[]", "not an object"},
		"unknown member":      {"POST", "/api/bootstrap/dev", with(`"oscore"`, `"osscore":{},"oscore"`), "osscore is not known"},
		"unknown in security": {"POST", "/api/bootstrap/dev", with(`"serverId"`, `"serverID":1,"serverId"`), "serverID is not known"},
		"unknown in servers":  {"POST", "/api/bootstrap/dev", with(`"shortId"`, `"short":1,"shortId"`), "short is not known"},
		"no key":              {"POST", "/api/bootstrap/dev", with(`[1,2,255]`, `[]`), "secretKey"},
		"key of no bytes":     {"POST", "/api/bootstrap/dev", with(`[1,2,255]`, `[1,256]`), "secretKey"},
		"no mode":             {"POST", "/api/bootstrap/dev", with(`"securityMode":"PSK",`, ``), "securityMode"},
		"EST":                 {"POST", "/api/bootstrap/dev", with(`"PSK"`, `"EST"`), "securityMode"},
		"no URI":              {"POST", "/api/bootstrap/dev", with(uri, ""), "uri"},
		"path":                {"POST", "/api/bootstrap/dev", with(`"/1"`, `"one"`), `"one"`},
		"keys for SMS":        {"POST", "/api/bootstrap/dev", with(`"smsBindingKeySecret":[]`, `"smsBindingKeySecret":[1]`), "smsBindingKeySecret"},
		"no security":         {"POST", "/api/bootstrap/dev", `{"servers":{"0":{"shortId":1}}}`, "short ID 1"},
		"no account":          {"POST", "/api/bootstrap/dev", `{}`, "no account"},
		"endpoint name":       {"POST", "/api/bootstrap/%00", config(uri), "endpoint"},
		"too large":           {"POST", "/api/bootstrap/dev", `{"toDelete":["` + strings.Repeat("x", 256<<10) + `"]}`, "262144 bytes"},
		"security: not JSON":  {"PUT", "/api/security/clients/", "x", "not JSON"},
		"no endpoint":         {"PUT", "/api/security/clients/", `{"tls":{"mode":"x509"}}`, "endpoint"},
		"key is no hex":       {"PUT", "/api/security/clients/", strings.Replace(psk20, "00ff", "0xyz", 1), "hexadecimal"},
		"key is empty":        {"PUT", "/api/security/clients/", strings.Replace(psk20, "00ff", "", 1), "key"},
		"raw public key":      {"PUT", "/api/security/clients/", `{"endpoint":"dev","tls":{"mode":"rpk","details":{"key":"00"}}}`, "raw public key"},
		"OSCORE":              {"PUT", "/api/security/clients/", `{"endpoint":"dev","oscore":{"rid":"00"}}`, "OSCORE"},
		"no credential":       {"PUT", "/api/security/clients/", `{"endpoint":"dev"}`, "no way to authenticate"},
		"unknown mode":        {"PUT", "/api/security/clients/", `{"endpoint":"dev","tls":{"mode":"none"}}`, "no way to authenticate"},
		"unknown in tls":      {"PUT", "/api/security/clients/", strings.Replace(psk20, `"identity"`, `"identitty":"x","identity"`, 1), "identitty"},
		"endpoint in the URL": {"PUT", "/api/security/clients/dev", psk20, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDemo(t, nil)
			w := d.ask(writeToken, test.method, test.target, test.body)
			if text := w.Body.String(); w.Code < 400 || w.Code >= 500 || !strings.Contains(text, test.want) || strings.ContainsAny(text, "\r\n") || len(text) > 300 {
				t.Errorf("%d %q, want %q", w.Code, text, test.want)
			}
			d.gone("dev")
			if names := d.profiles(); len(names) > 0 {
				t.Errorf("profiles are kept: %v", names)
			}
		})
	}
}

// Each role permits what it is for, and without a token nothing is told.
func TestRoles(t *testing.T) {
	d := newDemo(t, nil)
	d.want(200, "", "PUT", "/api/security/clients/", psk20)
	d.want(200, "", "POST", "/api/bootstrap/dev", config(uri))
	for token, want := range map[string][3]int{"": {401, 401, 401}, "read-token-of-the-test": {401, 401, 401}, readToken: {200, 403, 403}, writeToken: {200, 200, 200}, revealToken: {200, 200, 200}} {
		got := [3]int{
			d.ask(token, "GET", "/api/security/clients", "").Code,
			d.ask(token, "PUT", "/api/security/clients/", psk20).Code,
			d.ask(token, "DELETE", "/api/security/clients/none", "").Code,
		}
		if got != want {
			t.Errorf("token %q: %v, want %v", token, got, want)
		}
	}
	for token, shown := range map[string]bool{readToken: false, writeToken: false, revealToken: true} {
		keys := d.ask(token, "GET", "/api/security/clients", "").Body.String()
		config := d.ask(token, "GET", "/api/bootstrap", "").Body.String()
		if strings.Contains(keys, "00ff") != shown || strings.Contains(config, "255") != shown || !strings.Contains(keys, `"key":"`) || !strings.Contains(config, `"secretKey": [`) {
			t.Errorf("token %q shows %s and %s", token, keys, config)
		}
	}
	r := httptest.NewRequest("GET", "/api/security/clients", nil)
	r.SetBasicAuth("anyone", readToken)
	w := httptest.NewRecorder()
	if d.server.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("as the password of Basic authentication: %d", w.Code)
	}
	r.Header.Set("Origin", "https://page.example")
	w = httptest.NewRecorder()
	if d.server.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("of a web page: %d", w.Code)
	}
	w = d.ask("", "GET", "/api/security/clients", "")
	if !strings.Contains(w.Header().Get("WWW-Authenticate"), "Basic") || strings.Contains(w.Body.String(), "dev") {
		t.Errorf("without a token: %v %s", w.Header(), w.Body)
	}
}

func TestTokenFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "no token",
		"# nothing\n":                "no token",
		"short\n":                    "line 1: the token has 5 characters",
		"\nadmin " + readToken:       "line 2: the first of two words is no role",
		"read " + readToken + " x":   "line 1 has 3 words",
		readToken + "\n" + readToken: "line 2: the token is there a second time",
		strings.Repeat("x", 300):     "line 1: the token has 300 characters",
	} {
		if _, err := leshan.ParseTokens([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), readToken) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	many := ""
	for i := range 65 {
		many += base64.StdEncoding.EncodeToString([]byte{byte(i), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}) + "\n"
	}
	if _, err := leshan.ParseTokens([]byte(many)); err == nil || !strings.Contains(err.Error(), "line 65: there can be 64 tokens") {
		t.Errorf("65 tokens: %v", err)
	}
}

// A device that was made otherwise is neither shown nor edited, unless an operator gives it the tag.
func TestDevicesOfOthers(t *testing.T) {
	d := newDemo(t, nil)
	p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coap://192.0.2.9", ShortServerID: 1, Security: "nosec"}}}
	if _, err := d.api.ApplyProfile(t.Context(), p, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.api.AddDevice(t.Context(), "dev", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}}); err != nil {
		t.Fatal(err)
	}
	for _, a := range [][3]string{
		{"POST", "/api/bootstrap/dev", config(uri)}, {"DELETE", "/api/bootstrap/dev", ""}, {"GET", "/api/bootstrap/dev", ""},
		{"PUT", "/api/security/clients/", psk20}, {"DELETE", "/api/security/clients/dev", ""}, {"GET", "/api/security/clients/dev", ""},
	} {
		if w := d.ask(revealToken, a[0], a[1], a[2]); w.Code != 409 || !strings.Contains(w.Body.String(), "lwbs device set --add-tag leshan-api") {
			t.Errorf("%s %s: %d %s", a[0], a[1], w.Code, w.Body)
		}
	}
	d.want(200, "{ }", "GET", "/api/bootstrap", "")
	d.want(200, "[]", "GET", "/api/security/clients", "")
	if _, err := d.api.SetDevice(t.Context(), "dev", 0, admin.DeviceSettings{AddTags: []string{leshan.Tag}}); err != nil {
		t.Fatal(err)
	}
	d.want(200, "", "POST", "/api/bootstrap/dev", config(uri))
	if r := d.device("dev"); r.Profile == "p" || len(r.Credentials) != 1 {
		t.Errorf("the record is %+v", r)
	}
}

// The Bootstrap-Server Account of a configuration is how the device authenticates where nothing else says so, as
// with the demo of Leshan 1.5; where /api/security/clients says something else, it is refused.
func TestBootstrapServerAccountOfConfiguration(t *testing.T) {
	own := strings.Replace(config(uri), `"security":{`, `"security":{"0":{"bootstrapServer":true,"uri":"coaps://bs.example","securityMode":"PSK","publicKeyOrId":[105],"secretKey":[7]},`, 1)
	d := newDemo(t, nil)
	d.want(200, "", "POST", "/api/bootstrap/dev", own)
	if c := d.device("dev").Credentials; len(c) != 1 || c[0].Identity != "i" {
		t.Errorf("credentials are %+v", c)
	}
	d.want(200, "", "POST", "/api/bootstrap/dev", own)
	w := d.ask(writeToken, "POST", "/api/bootstrap/dev", strings.Replace(own, "[7]", "[8]", 1))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "secretKey of its Bootstrap-Server Account") {
		t.Errorf("another key: %d %s", w.Code, w.Body)
	}
	w = d.ask(writeToken, "POST", "/api/bootstrap/dev2", config(uri))
	if note := w.Header().Get("Lwbs-Note"); w.Code != 200 || !strings.Contains(note, "no credential") {
		t.Errorf("without a credential: %d %q", w.Code, note)
	}
}

// Only where the server was started so may a device without a credential come over plain CoAP.
func TestWithoutCredential(t *testing.T) {
	d := newDemo(t, func(c *leshan.Config) { c.NoSec = true })
	d.want(200, "", "POST", "/api/bootstrap/dev", config(uri))
	if !d.device("dev").NoSec {
		t.Error("a device without a credential may not come")
	}
	d.want(200, "", "PUT", "/api/security/clients/", psk20)
	if d.device("dev").NoSec {
		t.Error("a device with a credential may come without it")
	}
	d.want(200, "", "DELETE", "/api/security/clients/dev", "")
	if !d.device("dev").NoSec {
		t.Error("a device whose credential was removed may not come")
	}
}

// Requests for one device and for many at once all come through, and leave one profile.
func TestAtOnce(t *testing.T) {
	d := newDemo(t, nil)
	var all sync.WaitGroup
	for i := range 8 {
		for _, ep := range []string{"dev", "dev", string(rune('a' + i))} {
			all.Go(func() {
				if w := d.ask(writeToken, "POST", "/api/bootstrap/"+ep, config(uri)); w.Code != 200 {
					t.Errorf("%s: %d %s", ep, w.Code, w.Body)
				}
			})
		}
	}
	all.Wait()
	if names := d.profiles(); len(names) != 1 {
		t.Errorf("profiles are %v", names)
	}
	var shown map[string]any
	if err := json.Unmarshal(d.ask(readToken, "GET", "/api/bootstrap", "").Body.Bytes(), &shown); err != nil || len(shown) != 9 {
		t.Errorf("%d are shown: %v", len(shown), err)
	}
}
