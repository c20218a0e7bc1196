package device

import (
	"testing"
)

func TestSecretPath(t *testing.T) {
	for text, valid := range map[string]bool{
		"/11/0/6": true, "/10/3/2": true, "/23/0/2": true, "/24/1/8": true,
		"/11/0": false, "/11/0/1": false, "/0/1/5": false, "/21/0/0": false, "11/0/6": false, "/9999/0/1": false, "": false,
	} {
		if path, err := secretPath(text); valid != (err == nil) || valid && path.String() != text {
			t.Errorf("%q: %v, %v, want valid %v", text, path, err, valid)
		}
	}
}
