package lwm2m_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"lwbs/lwm2m"
)

const keyText = "s3cr3t-key-bytes"

// spellings are the ways in which the bytes of keyText could show.
var spellings = []string{
	"s3cr3t",
	"733363723374",         // hexadecimal
	"115 51 99 114 51 116", // a slice of numbers
	"0x73, 0x33, 0x63",     // Go syntax
	"czNjcjN0",             // Base64
}

func mustNotShow(t *testing.T, how, printed string) {
	t.Helper()
	for _, s := range spellings {
		if strings.Contains(strings.ToLower(printed), strings.ToLower(s)) {
			t.Errorf("%s shows the key: %s", how, printed)
			return
		}
	}
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%x", "% X", "%q", "%d", "%o", "%p", "%w", "%T", "%U", "%!"}

func TestSecretIsNeverPrinted(t *testing.T) {
	secret := lwm2m.NewSecret([]byte(keyText))
	type exported struct{ Key lwm2m.Secret }
	type unexported struct{ key lwm2m.Secret } // fmt calls no method of it
	testNeverPrinted(t, map[string]any{
		"itself":               secret,
		"pointer":              &secret,
		"in a struct":          exported{secret},
		"in a pointer":         &exported{secret},
		"in a slice":           []lwm2m.Secret{secret},
		"in a map":             map[string]lwm2m.Secret{"k": secret},
		"in an interface":      []any{secret},
		"in a hidden field":    unexported{secret},
		"in a hidden slice":    struct{ keys []lwm2m.Secret }{[]lwm2m.Secret{secret}},
		"behind a hidden link": struct{ to *lwm2m.Secret }{&secret},
	})
}

func TestOpaqueValueIsNeverPrinted(t *testing.T) {
	value := lwm2m.OpaqueValue([]byte(keyText))
	resource := lwm2m.Single(5, value)
	object := lwm2m.Object{Instances: []lwm2m.Instance{{Resources: []lwm2m.Resource{resource}}}}
	testNeverPrinted(t, map[string]any{
		"itself":            value,
		"pointer":           &value,
		"in a resource":     resource,
		"in an object":      object,
		"in objects":        []lwm2m.Object{object},
		"in a hidden field": struct{ o lwm2m.Object }{object},
	})
}

func testNeverPrinted(t *testing.T, holders map[string]any) {
	for name, v := range holders {
		t.Run(name, func(t *testing.T) {
			for _, verb := range verbs {
				mustNotShow(t, verb, fmt.Sprintf(verb, v))
			}
			mustNotShow(t, "Errorf", fmt.Errorf("load %v: %w", v, errors.New("x")).Error())
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			mustNotShow(t, "JSON", string(out))
			for how, logger := range loggers() {
				mustNotShow(t, how, logger(v))
			}
		})
	}
}

func loggers() map[string]func(any) string {
	return map[string]func(any) string{
		"slog text": func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
			return b.String()
		},
		"slog JSON": func(v any) string {
			var b bytes.Buffer
			slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
			return b.String()
		},
	}
}

func TestSecretTellsItsLength(t *testing.T) {
	secret := lwm2m.NewSecret([]byte(keyText))
	const want = "[16 secret bytes]"
	text, err := secret.MarshalText()
	if err != nil || string(text) != want || secret.String() != want || fmt.Sprintf("%x", secret) != want {
		t.Errorf("it prints as %v, %q and %x, want %s", secret, text, secret, want)
	}
	if got := secret.LogValue().String(); got != want {
		t.Errorf("LogValue = %s, want %s", got, want)
	}
	if secret.Len() != 16 || secret.IsZero() || string(secret.Reveal()) != keyText {
		t.Errorf("Len = %d, IsZero = %v, Reveal = %q", secret.Len(), secret.IsZero(), secret.Reveal())
	}
}

func TestSecretCompares(t *testing.T) {
	a, b := lwm2m.NewSecret([]byte(keyText)), lwm2m.NewSecret([]byte(keyText))
	if !a.Equal(b) {
		t.Error("two Secrets of the same bytes differ")
	}
	if a.Equal(lwm2m.NewSecret([]byte("other"))) {
		t.Error("two Secrets of other bytes are equal")
	}
	if empty := lwm2m.NewSecret(nil); !empty.Equal(lwm2m.Secret{}) || !empty.IsZero() || empty.Len() != 0 || len(empty.Reveal()) != 0 {
		t.Errorf("the Secret of no bytes is %v, want the zero Secret", empty)
	}
}

func TestSecretCopiesItsBytes(t *testing.T) {
	in := []byte(keyText)
	secret := lwm2m.NewSecret(in)
	in[0] = 'X'
	secret.Reveal()[1] = 'X'
	if got := string(secret.Reveal()); got != keyText {
		t.Errorf("Reveal = %q, want %q", got, keyText)
	}
}
