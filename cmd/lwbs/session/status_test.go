package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
)

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

// Status tells of each queue in which devices wait for their turn.
func TestStatusOfQueues(t *testing.T) {
	var r statusReport
	r.Queues = []admin.Queue{
		{Of: bootstrap.LimitOfProfile, Name: "meter", Rate: 5, Waiting: 1, Oldest: 3},
		{Of: bootstrap.LimitOfLwM2MServer, Name: "dm-1", Rate: 50, Waiting: 1200, Oldest: 24},
		{Of: bootstrap.LimitOfLwM2MServer, Name: "dm-2", Rate: 50},
	}
	var got []string
	for _, row := range r.rows(time.Now()) {
		if row[0] == "waiting" {
			got = append(got, row[1])
		}
	}
	want := []string{"1 device for its turn at profile meter (5 a second), the first for 3 s", "1200 devices for their turn at LwM2M Server dm-1 (50 a second), the first for 24 s"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
