package web_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/bootstrap/admin/web/glance"
	"lwbs/bootstrap/admin/why"
	"lwbs/store"
)

// slowNames is an API that takes until it is told to compare names, or until whoever asks has gone.
type slowNames struct {
	admin.API
	compared chan struct{}
}

func (s slowNames) Why(ctx context.Context, name string, limit int) (why.Answer, error) {
	select {
	case <-s.compared:
		return why.Answer{Name: name, Near: []store.NearDevice{{Endpoint: "similar-device"}}}, nil
	case <-ctx.Done():
		return why.Answer{}, ctx.Err()
	}
}

// A search for what there is not is answered soon, however many names there are, and says that it goes on elsewhere: there
// all names are compared.
func TestSearchWithoutAHitIsBounded(t *testing.T) {
	r := newRig(t)
	api := slowNames{r.local, make(chan struct{})}
	pages := web.New(web.Config{API: api, Log: r.pages.Log})
	t.Cleanup(pages.Close)
	ask := func(path string) string {
		t.Helper()
		q := httptest.NewRequest(http.MethodGet, path, nil)
		ctx, cancel := context.WithTimeout(access.With(q.Context(), as(access.Viewer)), time.Minute)
		defer cancel()
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, q.WithContext(ctx))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return html.UnescapeString(w.Body.String())
	}
	const all = "/devices?q=nothing+so&similar=all"
	if body := ask("/devices?q=nothing+so"); !strings.Contains(body, `<a href="`+all+`">compare it with all</a>`) || strings.Contains(body, "Or do you mean") {
		t.Errorf("%s", body)
	}
	close(api.compared)
	if body := ask(all); !strings.Contains(body, "similar-device") || strings.Contains(body, "There was no time") {
		t.Errorf("%s", body)
	}
}

// A page does not wait for what took longer before than it would wait: it shows the last value.
func TestSlowValuesAreNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		c := glance.New(ctx, func(context.Context) (int, error) {
			time.Sleep(time.Second)
			n++
			return n, nil
		})
		wait := func(want int, longest time.Duration) {
			t.Helper()
			began := time.Now()
			if got := c.Get(ctx, 60*time.Millisecond); got.Of != want || time.Since(began) > longest {
				t.Errorf("%d after %v, want %d", got.Of, time.Since(began), want)
			}
		}
		wait(0, 60*time.Millisecond) // there is none yet
		time.Sleep(2 * time.Second)
		wait(1, 0)
		time.Sleep(time.Minute)
		wait(1, 0) // it has grown old, and is computed
		time.Sleep(2 * time.Second)
		wait(2, 0)
		cancel()
		c.Wait()
	})
}
