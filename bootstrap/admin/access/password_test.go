package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"correct horse": true, "ünïcödé wörds": true, "0123456789": true,
		"":                              false,
		"short":                         false,
		"aaaaaaaaaaaaaaaa":              false,
		"frank.miller":                  false,
		"xx Frank.Miller 1":             false,
		"not UTF-8: \xff\xfe":           false,
		strings.Repeat("ab", 513):       false,
		"e\u0301e\u0301e\u0301e\u0301e": false, // five characters
	} {
		err := access.CheckPassword("frank.miller", password)
		if (err == nil) != ok || err != nil && (!errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "xx")) {
			t.Errorf("%.30q: %v", password, err)
		}
	}
	if a, b := access.NewPassword(), access.NewPassword(); a == b || access.CheckPassword("ada", a) != nil || len(a) != 23 {
		t.Errorf("generated are %q and %q", a, b)
	}
}

// A hash is salted, says its parameters, and does not have the password.
func TestHash(t *testing.T) {
	made, err := access.NewPasswords(nil, nil).Hash(t.Context(), "ada", password)
	if err != nil {
		t.Fatal(err)
	}
	one := string(made.Reveal())
	other, err := access.NewPasswords(nil, nil).Hash(t.Context(), "ada", password)
	if err != nil || one == string(other.Reveal()) || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(one, password) {
		t.Errorf("the hashes are %q and %q, %v", one, other.Reveal(), err)
	}
}

// A password that is typed on another system, where its characters are composed, is the same.
func TestPasswordInAnotherComposition(t *testing.T) {
	m, s := newManager(t, access.Config{})
	h, err := m.Hash(t.Context(), "eva", "d\u00e9j\u00e0 vu encore")
	if err == nil {
		_, err = s.PutUser(t.Context(), store.User{Name: "eva", Role: "viewer", Password: h})
	}
	if err == nil {
		_, err = m.Login(t.Context(), "192.0.2.1", "eva", "de\u0301ja\u0300 vu encore")
	}
	if err != nil {
		t.Error(err)
	}
}

// A damaged or foreign hash lets no one in, and takes no more memory than a good one.
func TestDamagedHashes(t *testing.T) {
	m, s := newManager(t, access.Config{})
	good := string(hash(t).Reveal())
	for i, text := range []string{
		"x", "$argon2id$v=19$m=64,t=2,p=1$$", good[:len(good)-30], "$2b$10$abcdefghijklmnopqrstuv",
		strings.Replace(good, "m=64", "m=4294967295", 1), strings.Replace(good, "t=1", "t=4000000", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
	} {
		name := fmt.Sprint("u", i)
		if _, err := s.PutUser(t.Context(), store.User{Name: name, Role: "admin", Password: lwm2m.NewSecret([]byte(text))}); err != nil {
			t.Fatal(err)
		}
		if c, err := m.Login(t.Context(), fmt.Sprintf("192.0.2.%d", i), name, password); c != nil || !errors.Is(err, store.ErrCorrupt) || strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// However many log in at once, a few hashes are made at a time, and those that would wait too long are told so.
func TestHashesAreFewAtATime(t *testing.T) {
	hash(t)
	synctest.Test(t, func(t *testing.T) {
		m, _ := newManager(t, access.Config{})
		defer m.Close()
		release := m.HoldHashes()
		var all sync.WaitGroup
		login := func(ctx context.Context, from int) {
			_, err := m.Login(ctx, fmt.Sprintf("198.51.%d.1", from), "ada", password)
			if err != nil && !errors.Is(err, access.ErrBusy) && !errors.Is(err, context.Canceled) || err == nil && ctx != t.Context() {
				t.Error(err)
			}
		}
		const patient = 5
		for i := range patient {
			all.Go(func() { login(t.Context(), i) })
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 200 {
			all.Go(func() { login(ctx, patient+i) })
		}
		synctest.Wait()
		if n := m.Waiting(); n != access.MaxHashQueue || m.Hashes() != 0 || m.Refused() != 200+patient-access.MaxHashQueue {
			t.Errorf("%d wait, %d were refused, and %d hashes were made", n, m.Refused(), m.Hashes())
		}
		cancel()
		synctest.Wait()
		release()
		all.Wait()
		if m.Hashes() != patient || m.MostHashes() > 2 {
			t.Errorf("%d hashes were made, %d at a time", m.Hashes(), m.MostHashes())
		}
	})
}

// One source cannot try an account again and again, whether it exists or not, and is told for how long it waits.
func TestTriesOfOneSource(t *testing.T) {
	hash(t)
	for _, name := range []string{"ada", "nosuch"} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := newManager(t, access.Config{})
			defer m.Close()
			try := func(source string) error {
				_, err := m.Login(t.Context(), source, name, "a wrong long password")
				return err
			}
			for range 5 {
				if err := try("192.0.2.1"); !errors.Is(err, access.ErrWrong) {
					t.Fatal(err)
				}
			}
			var wait *access.TriesError
			if err := try("192.0.2.1"); !errors.As(err, &wait) || wait.Wait <= 0 || wait.Wait > 30*time.Second {
				t.Errorf("the sixth try: %v", err)
			}
			if err := try("192.0.2.2"); !errors.Is(err, access.ErrWrong) {
				t.Errorf("another source: %v", err)
			}
			time.Sleep(wait.Wait)
			if err := try("192.0.2.1"); !errors.Is(err, access.ErrWrong) {
				t.Errorf("after the wait: %v", err)
			}
		})
	}
}
