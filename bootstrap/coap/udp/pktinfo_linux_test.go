package udp

import (
	"net/netip"
	"testing"
)

// What names the source of a reply is read back as the destination of a datagram: both
// are the local end.
func TestSourceControl(t *testing.T) {
	for _, addr := range []string{"127.0.0.2", "::1", "2001:db8::1"} {
		want := netip.MustParseAddr(addr)
		control := SourceControl(want)
		if got := destination(control); got != want || len(control) > controlSize {
			t.Errorf("%s became %v in %d bytes", addr, got, len(control))
		}
		if got := destination(control[:len(control)-8]); got.IsValid() {
			t.Errorf("a part of %s became %v", addr, got)
		}
	}
	if control := SourceControl(netip.Addr{}); control != nil {
		t.Errorf("no address became %x", control)
	}
	if got := destination(nil); got.IsValid() {
		t.Errorf("nothing became %v", got)
	}
}
