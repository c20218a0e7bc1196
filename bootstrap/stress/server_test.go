package stress_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ackTimeout is that of both sides: a twentieth of what is usual, so that no test has to
// wait (RFC 7252 §4.8). In a storm it is longer on a slow machine.
const ackTimeout = 100 * time.Millisecond

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// blockSize is that of the server, in bytes: a Write takes several.
const blockSize = 64

// A server is a Bootstrap-Server that knows devices.
type server struct {
	*testing.T
	db    *bolt.DB
	core  *bootstrap.Server
	udp   *coap.Listener
	dtls  *coap.Listener
	ended chan store.Session // in any order

	ackTimeout time.Duration  // of both sides
	revision   store.Revision // of the profile
}

func endpoint(i int) lwm2m.EndpointName {
	return lwm2m.EndpointName(fmt.Sprintf("urn:dev:stress-%04d", i))
}

func key(i int) lwm2m.Secret { return lwm2m.NewSecret(fmt.Appendf(nil, "key of device %04d", i)) }

// newServer returns a server that knows n devices and ends with the test.
func newServer(t *testing.T, n int) *server {
	t.Helper()
	s := &server{T: t, ended: make(chan store.Session, 100*n), ackTimeout: ackTimeout}
	keyring, err := seal.NewKeyring()
	s.ok(err)
	s.db, err = bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	s.ok(err)
	t.Cleanup(func() { s.db.Close() })
	s.putProfile()
	for i := range n {
		s.putDevice(i)
	}
	s.core, err = bootstrap.NewServer(bootstrap.Config{Store: s.db, Observe: func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			s.ended <- e.Session
		}
	}})
	s.ok(err)
	t.Cleanup(func() { s.core.Close() })
	cfg := coap.Config{Handler: s.core, PSK: s.core.PSK, HandshakeFailed: s.core.HandshakeFailed}
	s.udp, err = coap.ListenUDP("127.0.0.1:0", cfg)
	s.ok(err)
	t.Cleanup(func() { s.udp.Close() })
	s.dtls, err = coap.ListenDTLS("127.0.0.1:0", cfg)
	s.ok(err)
	t.Cleanup(func() { s.dtls.Close() })
	return s
}

func (s *server) putProfile() {
	s.Helper()
	kept, err := s.db.PutProfile(s.Context(), store.Profile{
		Name: "p", Revision: s.revision, SecretsOverNoSec: true, Device: store.DeviceLimits{AckTimeout: store.Duration(s.ackTimeout), BlockSize: blockSize},
		Accounts: []store.Account{{Name: "main", URI: "coaps://lwm2m.example.com:5684", ShortServerID: 101}},
	})
	s.ok(err)
	s.revision = kept.Revision
}

func (s *server) putDevice(i int) {
	s.Helper()
	_, err := s.db.PutDevice(s.Context(), store.Device{Endpoint: endpoint(i), Profile: "p", NoSec: true, Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: string(endpoint(i)), Key: key(i)},
	}})
	s.ok(err)
}

func (s *server) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
