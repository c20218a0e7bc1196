package openid_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
)

// slowIssuer can be discovered, and answers at its token endpoint when it is told to.
type slowIssuer struct {
	answer chan struct{}
}

func (s slowIssuer) RoundTrip(q *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	if q.URL.Path == "/t" {
		select {
		case <-s.answer:
		case <-q.Context().Done():
			return nil, q.Context().Err()
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.WriteString(`{"error": "invalid_grant"}`)
		return w.Result(), nil
	}
	_, _ = w.WriteString(`{"issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/a", "token_endpoint": "https://idp.example/t", "jwks_uri": "https://idp.example/k"}`)
	return w.Result(), nil
}

// comesBack begins a log-in, and returns the request with which the browser comes back.
func comesBack(t *testing.T, p *openid.Provider) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	if err := p.Begin(w, httptest.NewRequest("GET", "http://lwbs.example/login/oidc", nil), "/"); err != nil {
		t.Fatal(err)
	}
	to, err := w.Result().Location()
	if err != nil {
		t.Fatal(err)
	}
	q := httptest.NewRequest("GET", "http://lwbs.example/login/oidc/return?code=c&state="+to.Query().Get("state"), nil)
	q.AddCookie(w.Result().Cookies()[0])
	return q
}

func slowProvider(t *testing.T) (*openid.Provider, slowIssuer) {
	t.Helper()
	s := slowIssuer{make(chan struct{})}
	p, err := openid.New(openid.Config{Issuer: "https://idp.example", ClientID: "lwbs", Roles: map[string]access.Role{"a": access.Admin}, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// A log-in that takes too long is over.
func TestLogInsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := slowProvider(t)
		defer p.Close()
		q := comesBack(t, p)
		time.Sleep(openid.FlowTime + time.Second)
		if _, _, _, err := p.Finish(httptest.NewRecorder(), q, "x"); err == nil || !strings.Contains(err.Error(), "took more than 10m") {
			t.Errorf("%v", err)
		}
	})
}

// While the issuer is slow, so many log-ins wait for it, others are told to come again, and none waits without end.
func TestLogInsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := slowProvider(t)
		defer p.Close()
		finish := func(q *http.Request) string {
			_, _, _, err := p.Finish(httptest.NewRecorder(), q, "x")
			if err == nil {
				return ""
			}
			return err.Error()
		}
		var waiting sync.WaitGroup
		for range openid.MaxWorking {
			q := comesBack(t, p)
			waiting.Go(func() {
				if got := finish(q); !strings.Contains(got, "cannot be asked at the moment: it does not answer") {
					t.Errorf("%q", got)
				}
			})
		}
		synctest.Wait()
		if got := finish(comesBack(t, p)); !strings.Contains(got, "too many log-ins") {
			t.Errorf("%q", got)
		}
		began := time.Now()
		waiting.Wait()
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("they waited for %v", took)
		}
		close(s.answer)
		if got := finish(comesBack(t, p)); !strings.Contains(got, "did not accept") {
			t.Errorf("%q", got)
		}
	})
}

// So many states are remembered as used.
func TestUsedStatesAreBounded(t *testing.T) {
	if n := openid.UsedAfter(openid.MaxUsed + 100); n != openid.MaxUsed {
		t.Errorf("%d are remembered", n)
	}
}
