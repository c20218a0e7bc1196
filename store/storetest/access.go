package storetest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// accessOf is the part of a store that has who may administer the server.
func accessOf(t *testing.T, s store.Store) interface {
	store.Access
	store.AuditLog
} {
	t.Helper()
	a, ok := s.(interface {
		store.Access
		store.AuditLog
	})
	if !ok {
		t.Fatalf("%T stores no users and no audit", s)
	}
	return a
}

func user(name string) store.User {
	return store.User{Name: name, Role: "viewer", Password: lwm2m.NewSecret([]byte("the hash of " + name)), PasswordSet: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
}

func token(name, user string) store.Token {
	return store.Token{Name: name, Role: "viewer", User: user, Hash: make([]byte, 32)}
}

func webSession(i int, name string, seen time.Time) store.WebSession {
	return store.WebSession{Key: fmt.Sprintf("%064x", i), Name: name, Way: "password", Address: "192.0.2.1", Created: seen, Seen: seen}
}

func testUsers(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	_, err := a.User(t.Context(), "ada")
	want(t, err, store.ErrNotFound)
	full := user("ada")
	full.Note, full.Disabled = "n", true
	u := must[store.User](t)(a.PutUser(t.Context(), full))
	full.Revision, full.Created, full.Updated = 1, u.Created, u.Updated
	if got := must[store.User](t)(a.User(t.Context(), "ada")); u.Created.IsZero() || !reflect.DeepEqual(got, full) || !reflect.DeepEqual(u, full) {
		t.Errorf("stored is %+v, returned %+v, want %+v", got, u, full)
	}
	_, err = a.PutUser(t.Context(), user("ada"))
	want(t, err, store.ErrExists)
	u.Role = "admin"
	u = must[store.User](t)(a.PutUser(t.Context(), u))
	u.Revision--
	_, err = a.PutUser(t.Context(), u)
	want(t, err, store.ErrConflict)
	must[store.User](t)(a.PutUser(t.Context(), user("a.b+c@example.com")))
	if all := must[[]store.User](t)(a.Users(t.Context())); len(all) != 2 || all[0].Name != "a.b+c@example.com" || all[1].Role != "admin" {
		t.Errorf("all are %+v", all)
	}
	want(t, a.DeleteUser(t.Context(), "ada", 1), store.ErrConflict)
	want(t, a.DeleteUser(t.Context(), "ada", 2), nil)
	want(t, a.DeleteUser(t.Context(), "ada", 0), store.ErrNotFound)
}

// Names of users and tokens cannot break a line, a path or another name.
func testInvalidUsers(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	for _, name := range []string{"", ".", "..", "-a", "Ada", "a b", "a\nb", "a/b", "a\x00b", "ä", "a%2f", strings.Repeat("a", 65)} {
		_, err := a.PutUser(t.Context(), user(name))
		want(t, err, store.ErrInvalid)
		_, err = a.PutToken(t.Context(), token(name, ""))
		want(t, err, store.ErrInvalid)
	}
	for what, change := range map[string]func(*store.User){
		"no role":     func(u *store.User) { u.Role = "" },
		"a long hash": func(u *store.User) { u.Password = lwm2m.NewSecret(make([]byte, store.MaxPasswordHash+1)) },
		"a long note": func(u *store.User) { u.Note = strings.Repeat("x", store.MaxNote+1) },
	} {
		u := user("ada")
		change(&u)
		if _, err := a.PutUser(t.Context(), u); err == nil {
			t.Errorf("a user with %s is stored", what)
		}
	}
}

func testTokens(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	_, err := a.PutToken(t.Context(), token("ci", "ada"))
	want(t, err, store.ErrNotFound)
	full := token("ci", "")
	full.Expires, full.Note, full.Hash[3] = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), "n", 7
	k := must[store.Token](t)(a.PutToken(t.Context(), full))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want(t, a.TouchToken(t.Context(), "ci", at, "192.0.2.7"), nil)
	full.Revision, full.Created, full.Updated, full.LastUsed, full.LastFrom = 1, k.Created, k.Updated, at, "192.0.2.7"
	if got := must[store.Token](t)(a.Token(t.Context(), "ci")); !reflect.DeepEqual(got, full) {
		t.Errorf("stored is %+v, want %+v", got, full)
	}
	want(t, a.DeleteToken(t.Context(), "ci", 2), store.ErrConflict)
	want(t, a.DeleteToken(t.Context(), "ci", 0), nil)
	want(t, a.TouchToken(t.Context(), "ci", at, ""), store.ErrNotFound) // it is not made again
	if all := must[[]store.Token](t)(a.Tokens(t.Context())); len(all) != 0 {
		t.Errorf("left are %+v", all)
	}
}

func testWebSessions(t *testing.T, s store.Store) {
	a, at := accessOf(t, s), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := webSession(1, "ada", at)
	want(t, a.PutWebSession(t.Context(), w, 1), store.ErrNotFound)
	must[store.User](t)(a.PutUser(t.Context(), user("ada")))
	want(t, a.PutWebSession(t.Context(), w, 2), store.ErrConflict) // the password may be another one
	want(t, a.PutWebSession(t.Context(), w, 1), nil)
	other := webSession(2, "ada", at)
	other.Way, other.Role = "oidc", "admin"
	want(t, a.PutWebSession(t.Context(), other, 0), nil)
	want(t, a.TouchWebSession(t.Context(), w.Key, at.Add(time.Hour)), nil)
	w.Seen = at.Add(time.Hour)
	if got := must[store.WebSession](t)(a.WebSession(t.Context(), w.Key)); !reflect.DeepEqual(got, w) {
		t.Errorf("stored is %+v, want %+v", got, w)
	}
	if n := must[int](t)(a.DeleteWebSessions(t.Context(), "ada", "password")); n != 1 {
		t.Errorf("%d sessions are ended", n)
	}
	want(t, a.TouchWebSession(t.Context(), w.Key, at), store.ErrNotFound)
	want(t, a.DeleteWebSession(t.Context(), other.Key), nil)
	_, err := a.WebSession(t.Context(), other.Key)
	want(t, err, store.ErrNotFound)
	w.Key = strings.ToUpper(strings.Repeat("a", 64))
	want(t, a.PutWebSession(t.Context(), w, 1), store.ErrInvalid)
}

// Above the limit of one user the session goes that was used least recently, of this user only.
func testWebSessionLimits(t *testing.T, s store.Store) {
	a, at := accessOf(t, s), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, name := range []string{"ada", "bob"} {
		must[store.User](t)(a.PutUser(t.Context(), user(name)))
	}
	want(t, a.PutWebSession(t.Context(), webSession(999, "bob", at.Add(-time.Hour)), 1), nil)
	for i := range store.MaxWebSessionsOfOne {
		want(t, a.PutWebSession(t.Context(), webSession(i, "ada", at.Add(time.Duration(i)*time.Second)), 1), nil)
	}
	want(t, a.TouchWebSession(t.Context(), webSession(0, "ada", at).Key, at.Add(time.Hour)), nil)
	want(t, a.PutWebSession(t.Context(), webSession(100, "ada", at), 1), nil)
	for i, gone := range map[int]bool{0: false, 1: true, 2: false, 100: false, 999: false} {
		if _, err := a.WebSession(t.Context(), webSession(i, "", at).Key); (err != nil) != gone {
			t.Errorf("session %d: %v", i, err)
		}
	}
}

// With a user go the tokens and sessions, also those that a new user of the name would have; and the sessions when
// the password changes or the user is disabled.
func testWhatGoesWithAUser(t *testing.T, s store.Store) {
	a, at := accessOf(t, s), time.Now()
	begin := func(rev store.Revision) string {
		w := webSession(int(rev), "ada", at)
		want(t, a.PutWebSession(t.Context(), w, rev), nil)
		return w.Key
	}
	ended := func(key string) bool { _, err := a.WebSession(t.Context(), key); return err != nil }
	u := must[store.User](t)(a.PutUser(t.Context(), user("ada")))
	for _, tt := range []struct {
		what   string
		change func(*store.User)
		ends   bool
	}{
		{"the note", func(u *store.User) { u.Note = "n" }, false},
		{"the role", func(u *store.User) { u.Role = "admin" }, false}, // which each request looks up
		{"the password", func(u *store.User) { u.Password = lwm2m.NewSecret([]byte("another")) }, true},
		{"that it is disabled", func(u *store.User) { u.Disabled = true }, true},
	} {
		key := begin(u.Revision)
		tt.change(&u)
		if u = must[store.User](t)(a.PutUser(t.Context(), u)); ended(key) != tt.ends {
			t.Errorf("%s changed: the session has ended: %v", tt.what, !tt.ends)
		}
	}
	key := begin(u.Revision)
	must[store.Token](t)(a.PutToken(t.Context(), token("own", "ada")))
	must[store.Token](t)(a.PutToken(t.Context(), token("other", "")))
	want(t, a.DeleteUser(t.Context(), "ada", 0), nil)
	if all := must[[]store.Token](t)(a.Tokens(t.Context())); len(all) != 1 || all[0].Name != "other" || !ended(key) {
		t.Errorf("left are %+v, and the session: %v", all, !ended(key))
	}
}

func entry(action string) store.AuditEntry {
	return store.AuditEntry{Name: "ada", Role: "admin", Way: "password", Address: "192.0.2.1", Action: action, Target: "dev", Detail: "d"}
}

func testAudit(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	before := time.Now()
	first := must[store.AuditEntry](t)(a.AppendAudit(t.Context(), entry("device add")))
	second := must[store.AuditEntry](t)(a.AppendAudit(t.Context(), entry("device set")))
	long := entry("device set")
	long.Name, long.Detail, long.Target = "bob", strings.Repeat("ä", store.MaxAuditText), "a\xffb"
	third := must[store.AuditEntry](t)(a.AppendAudit(t.Context(), long))
	if first.ID == 0 || second.ID <= first.ID || third.ID <= second.ID || first.At.Before(before.Add(-time.Second)) {
		t.Errorf("they are %+v, %+v, %+v", first, second, third)
	}
	if len(third.Detail) > store.MaxAuditText || !strings.HasSuffix(third.Detail, "ä…") || third.Target != "a\uFFFDb" {
		t.Errorf("a long one is %q, %q", third.Detail, third.Target)
	}
	want(t, a.AmendAudit(t.Context(), first.ID, "amended"), nil)
	want(t, a.AmendAudit(t.Context(), third.ID+1, "amended"), store.ErrNotFound)
	for what, tt := range map[string]struct {
		query store.AuditQuery
		ids   []store.AuditID
	}{
		"all":                {store.AuditQuery{}, []store.AuditID{third.ID, second.ID, first.ID}},
		"a page":             {store.AuditQuery{Limit: 2}, []store.AuditID{third.ID, second.ID}},
		"the next page":      {store.AuditQuery{Limit: 2, Before: second.ID}, []store.AuditID{first.ID}},
		"of one principal":   {store.AuditQuery{Name: "ada"}, []store.AuditID{second.ID, first.ID}},
		"one action":         {store.AuditQuery{Action: "device set"}, []store.AuditID{third.ID, second.ID}},
		"a group of actions": {store.AuditQuery{Action: "device"}, []store.AuditID{third.ID, second.ID, first.ID}},
		"part of a word":     {store.AuditQuery{Action: "dev"}, nil},
		"of one record":      {store.AuditQuery{Target: "dev"}, []store.AuditID{second.ID, first.ID}},
		"from a time on":     {store.AuditQuery{Since: before.Add(time.Hour)}, nil},
		"before a time":      {store.AuditQuery{Until: before.Add(-time.Hour)}, nil},
	} {
		var ids []store.AuditID
		for _, e := range must[[]store.AuditEntry](t)(a.Audit(t.Context(), tt.query)) {
			ids = append(ids, e.ID)
		}
		if !reflect.DeepEqual(ids, tt.ids) {
			t.Errorf("%s: %v, want %v", what, ids, tt.ids)
		}
	}
	if e := must[[]store.AuditEntry](t)(a.Audit(t.Context(), store.AuditQuery{Before: second.ID}))[0]; e.Detail != "amended" || e.Name != "ada" || !e.At.Equal(first.At) {
		t.Errorf("it is %+v", e)
	}
}

// An edit appends the entry that its context has: once, and only where it changes something.
func testAuditWithTheEdit(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	entries := func() int { return len(must[[]store.AuditEntry](t)(a.Audit(t.Context(), store.AuditQuery{}))) }
	audit := &store.Audit{Entry: entry("profile apply")}
	ctx := store.WithAudit(t.Context(), audit)
	_, err := s.PutDevice(ctx, store.Device{Endpoint: "dev", Profile: "none"})
	want(t, err, store.ErrNotFound)
	if entries() != 0 || audit.Written() != 0 {
		t.Errorf("an edit that is refused appends %d entries", entries())
	}
	must[store.Profile](t)(s.PutProfile(ctx, store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coap://a", ShortServerID: 1}}}))
	if all := must[[]store.AuditEntry](t)(a.Audit(t.Context(), store.AuditQuery{})); len(all) != 1 || all[0].ID != audit.Written() || all[0].Action != "profile apply" {
		t.Errorf("there are %+v, and %d is told", all, audit.Written())
	}
	must[store.Device](t)(s.PutDevice(ctx, store.Device{Endpoint: "dev", Profile: "p"}))
	if entries() != 1 {
		t.Errorf("a second edit appends one: there are %d", entries())
	}
	gone, cancel := context.WithCancel(store.WithAudit(t.Context(), &store.Audit{Entry: entry("x")}))
	cancel()
	_, _ = s.PutDevice(gone, store.Device{Endpoint: "dev2", Profile: "p"})
	if _, err := s.Device(t.Context(), "dev2"); (err == nil) != (entries() == 2) {
		t.Errorf("the edit was stored: %v, and there are %d entries", err == nil, entries())
	}
}

func testAuditLimit(t *testing.T, s store.Store) {
	a := accessOf(t, s)
	var last store.AuditEntry
	for i := range AuditEntries + 5 {
		last = must[store.AuditEntry](t)(a.AppendAudit(t.Context(), entry(fmt.Sprint("action ", i))))
	}
	all := must[[]store.AuditEntry](t)(a.Audit(t.Context(), store.AuditQuery{}))
	if len(all) != AuditEntries || all[0].ID != last.ID || all[len(all)-1].Action != "action 5" {
		t.Errorf("there are %d: %+v", len(all), all)
	}
}
