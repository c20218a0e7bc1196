package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

// The summary is the same with a server and without, but for what only a server knows.
func TestStatus(t *testing.T) {
	sh := newShell(t)
	if status, _, _ := sh.run("status"); status != exitFailed {
		t.Errorf("without a database: status %d", status)
	}
	sh.ok("profile apply $D/meter.yaml")
	for _, ep := range []string{"m-1", "m-2", "m-3"} {
		sh.ok("device add " + ep + " --profile meter --psk generate")
	}
	sh.ok("device disable m-3")
	sh.remember(store.Session{
		ID: "s1", Endpoint: "m-1", Known: true, Proof: store.ProofIdentity, Identity: "m-1", Transport: store.TransportDTLS, Remote: "192.0.2.7:5683",
		Started: time.Now().Add(-time.Minute), Ended: time.Now(), Stage: store.StageWrite, Cause: store.CauseSilent, Profile: "meter", ProfileRevision: 1,
	})
	fleet := []string{"3 devices: 1 failed, 1 never came, 1 disabled", "1 profile, 1 attempt in the history", "failing", "silent: 1 device, the last"}
	out := sh.ok("status")
	contains(t, "without a server", out, append(fleet, "none is running with this database")...)
	if strings.Contains(out, "listens at") {
		t.Errorf("listens without a server:\n%s", out)
	}
	sh.serve()
	out = sh.ok("status")
	contains(t, "with a server", out, append(fleet, "running since", "0 sessions now", "coaps://127.0.0.1:")...)
	if lines := strings.Count(out, "\n"); lines > 10 {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	contains(t, "JSON", sh.ok("status --json"), `"server": true`, `"never": 1`, `"cause": "silent"`)
}

// Certificates that expire are told one by one, else the first that will.
func TestCertificateTexts(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	in := func(days int) admin.CertificateStatus {
		return admin.CertificateStatus{Subject: fmt.Sprintf("CN=d%d", days), Expires: now.AddDate(0, 0, days)}
	}
	for _, tt := range []struct {
		all  []admin.CertificateStatus
		want []string
	}{
		{nil, nil},
		{[]admin.CertificateStatus{in(400), in(300)}, []string{"of 2, the first that expires is CN=d300, on "}},
		{[]admin.CertificateStatus{in(400), in(29), in(-1)}, []string{"CN=d29 expires in 29 days, on ", "CN=d-1 has expired, on "}},
		{[]admin.CertificateStatus{in(1)}, []string{"CN=d1 expires in 1 day, on "}},
	} {
		got := certificateTexts(tt.all, now)
		if len(got) != len(tt.want) {
			t.Errorf("%v: %q", tt.all, got)
			continue
		}
		for i, text := range got {
			if !strings.HasPrefix(text, tt.want[i]) {
				t.Errorf("%q, want %q", text, tt.want[i])
			}
		}
	}
}
