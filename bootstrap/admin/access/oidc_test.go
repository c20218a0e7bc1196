package access_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// grace is a user whom an issuer of OpenID Connect vouches for.
var grace = access.Principal{Name: "grace@example.com", Role: access.Engineer, Way: access.WayOIDC, Address: "192.0.2.1"}

// A session that began at an issuer has the role that the issuer gave, ends at its own limit whatever is done in it, and
// is none of a user of the same name who has a password.
func TestSessionsOfAnIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := newManager(t, access.Config{Terms: "a", OIDCLimit: 2 * time.Hour})
		c, err := m.Begin(t.Context(), grace, "issuer x, subject y")
		if err != nil || c.MaxAge != 2*60*60 {
			t.Fatalf("%v, %v", c, err)
		}
		p, err := m.Authenticate(withCookie(c))
		if err != nil || p != grace {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := s.PutUser(t.Context(), store.User{Name: grace.Name, Role: "viewer", Password: lwm2m.NewSecret([]byte("x"))}); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteUser(t.Context(), grace.Name, 0); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			time.Sleep(29 * time.Minute)
			if _, err := m.Authenticate(withCookie(c)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(5 * time.Minute)
		if _, err := m.Authenticate(withCookie(c)); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("after two hours: %v", err)
		}
		synctest.Wait()
	})
}

// A session is over when the issuer, or what it gives roles for, is configured in another way or not at all; those of
// passwords go on.
func TestSessionsEndWithTheirTerms(t *testing.T) {
	m, s := newManager(t, access.Config{Terms: "a"})
	c, err := m.Begin(t.Context(), grace, "")
	if err != nil {
		t.Fatal(err)
	}
	own := login(t, m)
	for terms, valid := range map[string]bool{"a": true, "b": false, "": false} {
		other := access.New(access.Config{Store: s, Terms: terms})
		t.Cleanup(other.Close)
		if _, err := other.Authenticate(withCookie(c)); (err == nil) != valid || !valid && !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("under the terms %q: %v", terms, err)
		}
		if _, err := other.Authenticate(withCookie(own)); err != nil {
			t.Errorf("under the terms %q, with a password: %v", terms, err)
		}
	}
}

// One source has so many tries at an issuer, which right ones do not use up, and which count with those of passwords.
func TestTriesAtAnIssuer(t *testing.T) {
	m, _ := newManager(t, access.Config{})
	for range 30 {
		giveBack, err := m.Try("192.0.2.9")
		if err != nil {
			t.Fatal(err)
		}
		giveBack()
	}
	n := 0
	for ; n < 100; n++ {
		if _, err := m.Try("192.0.2.9"); err != nil {
			if tries := new(access.TriesError); !errors.As(err, &tries) || tries.Wait <= 0 {
				t.Errorf("%v", err)
			}
			break
		}
	}
	if n < 20 || n > 25 {
		t.Errorf("%d tries", n)
	}
	if _, err := m.Login(t.Context(), "192.0.2.9", "ada", password); !errors.Is(err, access.ErrTries) {
		t.Errorf("a log-in with a password: %v", err)
	}
	if _, err := m.Try("192.0.2.10"); err != nil {
		t.Errorf("another source: %v", err)
	}
}
