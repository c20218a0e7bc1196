//go:build interop

package interop_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// An account is the part of an LwM2M Server Account that lets a device in.
type account struct {
	endpoint, identity string
	key                string // hexadecimal
}

// A registration is how a device is known at an LwM2M Server.
type registration struct {
	Endpoint string
	Identity string // the PSK identity that it proved; empty over plain CoAP
	Version  string // of LwM2M
	Binding  string
	Lifetime int // seconds
}

// A sink is an LwM2M Server where devices register. Over coaps it takes the account it
// was told about, and no other.
type sink interface {
	uri(scheme string) string
	accept(t *testing.T, a account)
	registered(t *testing.T) registration // waits for the next one
}

// A leshanSink is a server on Leshan.
type leshanSink struct {
	*process
	listening event
}

func newLeshanSink(t *testing.T) sink {
	t.Helper()
	p := start(t, "Leshan server", exec.Command("java", "-jar", leshanJar("server")))
	return leshanSink{process: p, listening: p.await(t, "listening")}
}

// leshanJar is the program with this name.
func leshanJar(name string) string {
	return filepath.Join("..", "..", "testdata", "leshan", name, "target", name+".jar")
}

func (s leshanSink) uri(scheme string) string {
	if scheme == "coaps" {
		return s.listening.CoAPS
	}
	return s.listening.CoAP
}

func (s leshanSink) accept(t *testing.T, a account) {
	t.Helper()
	s.say(t, "psk "+a.endpoint+" "+a.identity+" "+a.key)
	s.await(t, "accepts")
}

// trigger executes the Bootstrap-Request Trigger (/1/x/9) of a registered device.
func (s leshanSink) trigger(t *testing.T, endpoint string) {
	t.Helper()
	s.say(t, "trigger "+endpoint)
	if e := s.await(t, "triggered"); e.Code != "CHANGED(204)" {
		t.Errorf("the device answers its Bootstrap-Request Trigger with %s", e.Code)
	}
}

func (s leshanSink) registered(t *testing.T) registration {
	t.Helper()
	e := s.await(t, "registered")
	return registration{
		Endpoint: e.Endpoint, Identity: e.Identity, Version: e.Version, Binding: e.Binding, Lifetime: e.Lifetime,
	}
}
