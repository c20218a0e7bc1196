package main

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"
)

// sendTo sends a datagram to an address, from the address that it returns.
func (sh *shell) sendTo(addr string, b []byte) (from string) {
	sh.t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		sh.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(b); err != nil {
		sh.t.Fatal(err)
	}
	return conn.LocalAddr().String()
}

// DTLS to the plain port and plain CoAP to the DTLS port leave a record that says so, with the
// address, under which it is found; the device whose name is in it is none the worse for it.
func TestWrongPort(t *testing.T) {
	sh := newShell(t)
	sh.serve("--coap", "127.0.0.1:0")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --no-sec")
	hello, err := hex.DecodeString("16feff00000000000000000010" + "01" + strings.Repeat("00", 15))
	if err != nil {
		t.Fatal(err)
	}
	sh.sendTo(sh.coap, hello)
	from := sh.sendTo(sh.coaps, []byte("\x44\x02\x00\x01\x01\x02\x03\x04\xb2bs\x48ep=dev-1"))
	var failed string
	for deadline := time.Now().Add(20 * time.Second); strings.Count(failed, "wrong-port") < 2; {
		if failed = sh.ok("session list --failed"); time.Now().After(deadline) {
			t.Fatalf("after 20 s the history has\n%s", failed)
		}
	}
	contains(t, "session list --failed", failed, "(unknown)", "coap://127.0.0.1:", "(unknown, as dev-1)", "coaps://"+from, "datagram")
	contains(t, "why ADDRESS", sh.ok("why 127.0.0.1"), "it speaks DTLS to the port for plain CoAP", "the port of the coaps address",
		"it speaks plain CoAP to the port for DTLS: POST /bs?ep=dev-1", "lwbs device set dev-1 --no-sec")
	contains(t, "why ADDRESS:PORT", sh.ok("why coaps://"+from), "it speaks plain CoAP")
	contains(t, "why DEVICE", sh.ok("why dev-1"), "it speaks plain CoAP to the port for DTLS")
	contains(t, "device list", sh.ok("device list"), "wrong-port (not proved)")
	lacks(t, "device get", sh.ok("device get dev-1 --json"), `"last"`)
	status, _, errs := sh.run("why 192.0.2.1")
	if status != exitFailed || !strings.Contains(errs, "has no attempt from 192.0.2.1") {
		t.Errorf("why of an address that nothing came from: status %d, %s", status, errs)
	}
}
