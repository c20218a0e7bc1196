package exchange

import (
	"net/netip"
	"testing"

	"lwbs/bootstrap/coap/admission"
)

// What peers begin and do not end takes so many bytes and no more, of one network a share; the
// oldest goes.
func TestUploadsAreBounded(t *testing.T) {
	us := newUploads()
	network := func(i int) netip.Prefix { return admission.NetworkOf(netip.AddrFrom4([4]byte{192, 0, byte(i), 1})) }
	other := us.begin(network(200))
	var all []*upload
	fill := func(net, n int) {
		for range n {
			u := us.begin(network(net))
			for range 7 {
				us.add(u, make([]byte, 1024))
			}
			all = append(all, u)
			if us.bytes > maxUploadBytes || us.perNet[network(net)] > maxUploadBytesPerNet {
				t.Fatalf("%d bytes are kept, %d of the network", us.bytes, us.perNet[network(net)])
			}
		}
	}
	fill(1, 1000)
	if n, gone := us.length(other); n != 0 || gone {
		t.Error("one network has taken the share of another")
	}
	if n, gone := us.length(all[len(all)-1]); n != 7*1024 || gone {
		t.Error("the newest went")
	}
	if _, gone := us.length(all[0]); !gone {
		t.Error("the oldest is kept")
	}
	for net := range 10 {
		fill(10+net, 200)
	}
	if _, gone := us.length(other); !gone {
		t.Error("the oldest of all is kept")
	}
	for _, u := range all {
		us.take(u)
	}
	if us.bytes != 0 || len(us.perNet) != 0 || us.order.Len() != 0 {
		t.Errorf("%d bytes are counted without an upload", us.bytes)
	}
}
