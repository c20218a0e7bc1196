package admin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/server"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A waitingStore looks a device up until its caller does not wait any more, or fails.
type waitingStore struct {
	admin.Backend
	asked chan struct{}
	fails error
}

func (s waitingStore) Device(ctx context.Context, _ lwm2m.EndpointName) (store.Device, error) {
	if s.fails != nil {
		return store.Device{}, s.fails
	}
	close(s.asked)
	<-ctx.Done()
	return store.Device{}, ctx.Err()
}

// A caller who goes away before the answer is no fault of the server; a store that fails is.
func TestCallerWhoGoesIsNoFault(t *testing.T) {
	for _, fails := range []error{nil, errors.New("input/output error")} {
		log := new(logText)
		s := waitingStore{asked: make(chan struct{}), fails: fails}
		server := server.New(&admin.Local{Store: s}, slog.New(slog.NewTextHandler(log, nil)), nil)
		ctx, cancel := context.WithCancel(access.With(t.Context(), access.Principal{Role: access.Viewer}))
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/devices/dev-1", nil)
		w := httptest.NewRecorder()
		done := make(chan struct{})
		go func() {
			defer close(done)
			server.ServeHTTP(w, r)
		}()
		if fails == nil {
			<-s.asked
			cancel()
		}
		<-done
		cancel()
		body, err := io.ReadAll(w.Result().Body)
		check(t, err)
		if got := strings.Contains(log.String(), "level=ERROR"); got != (fails != nil) {
			t.Errorf("a store that fails with %v: status %d, %s, log %s", fails, w.Code, body, log)
		}
	}
}
