package dtls

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

var noPanics = bootstrap.NewPanics(slog.New(slog.DiscardHandler))

func TestKeyFinder(t *testing.T) {
	keys := map[string]lwm2m.Secret{
		"device": lwm2m.NewSecret([]byte("sixteen bytes  .")),
		"empty":  {},
		"\x00":   lwm2m.NewSecret([]byte{1}),
	}
	lookup := func(identity string) (lwm2m.Secret, bool) { s, ok := keys[identity]; return s, ok }
	newFinder := func() *keyFinder {
		f := newKeyFinder(lookup, noPanics)
		go f.serve(t.Context())
		return f
	}
	f := newFinder()

	for _, identity := range []string{"device", "\x00"} {
		key, known, err := f.find(t.Context(), identity)
		if !bytes.Equal(key, keys[identity].Reveal()) || !known || err != nil {
			t.Errorf("%q: %d bytes, %t, %v", identity, len(key), known, err)
		}
	}
	made := make(map[string]string)
	for _, identity := range []string{"unknown", "unknown-2", "empty", strings.Repeat("x", maxIdentity)} {
		key, known, err := f.find(t.Context(), identity)
		if len(key) != decoyKeySize || known || err != nil {
			t.Errorf("%q: %d bytes, %t, %v", identity, len(key), known, err)
		}
		if again, _, _ := f.find(t.Context(), identity); !bytes.Equal(key, again) {
			t.Errorf("%q gets another key each time", identity)
		}
		if other, _, _ := newFinder().find(t.Context(), identity); bytes.Equal(key, other) {
			t.Errorf("%q gets the same key in every process", identity)
		}
		if twin, ok := made[string(key)]; ok {
			t.Errorf("%q and %q get the same key", identity, twin)
		}
		made[string(key)] = identity
	}
	for _, identity := range []string{"", strings.Repeat("x", maxIdentity+1)} {
		if key, _, err := f.find(t.Context(), identity); !errors.Is(err, ErrIdentity) || key != nil {
			t.Errorf("%q: %d bytes, %v", identity, len(key), err)
		}
	}
}

// At the end no handshake waits for a key.
func TestKeyFinderEnds(t *testing.T) {
	f := newKeyFinder(func(string) (lwm2m.Secret, bool) { return lwm2m.NewSecret([]byte("key")), true }, noPanics)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.serve(ctx)
	if key, known, err := f.find(ctx, "device"); len(key) != decoyKeySize || known || err != nil {
		t.Errorf("%d bytes, %t, %v", len(key), known, err)
	}
}
