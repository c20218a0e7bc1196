package dtls

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"lwbs/bootstrap/coap/dtls/pskhandshake"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

var noPanics = panics.New(slog.New(slog.DiscardHandler))

func TestKeyFinder(t *testing.T) {
	keys := map[string]lwm2m.Secret{
		"device": lwm2m.NewSecret([]byte("sixteen bytes  .")),
		"empty":  {},
		"\x00":   lwm2m.NewSecret([]byte{1}),
	}
	lookup := func(identity string) (lwm2m.Secret, error) { return keys[identity], nil }
	f := newKeyFinder(lookup, nil, noPanics)

	for _, identity := range []string{"device", "\x00"} {
		key, known, err := f.find(identity)
		if !bytes.Equal(key, keys[identity].Reveal()) || !known || err != nil {
			t.Errorf("%q: %d bytes, %t, %v", identity, len(key), known, err)
		}
	}
	made := make(map[string]string)
	for _, identity := range []string{"unknown", "unknown-2", "empty", strings.Repeat("x", pskhandshake.MaxIdentity)} {
		key, known, err := f.find(identity)
		if len(key) != decoyKeySize || known || err != nil {
			t.Errorf("%q: %d bytes, %t, %v", identity, len(key), known, err)
		}
		if again, _, _ := f.find(identity); !bytes.Equal(key, again) {
			t.Errorf("%q gets another key each time", identity)
		}
		if other, _, _ := newKeyFinder(lookup, nil, noPanics).find(identity); bytes.Equal(key, other) {
			t.Errorf("%q gets the same key in every process", identity)
		}
		if twin, ok := made[string(key)]; ok {
			t.Errorf("%q and %q get the same key", identity, twin)
		}
		made[string(key)] = identity
	}
	for _, identity := range []string{"", strings.Repeat("x", pskhandshake.MaxIdentity+1)} {
		if key, _, err := f.find(identity); !errors.Is(err, ErrIdentity) || key != nil {
			t.Errorf("%q: %d bytes, %v", identity, len(key), err)
		}
	}
}

// A panic of the lookup is that of one handshake, which goes on as with an unknown identity.
func TestKeyFinderPanics(t *testing.T) {
	f := newKeyFinder(func(string) (lwm2m.Secret, error) { panic("lookup") }, nil, noPanics)
	if key, known, err := f.find("device"); len(key) != decoyKeySize || known || err != nil {
		t.Errorf("%d bytes, %t, %v", len(key), known, err)
	}
}
