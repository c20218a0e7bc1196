package openid_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/openid/issuertest"
)

// What is wrong with an issuer is told in a few words, and in more of them in the log.
func TestIssuersThatCannotBeUsed(t *testing.T) {
	meta := func(name string, value any) issuertest.Behaviour {
		return issuertest.Behaviour{Metadata: map[string]any{name: value}}
	}
	for name, tt := range map[string]struct {
		does issuertest.Behaviour
		want string
	}{
		"down":                       {issuertest.Behaviour{Down: true}, "it does not answer as an issuer does"},
		"of another name":            {issuertest.Behaviour{Issuer: "https://evil.example"}, "it says that it is another issuer"},
		"endless":                    {issuertest.Behaviour{Huge: true}, "it does not answer as an issuer does"},
		"keys without TLS":           {meta("jwks_uri", "http://idp.example/keys"), "its discovery document cannot be used"},
		"no token endpoint":          {meta("token_endpoint", nil), "its discovery document cannot be used"},
		"a script as the way out":    {meta("end_session_endpoint", "javascript:alert(1)"), "its discovery document cannot be used"},
		"a log-in page without TLS":  {meta("authorization_endpoint", "http://idp.example/a"), "its discovery document cannot be used"},
		"a log-in page that is none": {meta("authorization_endpoint", 7), "it does not answer as an issuer does"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.does, nil)
			if got := r.browser().logIn(); !strings.HasPrefix(got, "refused: the issuer cannot be used: "+tt.want) {
				t.Errorf("%q", got)
			}
			if _, problem, since := r.provider.Status(); problem != tt.want || time.Since(since) > time.Hour {
				t.Errorf("%q since %v", problem, since)
			}
			if text := r.log.String(); !strings.Contains(text, "the OIDC issuer cannot be used") || len(text) > 2000 {
				t.Errorf("the log has %.2000s", text)
			}
		})
	}
	r := newRig(t, issuertest.Behaviour{}, func(c *openid.Config) { c.Issuer = "http://127.0.0.1:1" })
	if got := r.browser().logIn(); !strings.Contains(got, "it does not answer.") {
		t.Errorf("%q", got)
	}
}

// An issuer that goes away after it was discovered is told of, and the next log-in is possible when it is back.
func TestIssuerGoesAway(t *testing.T) {
	r := newRig(t, issuertest.Behaviour{}, nil)
	if got := r.browser().logIn(); !strings.HasPrefix(got, "ada@") {
		t.Fatalf("%q", got)
	}
	b := r.browser()
	b.CheckRedirect = func(q *http.Request, _ []*http.Request) error {
		if q.URL.Path == openid.ReturnPath {
			r.issuer.Set(issuertest.Behaviour{Down: true})
		}
		return nil
	}
	if got := b.logIn(); !strings.HasPrefix(got, "refused: ") {
		t.Errorf("%q", got)
	}
	r.issuer.Set(issuertest.Behaviour{})
	if got := r.browser().logIn(); !strings.HasPrefix(got, "ada@") {
		t.Errorf("%q", got)
	}
}

// viaHandler answers requests without a network.
type viaHandler struct {
	h     http.Handler
	down  *atomic.Bool
	tries *atomic.Int32
}

func (v viaHandler) RoundTrip(q *http.Request) (*http.Response, error) {
	v.tries.Add(1)
	if v.down.Load() {
		return nil, errors.New("no route to host")
	}
	w := httptest.NewRecorder()
	v.h.ServeHTTP(w, q)
	return w.Result(), nil
}

// An issuer that cannot be reached is asked again, less and less often, at most once in 5 s however many people want
// to log in, and once an hour when it is there.
func TestDiscoveryIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		var tries atomic.Int32
		down.Store(true)
		issuer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a", "token_endpoint": "https://idp.example/t", "jwks_uri": "https://idp.example/k"}`))
		})
		p, err := openid.New(openid.Config{Issuer: "https://idp.example", ClientID: "lwbs", Roles: map[string]access.Role{"a": access.Admin}, Transport: viaHandler{issuer, &down, &tries}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		began := time.Now()
		synctest.Wait()
		ask := func() error {
			return p.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "http://lwbs.example/login/oidc", nil), "/")
		}
		for range 100 {
			if ask() == nil {
				t.Fatal("a log-in begins without an issuer")
			}
		}
		if n := tries.Load(); n != 1 {
			t.Errorf("%d tries for 100 people", n)
		}
		time.Sleep(10*time.Minute + time.Second)
		if n := tries.Load(); n < 10 || n > 20 {
			t.Errorf("%d tries in 10 minutes", n)
		}
		if _, problem, since := p.Status(); problem != "it does not answer" || !since.Equal(began) {
			t.Errorf("%q since %v", problem, since)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if _, problem, since := p.Status(); problem != "" || !since.IsZero() || ask() != nil {
			t.Errorf("%q since %v", problem, since)
		}
		before := tries.Load()
		down.Store(true)
		time.Sleep(2 * time.Hour)
		if n := tries.Load() - before; n < 60 || n > 130 {
			t.Errorf("%d tries in two hours", n)
		}
		if _, problem, _ := p.Status(); problem == "" || ask() != nil {
			t.Errorf("%q: what was known of it before is still good for a log-in: %v", problem, ask())
		}
	})
}
