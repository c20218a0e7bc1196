package lwm2m

import (
	"fmt"
	"log/slog"
)

// A Secret is key material. Printing, logging or marshalling it shows its length only, with any verb;
// only [Secret.Reveal] returns the bytes. The zero Secret is empty.
type Secret struct{ bytes hidden }

// NewSecret returns a Secret of a copy of b.
func NewSecret(b []byte) Secret { return Secret{hide(string(b))} }

// Reveal returns a copy of the bytes.
func (s Secret) Reveal() []byte { return []byte(s.bytes.reveal()) }

// Len is the number of bytes.
func (s Secret) Len() int { return len(s.bytes.reveal()) }

// IsZero reports whether the Secret is empty.
func (s Secret) IsZero() bool { return s.bytes.text == nil }

// Equal reports whether both are the same bytes, in a time that depends on the lengths only.
func (s Secret) Equal(other Secret) bool { return s.bytes.equal(other.bytes) }

// String tells the length, such as "[16 secret bytes]".
func (s Secret) String() string { return fmt.Sprintf("[%d secret bytes]", s.Len()) }

// Format prints [Secret.String] for every verb, %x and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is [Secret.String].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes [Secret.String], never the bytes.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
