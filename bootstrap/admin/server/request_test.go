package server

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// ask sends a request with that body, and returns the status, what it answers, and where
// it says that the next page is.
func (c *asker) ask(method, path, body string) (status int, answer, next string) {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, httptest.NewRequestWithContext(asAdmin(c.t), method, path, strings.NewReader(body)))
	if w.Code >= 400 {
		var p wire.Problem
		if media := w.Header().Get("Content-Type"); media != wire.ProblemMedia {
			c.t.Errorf("%s %s: status %d in %s: %s", method, path, w.Code, media, w.Body)
		} else if err := c.validate(w.Body.Bytes(), "components", "schemas", "Problem"); err != nil {
			c.t.Errorf("%s %s: %v", method, path, err)
		} else if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || strings.Contains(p.Detail, "\n") {
			c.t.Errorf("%s %s: not one line: %s", method, path, w.Body)
		}
		return w.Code, p.Detail, w.Header().Get("Allow")
	}
	link := strings.TrimSuffix(strings.TrimPrefix(w.Header().Get("Link"), "<"), `>; rel="next"`)
	return w.Code, w.Body.String(), link
}

// withDevices is an asker with the profile full and so many devices of it.
func withDevices(t *testing.T, n int) *asker {
	t.Helper()
	c := newAsker(t)
	local := c.server.api.(*admin.Local)
	if _, err := local.ApplyProfile(t.Context(), fullProfile(), admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ep := lwm2m.EndpointName(fmt.Sprintf("dev-%03d", i))
		set := admin.DeviceSettings{Profile: new("full"), PSK: &admin.PSK{}, Vars: map[string]string{"host": "h.example"}}
		if _, err := local.AddDevice(t.Context(), ep, set); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestQueriesAreStrict(t *testing.T) {
	c := withDevices(t, 1)
	for path, want := range map[string]string{
		"/v1/devices/dev-000?reveal=false":             "",
		"/v1/devices/dev-000?reveal=true":              "",
		"/v1/sessions?failed=false":                    "",
		"/v1/devices/dev-000?reveal":                   "query parameter reveal is empty",
		"/v1/devices/dev-000?reveal=":                  "query parameter reveal is empty",
		"/v1/devices/dev-000?reveal=1":                 "reveal=1: want true or false",
		"/v1/devices/dev-000?reveal=yes":               "reveal=yes: want true or false",
		"/v1/devices/dev-000?reveal=True":              "reveal=True: want true or false",
		"/v1/sessions?failed=0":                        "failed=0: want true or false",
		"/v1/sessions?failed=%0A":                      `failed="\n": want true or false`,
		"/v1/devices/dev-000?reveal=true&reveal=false": "query parameter reveal is there 2 times",
		"/v1/devices/dev-000?Reveal=true":              `query parameter "Reveal" does not exist here, only reveal`,
		"/v1/devices?limits=5":                         `query parameter "limits" does not exist here, only after, limit, expiresBefore, group, notSeenSince, prefix, profile, rotating, seenSince, state, tag`,
		"/v1/devices?tag=":                             "query parameter tag is empty",
		"/v1/devices?limit=10001":                      "limit=10001 is not a number of 1 to 10000",
		"/v1/devices?limit=0":                          "limit=0 is not a number of 1 to 10000",
		"/v1/devices?limit=5;tag=a":                    "the query is not well-formed",
		"/v1/devices?tag=%zz":                          "the query is not well-formed",
		"/v1/status?all=true":                          `query parameter "all": there are none here`,
		"/v1/profiles/full?reveal=true":                `query parameter "reveal": there are none here`,
		"/v1/events?endpoint=a":                        `query parameter "endpoint": there are none here`,
		"/v1/sessions/s1?x=1":                          `query parameter "x": there are none here`,
	} {
		status, answer, _ := c.ask("GET", path, "")
		switch {
		case want == "" && status != 200:
			t.Errorf("%s: status %d: %s", path, status, answer)
		case want != "" && (status != 400 || !strings.Contains(answer, want)):
			t.Errorf("%s: status %d: %s, want %q", path, status, answer, want)
		}
	}
	_, hidden, _ := c.ask("GET", "/v1/devices/dev-000?reveal=false", "")
	if strings.Contains(hidden, `"key":`) {
		t.Errorf("reveal=false reveals: %s", hidden)
	}
}

// What a body has wrong is told on every route that takes one, in the words of JSON.
func TestBodiesAreStrict(t *testing.T) {
	c := withDevices(t, 1)
	for _, rt := range routes {
		if rt.handle != nil { // which read their bodies themselves
			continue
		}
		method, path, _ := strings.Cut(rt.pattern, " ")
		path = strings.NewReplacer("{endpoint}", "dev-000", "{name}", "full", "{id}", "s1").Replace(path)
		if rt.maxBody == 0 {
			if status, answer, _ := c.ask(method, path, "{}"); status != 400 || !strings.Contains(answer, "takes no body") {
				t.Errorf("%s with a body: status %d: %s", rt.pattern, status, answer)
			}
			continue
		}
		for body, want := range map[string]string{
			"":                                     "it is empty: want a JSON object",
			"null":                                 "want a JSON object",
			"[]":                                   "want a JSON object",
			"{} x":                                 "something follows the JSON object, at byte 3",
			"{}{}":                                 "something follows the JSON object, at byte 3",
			"{}\n\"\"":                             "something follows the JSON object",
			"{":                                    "it ends in the middle of the JSON",
			`{"odd": 1}`:                           `there is no member "odd"`,
			`{"odd": 1, "odd": 2}`:                 "the member odd is there twice, at byte 16",
			"{\"odd\": \"\xff\"}":                  "it is not UTF-8",
			`{"a": "b",}`:                          "it is not JSON: ",
			`{"a":` + strings.Repeat("[", 10_000):  "values lie more than 32 deep within each other",
			strings.Repeat(" ", int(rt.maxBody)+1): fmt.Sprintf("it has more than %d bytes", rt.maxBody),
		} {
			status, answer, _ := c.ask(method, path, body)
			if wanted := 400; status != wanted && status != 413 || !strings.Contains(answer, want) {
				t.Errorf("%s with %.40q: status %d: %s, want %q", rt.pattern, body, status, answer, want)
			}
		}
	}
}

func TestMembersOfAnotherTypeAreToldWithoutGo(t *testing.T) {
	c := withDevices(t, 1)
	for body, want := range map[string]string{
		`{"noSec": "yes"}`:              "noSec: want true or false, not text",
		`{"note": 5}`:                   "note: want text, not a number",
		`{"tags": "a"}`:                 "tags: want an array, not text",
		`{"psk": []}`:                   "psk: want an object, not an array",
		`{"psk": {"identity": true}}`:   "psk.identity: want text, not true or false",
		`{"psk": {"key": 5}}`:           "psk.key: want text in Base64, not a number",
		`{"psk": {"key": "?"}}`:         "the value that ends at byte",
		`{"vars": {"a": 1}}`:            "vars: want text, not a number",
		`{"secrets": {"x": ""}}`:        "path",
		`{"format": "odd"}`:             "format",
		`{"accountKeys": {"main": {}}}`: "accountKeys: want text in Base64, not an object",
	} {
		status, answer, _ := c.ask("PATCH", "/v1/devices/dev-000", body)
		if status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: status %d: %s, want %q", body, status, answer, want)
		}
		for _, word := range []string{"Go ", "json:", "struct", "admin.", "lwm2m.", "[]uint8", "unmarshal"} {
			if strings.Contains(answer, word) {
				t.Errorf("%s: the answer has %q: %s", body, word, answer)
			}
		}
	}
	for body, want := range map[string]string{
		`{"name": "full", "accounts": [{"shortServerID": 70000}]}`:   "want a whole number within its range, not number 70000",
		`{"name": "full", "accounts": [{"lifetime": "long"}]}`:       `"long" is not a duration`,
		`{"name": "full", "accounts": [], "objects": [{"path": 3}]}`: "want text, not a number",
	} {
		if status, answer, _ := c.ask("PUT", "/v1/profiles/full", body); status != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: status %d: %s, want %q", body, status, answer, want)
		}
	}
}

func TestUnknownRoutesAreProblems(t *testing.T) {
	c := withDevices(t, 1)
	for request, want := range map[string]int{
		"GET /": 404, "GET /v1": 404, "GET /v1/devicez": 404, "GET /v1/devices/": 404, "GET /v1//devices": 404, "GET /v1/devices/../status": 404,
		"GET /v1/devices/a/b": 404, "PUT /v2/devices": 404, "POST /v1/status": 405, "PUT /v1/devices/dev-000": 405, "DELETE /v1/devices": 405,
		"OPTIONS /v1/devices": 405, "POST /v1/events": 405, "PATCH /v1/profiles/full": 405,
	} {
		method, path, _ := strings.Cut(request, " ")
		status, answer, allow := c.ask(method, path, "")
		if status != want || !strings.Contains(answer, path) || (status == 405) != (allow != "") {
			t.Errorf("%s: status %d, want %d, Allow %q: %s", request, status, want, allow, answer)
		}
	}
}

// The pages of a list lead to each other, and the last one to none.
func TestPagesLeadOn(t *testing.T) {
	c := withDevices(t, 7)
	for i := range 7 {
		s := fullSession()
		s.ID = fmt.Sprintf("s%d", i)
		if err := c.server.api.(*admin.Local).Store.AppendSession(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		p := fullProfile()
		p.Name = fmt.Sprintf("p%d", i)
		if _, err := c.server.api.ApplyProfile(t.Context(), p, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]int{
		"/v1/devices": 7, "/v1/devices?profile=full&prefix=dev": 7, "/v1/profiles": 8, "/v1/sessions": 7, "/v1/sessions?failed=true&endpoint=d/1": 7,
	} {
		for limit := 1; limit <= want+1; limit++ {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			got, pages := 0, 0
			for next := fmt.Sprintf("%s%slimit=%d", path, sep, limit); next != ""; pages++ {
				status, answer, link := c.ask("GET", next, "")
				var page []json.RawMessage
				if err := json.Unmarshal([]byte(answer), &page); status != 200 || err != nil || len(page) == 0 {
					t.Fatalf("%s: status %d, error %v: %s", next, status, err, answer)
				}
				got += len(page)
				next = link
			}
			if got != want || pages != (want+limit-1)/limit {
				t.Errorf("%s in pages of %d: %d entries on %d pages, want %d", path, limit, got, pages, want)
			}
		}
	}
}

func TestEmptyPagesAreEmptyLists(t *testing.T) {
	c := newAsker(t)
	for _, path := range []string{"/v1/devices", "/v1/profiles", "/v1/sessions", "/v1/devices?tag=none", "/v1/sessions?failed=true"} {
		if status, answer, next := c.ask("GET", path, ""); status != 200 || strings.TrimSpace(answer) != "[]" || next != "" {
			t.Errorf("%s: status %d, next %q: %s", path, status, next, answer)
		}
	}
}

// What grows without end in a request is refused at once.
func TestHugeRecordsAreRefusedAtOnce(t *testing.T) {
	c := withDevices(t, 1)
	many := make(map[string]string)
	secrets := make(map[string][]byte)
	var tags []string
	for i := range 20_000 {
		name := fmt.Sprintf("v%05d", i)
		many[name], secrets[name] = "x", []byte("k")
		tags = append(tags, name)
	}
	profile := store.Profile{Name: "many"}
	for i := range 5000 {
		profile.Accounts = append(profile.Accounts, store.Account{Name: fmt.Sprint(i), URI: "coap://a", ShortServerID: lwm2m.ShortServerID(i + 1)})
	}
	for _, tt := range []struct {
		method, path, want string
		body               any
	}{
		{"PATCH", "/v1/devices/dev-000", "20001 variables, at most 256 are possible", admin.DeviceSettings{Vars: many}},
		{"PATCH", "/v1/devices/dev-000", "accounts, at most 64 are possible", admin.DeviceSettings{AccountKeys: secrets}},
		{"PATCH", "/v1/devices/dev-000", "accounts, at most 64 are possible", admin.DeviceSettings{AccountIdentities: many}},
		{"PATCH", "/v1/devices/dev-000", "20000 tags, at most 64 are possible", admin.DeviceSettings{Tags: &tags}},
		{"PATCH", "/v1/devices/dev-000", "credentials, at most 16 are possible", admin.DeviceSettings{CertificateNames: &tags}},
		{"PATCH", "/v1/devices/dev-000", "bytes of note, at most", admin.DeviceSettings{Note: new(strings.Repeat("x", 500_000))}},
		{"PUT", "/v1/profiles/many", "5000 accounts, at most 64 are possible", profile},
		{"POST", "/v1/profiles", "5000 accounts, at most 64 are possible", wire.ApplyRequest{Profiles: []store.Profile{profile}}},
		{"POST", "/v1/profiles", "1001 profiles, 1 to 1000 are possible", wire.ApplyRequest{Profiles: make([]store.Profile, admin.MaxApplied+1)}},
	} {
		body, err := json.Marshal(tt.body)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		status, answer, _ := c.ask(tt.method, tt.path, string(body))
		if status != 422 || !strings.Contains(answer, tt.want) || len(answer) > 300 {
			t.Errorf("%s %s: status %d: %.300s, want %q", tt.method, tt.path, status, answer, tt.want)
		}
		if took := time.Since(began); took > time.Minute { // it was 200 s for 40,000 variables
			t.Errorf("%s %s with %d bytes took %v", tt.method, tt.path, len(body), took)
		}
	}
}
