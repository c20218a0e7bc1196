package main

import (
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A device that goes on with an association which the server does not have is told of under
// its name, with what to do; what it was last is still its state.
func TestUnknownAssociation(t *testing.T) {
	sh := newShell(t)
	sh.serve()
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	if _, err := sh.bootstrap("dev-1", rightKey); err != nil { // which ends its association
		t.Fatal(err)
	}
	sh.await("session list --endpoint dev-1", "done")
	sh.awaitEnds("session list --endpoint dev-1")
	var sessions []struct{ Remote string }
	if err := json.Unmarshal([]byte(sh.ok("session list --json")), &sessions); err != nil || len(sessions) != 1 {
		t.Fatalf("sessions %+v, error %v", sessions, err)
	}
	conn, err := (&net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(sessions[0].Remote))}).Dial("udp", sh.coaps)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	record := []byte{23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 17, 16: 1, 29: 1}
	var why string
	for deadline := time.Now().Add(patience); !strings.Contains(why, "association-unknown"); time.Sleep(100 * time.Millisecond) {
		if _, err := conn.Write(record); err != nil {
			t.Fatal(err)
		}
		if why = sh.ok("why dev-1"); time.Now().After(deadline) {
			t.Fatalf("why has\n%s", why)
		}
	}
	contains(t, "why DEVICE", why, "dev-1 from coaps://"+sessions[0].Remote+": association-unknown",
		"sends DTLS records of an association that the server does not have", "Restart the device", ": done\n", "confirmed Bootstrap-Finish")
	contains(t, "device list", sh.ok("device list"), "done")
	lacks(t, "device list", sh.ok("device list"), "association-unknown")
	contains(t, "session list --failed", sh.ok("session list --failed"), "association-unknown")
}
