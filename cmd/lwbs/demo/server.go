package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// A registerSink is the part of an LwM2M Server that a device registers at. It accepts one account.
type registerSink struct {
	listener *coap.Listener

	mu        sync.Mutex
	key       lwm2m.Secret                // guarded by mu
	endpoints map[lwm2m.EndpointName]bool // guarded by mu
}

func newRegisterSink() (*registerSink, error) {
	s := &registerSink{endpoints: make(map[lwm2m.EndpointName]bool)}
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{Handler: s, PSK: s.psk})
	s.listener = l
	return s, err
}

func (s *registerSink) addr() string { return s.listener.Addr().String() }

func (s *registerSink) close() { _ = s.listener.Close() }

// accept sets the account that a device may register with.
func (s *registerSink) accept(a admin.Account) {
	key, _ := hex.DecodeString(a.Key) // the admin API encoded it
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = lwm2m.NewSecret(key)
}

func (s *registerSink) psk(identity string) (key lwm2m.Secret, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if identity == string(demoEndpoint) {
		key = s.key
	}
	return key, nil
}

func (s *registerSink) registered(ep lwm2m.EndpointName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints[ep]
}

// ServeRequest answers a Register (Core 1.1.1 §6.2.1).
func (s *registerSink) ServeRequest(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	if r.Method != bootstrap.POST || fmt.Sprint(r.Path) != "[rd]" {
		return bootstrap.Response{Code: lwm2m.CodeNotFound}, nil
	}
	for _, q := range r.Queries {
		if name, ok := strings.CutPrefix(q, "ep="); ok {
			s.mu.Lock()
			s.endpoints[lwm2m.EndpointName(name)] = true
			s.mu.Unlock()
			return bootstrap.Response{Code: lwm2m.CodeCreated}, nil
		}
	}
	return bootstrap.Response{Code: lwm2m.CodeBadRequest}, nil
}

// credentials returns the PSK identity and key of a device, from the answer that has its keys.
func credentials(d admin.Device) (string, lwm2m.Secret, error) {
	if len(d.Credentials) != 1 {
		return "", lwm2m.Secret{}, fmt.Errorf("device %q has %d credentials, not one", d.Endpoint, len(d.Credentials))
	}
	key, err := hex.DecodeString(d.Credentials[0].Key)
	return d.Credentials[0].Identity, lwm2m.NewSecret(key), err
}
