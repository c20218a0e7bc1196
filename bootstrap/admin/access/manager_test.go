package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "a right long password"

// hashed is a hash of password that costs little, made once.
var hashed lwm2m.Secret

func hash(t *testing.T) lwm2m.Secret {
	t.Helper()
	if hashed.Len() == 0 {
		m := access.New(access.Config{})
		defer m.Close()
		m.MakeCheap()
		var err error
		if hashed, err = m.Hash(t.Context(), "ada", password); err != nil {
			t.Fatal(err)
		}
	}
	return hashed
}

// newManager returns a manager over a store with the user ada, an engineer.
func newManager(t *testing.T, c access.Config) (*access.Manager, *memory) {
	t.Helper()
	s := newMemory()
	if _, err := s.PutUser(t.Context(), store.User{Name: "ada", Role: "engineer", Password: hash(t)}); err != nil {
		t.Fatal(err)
	}
	c.Store = s
	m := access.New(c)
	m.MakeCheap()
	t.Cleanup(m.Close)
	return m, s
}

func request(change func(*http.Request)) *http.Request {
	r := httptest.NewRequest("GET", "/v1/status", nil)
	r.RemoteAddr = "192.0.2.1:4711"
	if change != nil {
		change(r)
	}
	return r
}

func withCookie(c *http.Cookie) *http.Request {
	return request(func(r *http.Request) { r.AddCookie(c) })
}

func login(t *testing.T, m *access.Manager) *http.Cookie {
	t.Helper()
	c, err := m.Login(t.Context(), "192.0.2.1", "ada", password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A right password begins a session, whose cookie scripts and other sites do not get, and which is stored as a hash.
func TestLogIn(t *testing.T) {
	for _, secure := range []bool{true, false} {
		m, s := newManager(t, access.Config{Secure: secure})
		c := login(t, m)
		if !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("the cookie is %+v", c)
		}
		p, err := m.Authenticate(withCookie(c))
		if want := (access.Principal{Name: "ada", Role: access.Engineer, Way: access.WayPassword, Address: "192.0.2.1"}); err != nil || p != want {
			t.Errorf("it is %+v, %v", p, err)
		}
		for key := range s.sessions {
			if strings.Contains(key, c.Value) || len(key) != 64 {
				t.Errorf("%q is stored for the cookie %q", key, c.Value)
			}
		}
		if e := s.entries(); len(e) != 1 || e[0].Action != "log-in" || e[0].Name != "ada" || e[0].Address != "192.0.2.1" {
			t.Errorf("the audit has %+v", e)
		}
	}
}

// A name that does not exist, a wrong password, a user without a password and a disabled one are told the same.
func TestRefusedLogInsAreAlike(t *testing.T) {
	m, s := newManager(t, access.Config{})
	for _, u := range []store.User{{Name: "bare", Role: "viewer"}, {Name: "off", Role: "viewer", Disabled: true, Password: hash(t)}} {
		if _, err := s.PutUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range [][2]string{
		{"ada", "a wrong long password"}, {"ada", ""}, {"nosuch", password}, {"bare", ""}, {"bare", password}, {"off", password},
		{"", password}, {"ada\n", password + "\n"}, {"../ada", password}, {strings.Repeat("a", 10_000), password}, {"ada", strings.Repeat("a", 10_000)},
	} {
		c, err := m.Login(t.Context(), "192.0.2.9", tt[0], tt[1])
		if c != nil || !errors.Is(err, access.ErrWrong) && !errors.Is(err, access.ErrTries) || errors.Is(err, access.ErrWrong) && err.Error() != access.ErrWrong.Error() {
			t.Errorf("%.20q: %v", tt, err)
		}
	}
	if len(s.sessions) != 0 {
		t.Errorf("there are sessions: %v", s.sessions)
	}
}

// The work for a user that does not exist is that for a wrong password, so that the time tells nothing. It is
// counted, and not measured: the hash dominates all else by far.
func TestUnknownUserCostsAHash(t *testing.T) {
	m, s := newManager(t, access.Config{})
	if _, err := s.PutUser(t.Context(), store.User{Name: "bare", Role: "viewer"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ada", "nosuch", "bare"} {
		before := m.Spent()
		if _, err := m.Login(t.Context(), "192.0.2.1", name, "a wrong long password"); !errors.Is(err, access.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
		if n := m.Spent() - before; n != 64 { // of one hash
			t.Errorf("%s: the work is %d", name, n)
		}
	}
}

// A stolen cookie is of no use after the log-out, and the log-out ends all sessions of the user and none of others.
func TestLogOutEndsAll(t *testing.T) {
	m, s := newManager(t, access.Config{})
	if _, err := s.PutUser(t.Context(), store.User{Name: "bob", Role: "viewer", Password: hash(t)}); err != nil {
		t.Fatal(err)
	}
	one, two := login(t, m), login(t, m)
	other, err := m.Login(t.Context(), "192.0.2.2", "bob", password)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Authenticate(withCookie(one))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := m.Logout(access.With(t.Context(), p))
	if err != nil || gone.MaxAge >= 0 || gone.Value != "" || gone.Name != one.Name {
		t.Errorf("the cookie becomes %+v, %v", gone, err)
	}
	for _, c := range []*http.Cookie{one, two} {
		if p, err := m.Authenticate(withCookie(c)); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("a replayed cookie is of %+v, %v", p, err)
		}
	}
	if _, err := m.Authenticate(withCookie(other)); err != nil {
		t.Errorf("the session of another user: %v", err)
	}
	if _, err := m.Logout(t.Context()); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("a log-out of no one: %v", err)
	}
	if _, err := m.Logout(access.With(t.Context(), access.Principal{Name: "ci", Way: access.WayToken})); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a log-out of a token: %v", err)
	}
}

// Sessions end when they are not used, and after a time in any case.
func TestSessionsExpire(t *testing.T) {
	hash(t)
	for what, tt := range map[string]struct {
		uses  int // with 50 minutes behind each
		after time.Duration
		valid bool
	}{
		"used within the idle time": {1, 50 * time.Minute, true},
		"idle":                      {1, 61 * time.Minute, false},
		"used again and again":      {10, 50 * time.Minute, true},
		"used for too long":         {15, 50 * time.Minute, false},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := newManager(t, access.Config{})
				defer m.Close()
				c := login(t, m)
				for range tt.uses {
					_, _ = m.Authenticate(withCookie(c))
					synctest.Wait() // for the note of the use
					time.Sleep(50 * time.Minute)
				}
				time.Sleep(tt.after - 50*time.Minute)
				if _, err := m.Authenticate(withCookie(c)); (err == nil) != tt.valid {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// What an edit of the user takes away is gone at the next request.
func TestSessionFollowsTheUser(t *testing.T) {
	m, s := newManager(t, access.Config{})
	c := login(t, m)
	edit := func(change func(*store.User)) {
		u, err := s.User(t.Context(), "ada")
		if err == nil {
			change(&u)
			_, err = s.PutUser(t.Context(), u)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(func(u *store.User) { u.Role = "viewer" })
	if p, err := m.Authenticate(withCookie(c)); err != nil || p.Role != access.Viewer {
		t.Errorf("it is %+v, %v", p, err)
	}
	edit(func(u *store.User) { u.Role = "superuser" }) // of a newer lwbs
	if p, err := m.Authenticate(withCookie(c)); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("with an unknown role it is %+v, %v", p, err)
	}
	edit(func(u *store.User) { u.Role, u.Disabled = "viewer", true })
	if p, err := m.Authenticate(withCookie(c)); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("a disabled one is %+v, %v", p, err)
	}
}

// putToken stores a token and returns its text.
func putToken(t *testing.T, s store.Access, k store.Token) string {
	t.Helper()
	var text lwm2m.Secret
	text, k.Hash = access.NewToken(k.Name)
	if _, err := s.PutToken(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return string(text.Reveal())
}

func bearer(text string) *http.Request {
	return request(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+text) })
}

func TestTokens(t *testing.T) {
	m, s := newManager(t, access.Config{})
	now := time.Now()
	good := putToken(t, s, store.Token{Name: "ci.nightly-1", Role: "admin", Expires: now.Add(time.Hour)})
	own := putToken(t, s, store.Token{Name: "own", Role: "admin", User: "ada"})
	expired := putToken(t, s, store.Token{Name: "old", Role: "admin", Expires: now.Add(-time.Second)})
	revoked := putToken(t, s, store.Token{Name: "gone", Role: "admin"})
	if err := s.DeleteToken(t.Context(), "gone", 0); err != nil {
		t.Fatal(err)
	}
	former := putToken(t, s, store.Token{Name: "again", Role: "admin"})
	if err := s.DeleteToken(t.Context(), "again", 0); err != nil {
		t.Fatal(err)
	}
	putToken(t, s, store.Token{Name: "again", Role: "admin"})
	for what, tt := range map[string]struct {
		request *http.Request
		want    access.Principal // the zero one for none
	}{
		"a good one":             {bearer(good), access.Principal{Name: "ci.nightly-1", Role: access.Admin, Way: "token", Address: "192.0.2.1"}},
		"no more than its user":  {bearer(own), access.Principal{Name: "ada", Role: access.Engineer, Way: "token own", Address: "192.0.2.1"}},
		"an expired one":         {bearer(expired), access.Principal{}},
		"a revoked one":          {bearer(revoked), access.Principal{}},
		"one of before":          {bearer(former), access.Principal{}},
		"of another name":        {bearer(strings.Replace(good, "ci.nightly-1", "own", 1)), access.Principal{}},
		"cut":                    {bearer(good[:len(good)-2]), access.Principal{}},
		"empty":                  {bearer(""), access.Principal{}},
		"a stored hash":          {bearer("lwbs_own_" + strings.Repeat("a", 52)), access.Principal{}},
		"basic":                  {request(func(r *http.Request) { r.SetBasicAuth("ada", password) }), access.Principal{}},
		"twice":                  {request(func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + good, "Bearer " + good} }), access.Principal{}},
		"in the query":           {request(func(r *http.Request) { r.URL.RawQuery = "access_token=" + good }), access.Principal{}},
		"in a cookie":            {withCookie(&http.Cookie{Name: "lwbs", Value: good}), access.Principal{}},
		"wrong, with a cookie":   {request(func(r *http.Request) { r.AddCookie(login(t, m)); r.Header.Set("Authorization", "Bearer x") }), access.Principal{}},
		"none":                   {request(nil), access.Principal{}},
		"in lower case (scheme)": {request(func(r *http.Request) { r.Header.Set("Authorization", "bearer "+good) }), access.Principal{Name: "ci.nightly-1", Role: access.Admin, Way: "token", Address: "192.0.2.1"}},
	} {
		p, err := m.Authenticate(tt.request)
		if p != tt.want || (err == nil) != (tt.want.Role != 0) || err != nil && !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
	if err := s.DeleteUser(t.Context(), "ada", 0); err != nil {
		t.Fatal(err)
	}
	if p, err := m.Authenticate(bearer(own)); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the token of a deleted user is of %+v, %v", p, err)
	}
}

// A verified client certificate is of the user that it names; one that no one verified, or that names no one, is of
// no one.
func TestClientCertificates(t *testing.T) {
	m, _ := newManager(t, access.Config{})
	of := func(verified bool, c *x509.Certificate) *http.Request {
		return request(func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
			if verified {
				r.TLS.VerifiedChains = [][]*x509.Certificate{{c}}
			}
		})
	}
	named := func(cn string, mails ...string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: cn}, EmailAddresses: mails}
	}
	for what, tt := range map[string]struct {
		request *http.Request
		ok      bool
	}{
		"by its common name":             {of(true, named("ada")), true},
		"in capitals":                    {of(true, named("Ada")), true},
		"not verified":                   {of(false, named("ada")), false},
		"of no one":                      {of(true, named("eve")), false},
		"with a name that is another's":  {of(true, named("ada", "eve@example.com")), false}, // the names in the subjectAltName count
		"with a name that is none":       {of(true, named("../ada\n")), false},
		"with a good and an unknown one": {of(true, named("x", "eve@example.com", "ada")), true},
	} {
		p, err := m.Authenticate(tt.request)
		if (err == nil) != tt.ok || tt.ok && (p.Name != "ada" || p.Way != access.WayCertificate || p.Role != access.Engineer) {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
}

// Behind a proxy the address that the proxy saw counts, and none that the client made up; without one the header
// counts for nothing.
func TestSource(t *testing.T) {
	forwarded := func(values ...string) *http.Request {
		return request(func(r *http.Request) { r.Header["X-Forwarded-For"] = values })
	}
	for _, tt := range []struct {
		proxy  bool
		values []string
		want   string
	}{
		{false, nil, "192.0.2.1"},
		{false, []string{"203.0.113.7"}, "192.0.2.1"},
		{true, nil, "192.0.2.1"},
		{true, []string{"203.0.113.7"}, "203.0.113.7"},
		{true, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{true, []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		{true, []string{"2001:db8::1"}, "2001:db8::1"},
		{true, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{true, []string{"203.0.113.7\nx"}, "192.0.2.1"},
		{true, []string{"unknown"}, "192.0.2.1"},
	} {
		m := access.New(access.Config{BehindProxy: tt.proxy})
		if got := m.Source(forwarded(tt.values...)); got != tt.want {
			t.Errorf("%v %q: %q, want %q", tt.proxy, tt.values, got, tt.want)
		}
		m.Close()
	}
}

// The guard lets a role in that is high enough, tells what is missing, and lets everybody in where no role is needed.
func TestGuard(t *testing.T) {
	m, s := newManager(t, access.Config{})
	tokens := map[access.Role]string{0: ""}
	for _, r := range access.Roles {
		tokens[r] = putToken(t, s, store.Token{Name: r.String(), Role: r.String()})
	}
	for have, text := range tokens {
		for _, least := range append([]access.Role{0}, access.Roles...) {
			var refused error
			in := false
			h := m.Guard(func(*http.Request) access.Role { return least }, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				p, ok := access.From(r.Context())
				if in = true; ok != (have != 0) || p.Role != have {
					t.Errorf("%v is %+v", have, p)
				}
			}), func(_ http.ResponseWriter, _ *http.Request, err error) { refused = err })
			r := request(nil)
			if have != 0 {
				r = bearer(text)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			want := error(access.ErrForbidden)
			if have == 0 {
				want = access.ErrUnauthenticated
			}
			if allowed := have >= least; in != allowed || !allowed && !errors.Is(refused, want) {
				t.Errorf("%v for %v: in %v, error %v", have, least, in, refused)
			}
		}
	}
}

// A request that lasts, such as for events, ends soon after its session.
func TestGuardEndsWhatLasts(t *testing.T) {
	hash(t)
	synctest.Test(t, func(t *testing.T) {
		m, _ := newManager(t, access.Config{})
		defer m.Close()
		c := login(t, m)
		began, ended := make(chan context.Context, 1), make(chan struct{})
		h := m.Guard(func(*http.Request) access.Role { return access.Viewer }, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			began <- r.Context()
			<-r.Context().Done()
			close(ended)
		}), func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) })
		go h.ServeHTTP(httptest.NewRecorder(), withCookie(c))
		ctx := <-began
		time.Sleep(time.Minute)
		if ctx.Err() != nil {
			t.Fatal("a valid request has ended")
		}
		if _, err := m.Logout(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(16 * time.Second)
		select {
		case <-ended:
		default:
			t.Error("it goes on after the log-out")
		}
	})
}
