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
