package certificate

import (
	"testing"

	"lwbs/bootstrap/certtest"
)

// Eight certificates are taken, and not a ninth.
func TestLengthOfAChain(t *testing.T) {
	below := certtest.NewAuthority(t, "Root")
	for range 7 {
		below = below.Authority(t, "Below")
	}
	raw := below.Client(t, "device").Certificate
	for n, valid := range map[int]bool{1: true, 8: true, 9: false} {
		for len(raw) < n {
			raw = append(raw, raw[len(raw)-1])
		}
		chain, err := ParseChain(raw[:n])
		if (err == nil) != valid || valid && len(chain) != n {
			t.Errorf("of %d certificates %d are read, %v; valid %v", n, len(chain), err, valid)
		}
	}
}
