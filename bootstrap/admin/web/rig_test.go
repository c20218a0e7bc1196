package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/history"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A rig is the pages over a database of their own.
type rig struct {
	t     testing.TB
	local *admin.Local
	db    *bolt.DB
	pages *web.Pages
	log   *logText
	tries *tables
}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t testing.TB, accesses ...web.Access) *rig {
	t.Helper()
	if _, is := t.(*testing.T); is {
		t.Cleanup(func() { goleak.VerifyNone(t) })
	}
	k, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{})
	check(t, err)
	r := &rig{t: t, db: db, log: new(logText), tries: new(tables)}
	r.local = &admin.Local{
		Store: db, HandOver: handover.NewServers(db, handover.Options{}), Version: "v1", Events: new(admin.Hub), Database: "lwbs.db",
		Server: func() admin.Status {
			return admin.Status{Started: time.Now().Add(-time.Hour), Listens: []string{"coaps://[::]:5684"}}
		},
	}
	var who web.Access
	for _, a := range accesses {
		who = a
	}
	r.pages = web.New(web.Config{API: r.local, Log: slog.New(slog.NewTextHandler(r.log, nil)), Tables: r.tries, Document: document(t), Access: who})
	t.Cleanup(func() {
		r.pages.Close()
		check(t, r.local.Close())
	})
	r.profile("p")
	return r
}

// document is that of the admin API.
func document(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("../server/openapi.yaml")
	check(t, err)
	return text
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) profile(name string) {
	r.t.Helper()
	_, err := r.local.ApplyProfile(r.t.Context(), store.Profile{Name: name, Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7}}}, admin.ApplyOptions{})
	check(r.t, err)
}

func (r *rig) device(ep lwm2m.EndpointName, set admin.DeviceSettings) admin.Device {
	r.t.Helper()
	if set.Profile == nil {
		set.Profile = new("p")
	}
	if set.PSK == nil && set.NoSec == nil {
		set.PSK = &admin.PSK{}
	}
	d, err := r.local.AddDevice(r.t.Context(), ep, set)
	check(r.t, err)
	return d
}

// attempt records an attempt, which ended now unless s says when.
func (r *rig) attempt(s store.Session) string {
	r.t.Helper()
	if s.Started.IsZero() {
		s.Started = time.Now().Add(-time.Second)
	}
	if s.Ended.IsZero() && s.Cause != "" {
		s.Ended = s.Started.Add(time.Second)
	}
	if s.ID == "" {
		s.ID = newID(s.Started)
	}
	if s.Remote == "" {
		s.Remote, s.Transport = "192.0.2.7:5683", store.TransportDTLS
	}
	check(r.t, r.db.AppendSession(r.t.Context(), s))
	return s.ID
}

// An answer is what the browser gets.
type answer struct {
	status int
	header http.Header
	body   string
	wire   int // bytes of the body on the wire
}

// as are the principals of the roles.
func as(role access.Role) access.Principal {
	return access.Principal{Name: "ada", Role: role, Way: "password"}
}

// do makes a request as someone. A role of zero is no one.
func (r *rig) do(role access.Role, q *http.Request) answer {
	r.t.Helper()
	if role != 0 {
		q = q.WithContext(access.With(q.Context(), as(role)))
	}
	ctx, cancel := context.WithTimeout(q.Context(), time.Minute)
	defer cancel()
	w := httptest.NewRecorder()
	r.pages.ServeHTTP(w, q.WithContext(ctx))
	a := answer{w.Code, w.Header(), w.Body.String(), w.Body.Len()}
	if a.header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(w.Body)
		check(r.t, err)
		b, err := io.ReadAll(z)
		check(r.t, err)
		a.body = string(b)
	}
	return a
}

func (r *rig) get(role access.Role, path string) answer {
	r.t.Helper()
	q := httptest.NewRequest(http.MethodGet, path, nil)
	q.Header.Set("Accept-Encoding", "gzip, br")
	return r.do(role, q)
}

func (r *rig) post(role access.Role, path string, form ...string) answer {
	r.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Add(form[i], form[i+1])
	}
	q := httptest.NewRequest(http.MethodPost, path, strings.NewReader(v.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.do(role, q)
}

// want reports a page that does not have a status, or any of some texts.
func (a answer) want(t testing.TB, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %.600s", a.status, status, a.main())
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page does not have %q: %.1500s", text, a.main())
		}
	}
}

// without reports a page that has any of some texts.
func (a answer) without(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if i := strings.Index(a.body, text); i >= 0 {
			t.Errorf("the page has %q: …%s", text, a.body[max(0, i-100):min(len(a.body), i+200)])
		}
	}
}

// main is the part of a page that is its own.
func (a answer) main() string {
	_, text, _ := strings.Cut(a.body, "<main")
	text, _, _ = strings.Cut(text, "</main>")
	if text == "" {
		return a.body
	}
	return text
}

var ids history.IDs

func newID(at time.Time) string { return ids.Next(at) }

// tables is a reader of files for tests.
type tables struct {
	got    web.TableOptions
	file   string
	result web.TableResult
	err    error
}

func (f *tables) Import(_ context.Context, _ admin.API, in io.Reader, o web.TableOptions) (web.TableResult, error) {
	b, err := io.ReadAll(in)
	f.got, f.file = o, string(b)
	if err == nil {
		err = f.err
	}
	return f.result, err
}

// query is text as a value in an address.
func query(text string) string { return url.QueryEscape(text) }
