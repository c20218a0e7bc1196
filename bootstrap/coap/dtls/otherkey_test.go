package dtls

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestOtherKeys(t *testing.T) {
	var keys otherKeys
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	second := func(want bool, from netip.Addr) {
		t.Helper()
		if got := keys.second("dev", from); got != want {
			t.Errorf("from %v a handshake begins with the second key: %v", from, got)
		}
	}
	second(false, here)
	keys.tried("dev", here, false)
	second(true, here)
	second(false, there)
	keys.tried("dev", here, true)
	second(false, here)
	keys.tried("dev", here, false)
	keys.done("dev", here)
	second(false, here)

	keys.tried("dev", here, false)
	for i := range maxOtherKeys { // as many again make no room yet
		keys.tried(fmt.Sprint(i), there, false)
	}
	second(true, here)
	for i := range 2 * maxOtherKeys {
		keys.tried(fmt.Sprint("other", i), there, false)
	}
	second(false, here)
	if n := len(keys.young) + len(keys.old); n > 2*maxOtherKeys {
		t.Errorf("%d are remembered", n)
	}
}
