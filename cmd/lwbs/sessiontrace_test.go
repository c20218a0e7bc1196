package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
)

// The messages of a device's session over DTLS are in the file, and its keys are not.
func TestSessionTrace(t *testing.T) {
	sh := newShell(t)
	log := &firstLines{want: "trace began", seen: make(chan string, 1)}
	sh.serveLogging(log)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	for _, reveal := range []bool{false, true} {
		line, file := "session trace dev-1 --out $D/blank.pcapng", sh.path("blank.pcapng")
		if reveal {
			line, file = "session trace --reveal dev-1 --out $D/reveal.pcapng", sh.path("reveal.pcapng")
		}
		type ending struct {
			status int
			errs   string
		}
		ended := make(chan ending, 1)
		go func() {
			status, _, errs := sh.run(line)
			ended <- ending{status, errs}
		}()
		sh.awaitFile(file)
		if _, err := sh.bootstrap("dev-1", rightKey); err != nil {
			t.Fatal(err)
		}
		got := <-ended
		if got.status != exitDone {
			t.Fatalf("status %d: %s", got.status, got.errs)
		}
		contains(t, line, got.errs, "recording the next session of dev-1 into ", "wrote ", "(the sessions are over: sessions 1, messages ")
		trace, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"ep=dev-1", "coaps://", "decrypted"} {
			if !bytes.Contains(trace, []byte(want)) {
				t.Errorf("%q is not in the trace", want)
			}
		}
		key, err := hex.DecodeString(sh.deviceKeyHex("dev-1"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(trace, key) != reveal {
			t.Errorf("the key is in the trace: %v, want %v", !reveal, reveal)
		}
	}
	select {
	case text := <-log.seen:
		contains(t, "log", text, "trace began", "dev-1")
	case <-time.After(patience):
		t.Error("the log does not tell of the trace")
	}
}

// awaitFile waits for a file.
func (sh *shell) awaitFile(name string) {
	sh.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			sh.t.Fatalf("%s is not there", name)
		}
	}
}

// A trace that fails leaves no file, and says why.
func TestSessionTraceFails(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	status, _, errs := sh.run("session trace dev-1 --out $D/x.pcapng")
	if status != exitFailed || !strings.Contains(errs, "no server is running") {
		t.Errorf("without a server: status %d: %s", status, errs)
	}
	sh.serve()
	status, _, errs = sh.run("session trace dev-1 --for 1s --out $D/x.pcapng")
	if status != exitFailed || !strings.Contains(errs, "nothing was recorded, and no file is left: the limit of 1s was reached") {
		t.Errorf("nothing came: status %d: %s", status, errs)
	}
	if _, err := os.Stat(sh.path("x.pcapng")); err == nil {
		t.Error("a file is left")
	}
	status, _, errs = sh.run("session trace dev-1 --for 1s --out $D/key.hex")
	if status != exitFailed || !strings.Contains(errs, "file exists") {
		t.Errorf("over a file: status %d: %s", status, errs)
	}
	for line, want := range map[string]string{
		"session trace dev-1":                                "--out is missing",
		"session trace --out x":                              "expected ENDPOINT",
		"session trace --all dev-1 --out x":                  "expected no arguments",
		"session trace dev-1 --out x --for 25h":              "--for 25h0m0s is not within",
		"session trace dev-1 --out x --sessions 0":           "--sessions 0 is not within",
		"session trace dev-1 --out x --max-bytes 1000000000": "--max-bytes 1000000000 is not within",
	} {
		status, _, errs := sh.run(line)
		contains(t, line, errs, want)
		if status != exitUsage {
			t.Errorf("%s: status %d", line, status)
		}
	}
}
