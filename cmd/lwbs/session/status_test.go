package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
