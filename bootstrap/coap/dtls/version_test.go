package dtls

import (
	"testing"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// A client that can do with another version of DTLS only is told so with an alert, before
// anything is remembered of it.
func TestWrongVersionIsRefused(t *testing.T) {
	old := coaptest.HelloOffering([]record.Suite{record.PSKWithAES128CCM8})
	old[1], old[2] = 0xfe, 0xff
	old[record.HeaderSize+record.HandshakeHeader+1] = 0xff
	versions := func(v ...uint16) []byte {
		return coaptest.HelloOffering([]record.Suite{record.PSKWithAES128CCM8}, coaptest.Extension(hello.ExtensionVersions, append([]byte{byte(2 * len(v))}, coaptest.List16(v...)...)...))
	}
	for _, tt := range []struct {
		name  string
		hello []byte
		want  attempt.Protocol
	}{
		{"DTLS 1.0", old, attempt.ProtocolDTLS10},
		{"DTLS 1.3", versions(record.Version13), attempt.ProtocolDTLS13},
		{"DTLS 1.3 beside an unknown version", versions(0x0a0a, record.Version13), attempt.ProtocolDTLS13},
		{"DTLS 1.3 and 1.2", versions(record.Version13, record.Version12), attempt.ProtocolUnreadable},
		{"DTLS 1.2", versions(record.Version12), attempt.ProtocolUnreadable},
		{"something unknown", versions(0x0a0a), attempt.ProtocolUnreadable},
		{"nothing said", coaptest.HelloOffering([]record.Suite{record.PSKWithAES128CCM8}), attempt.ProtocolUnreadable},
	} {
		inSimulation(t, func(cfg *Config) {
			cfg.OtherProtocol = func(o attempt.OtherProtocol) {
				if o.Protocol != tt.want {
					t.Errorf("%s: told of %+v", tt.name, o)
				}
			}
		}, func(b *simulatedListener) {
			peer := peerAt(9)
			var answers [][]byte
			b.connect(peer)
			b.lose = func(_ udp.Peer, up bool, d []byte) bool {
				if !up {
					answers = append(answers, d)
				}
				return true
			}
			b.take(peer, tt.hello)
			if len(answers) != 1 || len(answers[0]) > len(tt.hello) {
				t.Fatalf("%s: answered with %x", tt.name, answers)
			}
			description, isAlert := alertSent(answers[0])
			if isAlert != (tt.want != attempt.ProtocolUnreadable) || isAlert && description != 70 {
				t.Errorf("%s: answered with %x", tt.name, answers)
			}
			if n := b.handshakes(); n != 0 {
				t.Errorf("%s: %d handshakes", tt.name, n)
			}
			time.Sleep(2 * time.Second)
		})
	}
}
