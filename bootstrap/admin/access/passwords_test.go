package access_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/store"
)

const other = "another long password"

// Whoever knows the old password gets another one, and the old one is no use then.
func TestChangePassword(t *testing.T) {
	m, s := newManager(t, access.Config{})
	before, err := s.User(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		old, new string
		want     error
	}{
		"a wrong old one":  {"a wrong long password", other, access.ErrWrong},
		"an empty old one": {"", other, access.ErrWrong},
		"a short one":      {password, "short", store.ErrInvalid},
		"the same":         {password, password, store.ErrInvalid},
	} {
		if _, err := m.Change(t.Context(), "192.0.2.1", "ada", tt.old, tt.new); !errors.Is(err, tt.want) || strings.Contains(err.Error(), tt.new) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now, err := s.User(t.Context(), "ada"); err != nil || now.Revision != before.Revision {
		t.Errorf("a refused change has changed the user: %+v, %v", now, err)
	}
	u, err := m.Change(t.Context(), "192.0.2.1", "ada", password, other)
	if err != nil || u.PasswordSet.IsZero() {
		t.Fatalf("%+v, %v", u, err)
	}
	if _, err := m.Login(t.Context(), "192.0.2.1", "ada", password); !errors.Is(err, access.ErrWrong) {
		t.Errorf("with the former one: %v", err)
	}
	if _, err := m.Login(t.Context(), "192.0.2.1", "ada", other); err != nil {
		t.Errorf("with the new one: %v", err)
	}
}

// Guesses of an old password count as tries to log in: whoever has taken over a browser cannot guess on.
func TestGuessesOfAnOldPassword(t *testing.T) {
	m, _ := newManager(t, access.Config{})
	for i := 0; ; i++ {
		_, err := m.Change(t.Context(), "192.0.2.1", "ada", "a wrong long password", other)
		if errors.Is(err, access.ErrTries) {
			if i < 5 || i > 8 {
				t.Errorf("%d guesses", i)
			}
			break
		}
		if !errors.Is(err, access.ErrWrong) || i > 100 {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := m.Login(t.Context(), "192.0.2.1", "ada", password); !errors.Is(err, access.ErrTries) {
		t.Errorf("a log-in then: %v", err)
	}
	shared := access.NewPasswords(newMemory(), slog.New(slog.DiscardHandler))
	one, two := access.New(access.Config{Store: newMemory(), Passwords: shared}), access.New(access.Config{Store: newMemory(), Passwords: shared})
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	one.MakeCheap()
	for range 5 {
		_, _ = one.Login(t.Context(), "192.0.2.1", "ada", "a wrong long password")
	}
	if _, err := two.Login(t.Context(), "192.0.2.1", "ada", password); !errors.Is(err, access.ErrTries) {
		t.Errorf("tries are not shared: %v", err)
	}
}

// A session is renewed for a user with a password, and for no one else.
func TestRenew(t *testing.T) {
	m, s := newManager(t, access.Config{})
	ada := access.Principal{Name: "ada", Role: access.Engineer, Way: access.WayPassword, Address: "192.0.2.1"}
	c, err := m.Renew(access.With(t.Context(), ada))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := m.Authenticate(withCookie(c)); err != nil || p != ada {
		t.Errorf("%+v, %v", p, err)
	}
	for _, p := range []access.Principal{{}, {Name: "ada", Way: access.WayOIDC}, {Name: "ada", Way: access.WayToken}, {Name: "eve", Way: access.WayPassword}} {
		if c, err := m.Renew(access.With(t.Context(), p)); err == nil {
			t.Errorf("%+v gets %v", p, c)
		}
	}
	u, err := s.User(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	u.Disabled = true
	if _, err := s.PutUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Renew(access.With(t.Context(), ada)); err == nil {
		t.Errorf("a disabled user gets %v", c)
	}
}

// Whose password a principal may change.
func TestOwnUser(t *testing.T) {
	for _, tt := range []struct {
		p    access.Principal
		want string
		err  error
	}{
		{access.Principal{Name: "ada", Way: access.WayPassword}, "ada", nil},
		{access.Principal{Name: "ada", Way: access.WayCertificate}, "ada", nil},
		{access.Principal{Name: "ada", Way: access.WayToken + " laptop"}, "ada", nil},
		{access.Principal{Name: "root", Way: access.WaySocket}, "", nil},
		{access.Principal{Name: "root", Way: access.WayDatabase}, "", nil},
		{access.Principal{Name: "ada", Way: access.WayToken}, "", access.ErrForbidden}, // a token of no user, named ada
		{access.Principal{Name: "ada", Way: access.WayOIDC}, "", access.ErrForbidden},  // whom an issuer calls ada
		{access.Principal{Name: "ada", Way: "unknown"}, "", access.ErrForbidden},
	} {
		if got, err := tt.p.OwnUser(); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%+v: %q, %v", tt.p, got, err)
		}
	}
}

// entriesOf is an audit that has some entries.
type entriesOf []store.AuditEntry

func (e entriesOf) AppendAudit(_ context.Context, one store.AuditEntry) (store.AuditEntry, error) {
	return one, nil
}
func (e entriesOf) AmendAudit(context.Context, store.AuditID, string) error { return nil }

// Audit has the newest, which is the last, first.
func (e entriesOf) Audit(_ context.Context, q store.AuditQuery) (page []store.AuditEntry, _ error) {
	for i := len(e) - 1; i >= 0 && len(page) < q.Limit; i-- {
		one := e[i]
		if one.ID = store.AuditID(i + 1); (q.Before == 0 || one.ID < q.Before) && q.Selects(one) {
			page = append(page, one)
		}
	}
	return page, nil
}

// After a restart a user is still not locked out where they logged in before; others are nowhere known.
func TestKnownSourcesOutliveARestart(t *testing.T) {
	now := time.Now()
	var past entriesOf
	for i := range 3000 { // more than one page
		past = append(past, store.AuditEntry{Name: "bob", Way: access.WayPassword, Action: "log-in", Address: fmt.Sprint("203.0.113.", i%250), At: now.Add(-time.Duration(4000-i) * time.Minute)})
	}
	past = append(past,
		store.AuditEntry{Name: "ada", Way: access.WayPassword, Action: "log-in", Address: "192.0.2.9", At: now.Add(-31 * 24 * time.Hour)},
		store.AuditEntry{Name: "ada", Way: access.WayOIDC, Action: "log-in", Address: "192.0.2.10", At: now},
		store.AuditEntry{Name: "ada", Way: access.WayPassword, Action: "log-out", Address: "192.0.2.11", At: now},
		store.AuditEntry{Name: "eve", Way: access.WayPassword, Action: "log-in", Address: "192.0.2.12", At: now})
	past = append(entriesOf{{Name: "ada", Way: access.WayPassword, Action: "log-in", Address: "192.0.2.1", At: now.Add(-29 * 24 * time.Hour)}}, past...)
	m, _ := newManager(t, access.Config{})
	if err := m.Passwords.Recall(t.Context(), past, now); err != nil {
		t.Fatal(err)
	}
	for i := range 200 { // from everywhere
		_, _ = m.Login(t.Context(), fmt.Sprintf("198.51.%d.%d", i/100, i%100), "ada", "a wrong long password")
	}
	if _, err := m.Login(t.Context(), "192.0.2.1", "ada", password); err != nil {
		t.Errorf("from where she logged in: %v", err)
	}
	for _, source := range []string{"192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.12"} {
		if _, err := m.Login(t.Context(), source, "ada", password); !errors.Is(err, access.ErrTries) {
			t.Errorf("from %s: %v", source, err)
		}
	}
}
