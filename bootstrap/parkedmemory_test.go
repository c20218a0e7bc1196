package bootstrap_test

import (
	"fmt"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/pending"
)

// elsewhere is a client over plain CoAP at an address of its own.
type elsewhere struct {
	*scriptedClient
	remote string
}

func (c elsewhere) Peer() auth.Peer { return auth.Peer{Remote: c.remote, Transport: "coap"} }

// What a device costs that waits, without its association.
func TestMemoryOfParkedSessions(t *testing.T) {
	const devices, limit = 500, 12 << 10 // bytes each
	s := newParkingServer(t, bootstrap.UnknownDevices{}, bootstrap.Config{Pending: pending.Limits{Devices: devices, Plain: devices, Network: devices, PlainNetwork: devices, PlainRate: 4 * devices}})
	took := coaptest.MemoryOf(limit*coaptest.MemoryFactor*devices, func() {
		for i := range devices {
			s.parks(elsewhere{plainClient(nil), fmt.Sprintf("192.0.2.%d:%d", i%200, 5000+i)}, fmt.Sprintf("urn:imei:%015d", i))
		}
	})
	t.Logf("%d bytes for each", took/devices)
	if took > limit*coaptest.MemoryFactor*devices {
		t.Errorf("a parked session takes %d bytes, want %d at the most", took/devices, limit)
	}
	if n := s.server.ParkedCount(); n != devices {
		t.Errorf("%d are parked", n)
	}
}
