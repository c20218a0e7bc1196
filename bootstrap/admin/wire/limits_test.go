package wire

import (
	"strings"
	"testing"
)

// In the object of a body values lie 32 deep within each other.
func TestDepthOfABody(t *testing.T) {
	for depth, valid := range map[int]bool{1: true, 31: true, 32: true, 33: false, 100_000: false} {
		for open, end := range map[string]string{"[": "]", `{"a":`: "}"} {
			var into struct{ V any }
			text := `{"V":` + strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth) + "}"
			err := DecodeObject([]byte(text), &into)
			if valid != (err == nil) || !valid && !strings.Contains(err.Error(), "more than 32 deep") {
				t.Errorf("%d times %q: %v", depth, open, err)
			}
		}
	}
}
