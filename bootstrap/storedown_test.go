package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A downStore does not answer look-ups of devices while it is down.
type downStore struct {
	store.Store
	down bool
}

func (s *downStore) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	if s.down {
		return store.Device{}, fmt.Errorf("%w: connection refused", store.ErrUnreachable)
	}
	return s.Store.DeviceByIdentity(ctx, kind, identity)
}

// Where the store does not answer during a handshake, no one says that the identity is unknown: neither the look-up of the
// key nor the record of the attempt.
func TestHandshakeWhileTheStoreIsDown(t *testing.T) {
	lookUp := fmt.Errorf("%w: connection refused", auth.ErrLookUp)
	unknown := errors.New("handshake timed out")
	tests := []struct {
		what           string
		downAfterwards bool
		err            error // of the handshake
		want           store.Cause
		detail         string
	}{
		{"the key was not looked up", false, lookUp, store.CauseInternal, "the store failed: connection refused"},
		{"it is still down", true, lookUp, store.CauseInternal, "the store failed: connection refused"},
		{"it went down after that", true, unknown, store.CauseInternal, "the store failed: "},
		{"it is up, and the key differs", false, auth.ErrKeyDiffers, store.CauseKeyDiffers, ""},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			down := &downStore{Store: openBrittle(t, store.Profile{Name: "p"}).Store}
			server, err := bootstrap.NewServer(bootstrap.Config{Store: down})
			check(t, err)
			down.down = true
			if key, err := server.PSK("id"); !errors.Is(err, auth.ErrLookUp) || !key.IsZero() {
				t.Errorf("while it is down: %v", err)
			}
			down.down = test.downAfterwards
			if key, err := server.PSK("id"); !test.downAfterwards && (err != nil || !key.Equal(lwm2m.NewSecret([]byte("k")))) {
				t.Errorf("after that: %v", err)
			}
			server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Identity: "id", Started: time.Now(), Err: test.err})
			check(t, server.Close())
			kept, err := down.Sessions(t.Context(), store.SessionQuery{Limit: 5})
			check(t, err)
			if len(kept) != 1 || kept[0].Cause != test.want || !strings.HasPrefix(kept[0].Detail, test.detail) {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}
