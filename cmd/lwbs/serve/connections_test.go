package serve

import (
	"net"
	"testing"
)

// A listener that is full closes the connection that is there for longest, and no other.
func TestYieldingListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &yieldingListener{Listener: inner, limit: 2}
	defer l.Close()
	var accepted []net.Conn
	for range 4 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		a, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		accepted = append(accepted, a)
		if len(accepted) == 2 {
			a.Close() // by itself, which makes room
		}
	}
	for i, open := range []bool{false, false, true, true} {
		_, err := accepted[i].Write([]byte("x"))
		if (err == nil) != open {
			t.Errorf("connection %d: %v, open should be %v", i, err, open)
		}
	}
}

// The address of --metrics has 64 connections.
func TestConnectionsOfTheMonitor(t *testing.T) {
	l, err := listenMonitor("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted []net.Conn
	come := func() {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		a, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, a)
	}
	for range 64 {
		come()
	}
	for i, a := range accepted {
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("of 64 connection %d is closed: %v", i, err)
		}
	}
	come()
	for i, a := range accepted {
		if _, err := a.Write([]byte("x")); (err == nil) != (i > 0) {
			t.Errorf("of 65 connection %d: %v", i, err)
		}
	}
}
