package bootstrap

import (
	"context"
	"fmt"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An idleConn is an association on which nothing comes.
type idleConn struct {
	Conn
	done chan struct{}
}

func (c idleConn) Done() <-chan struct{} { return c.done }
func (c idleConn) Peer() auth.Peer       { return auth.Peer{} }

// begins lets a session of device i begin in a registry; why says later why it was told to end.
func begins(t *testing.T, r *registry, i int, proof store.Proof) (cause store.Cause, why func() error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	ep := lwm2m.EndpointName(fmt.Sprint("dev-", i))
	s := &session{endpoint: ep, cancel: cancel, conn: idleConn{done: make(chan struct{})}, quiet: make(chan struct{}), record: store.Session{Endpoint: ep, Proof: proof}}
	if refused := r.add(s); refused != nil {
		cause = refused.Cause
	}
	return cause, func() error { return context.Cause(ctx) }
}

// defaultRegistry returns a registry with the defaults.
func defaultRegistry(t *testing.T) *registry {
	t.Helper()
	cfg, err := Config{Store: struct{ store.Store }{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newRegistry(cfg, nil)
}

// 10,000 devices bootstrap at a time.
func TestSessionsByDefault(t *testing.T) {
	r := defaultRegistry(t)
	for i := range 10_000 {
		if cause, _ := begins(t, r, i, store.ProofIdentity); cause != "" {
			t.Fatalf("device %d is refused: %s", i, cause)
		}
	}
	if cause, _ := begins(t, r, 10_000, store.ProofIdentity); cause != store.CauseBusy || r.count() != 10_000 {
		t.Errorf("one more: cause %q; %d are running", cause, r.count())
	}
}

// 10,000 requests over plain CoAP wait for a first answer of their clients, beside the sessions; the oldest
// makes room.
func TestUnvalidatedRequestsByDefault(t *testing.T) {
	r := defaultRegistry(t)
	var first, second func() error
	for i := range 10_000 {
		_, why := begins(t, r, i, store.ProofNone)
		switch i {
		case 0:
			first = why
		case 1:
			second = why
		}
	}
	if n := r.unvalidatedLen(); n != 10_000 || first() != nil {
		t.Errorf("%d wait; the first ends with %v", n, first())
	}
	if cause, why := begins(t, r, 10_000, store.ProofNone); cause != "" || why() != nil {
		t.Errorf("one more: cause %q, %v", cause, why())
	}
	if n := r.unvalidatedLen(); n != 10_000 || first() == nil || second() != nil {
		t.Errorf("after one more %d wait; the first ends with %v, the second with %v", n, first(), second())
	}
}
