package dtls

import (
	"context"
	"net"
	"testing"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// Records larger than an Ethernet frame are taken as others are, and those that are too
// large are lost; neither ends the association.
func TestDTLSLargeRecords(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	key := lwm2m.NewSecret([]byte("0123456789abcdef"))
	sizes := make(chan int, 10)
	l := listenTest(t, Config{
		PSK: func(string) (lwm2m.Secret, error) { return key, nil },
		Exchange: exchange.Config{Handler: coaptest.HandlerFunc(func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			sizes <- len(r.Payload)
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		})},
	})
	nc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	secure, err := pion.Connect(ctx, pion.Connected{UDPConn: nc}, nc.RemoteAddr(), pion.Client{Identity: "device", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	for i, size := range []int{10, 1300, 2000, 4000, 7900, 8200, 15_000, 11} {
		b := append([]byte{0x41, 2, 0, byte(i), 7, 0xb2, 'b', 's', 0xff}, make([]byte, size)...)
		if _, err := secure.Write(b); err != nil {
			t.Fatal(err)
		}
		if len(b) > message.MaxDatagram {
			continue
		}
		select {
		case got := <-sizes:
			if got != size {
				t.Errorf("%d bytes came as %d", size, got)
			}
		case <-ctx.Done():
			t.Fatalf("%d bytes did not come", size)
		}
	}
	if n := l.Counters().Received; n < 7 || l.Associations() != 1 {
		t.Errorf("%d datagrams received, %d peers", n, l.Associations())
	}
}
