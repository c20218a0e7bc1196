package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"lwbs/store"
)

// session list --failed is made from 10,000 records, and says so where there may be more.
func TestFailuresThatAreGathered(t *testing.T) {
	page := make([]store.Session, 10_001)
	for i := range page {
		page[i] = store.Session{ID: fmt.Sprintf("%05d", i), Endpoint: "dev", Transport: "coaps", Cause: store.CauseKeyDiffers, Attempts: 1}
	}
	for n, want := range map[int]string{9_999: "9999 ", 10_001: "10000 "} {
		var out bytes.Buffer
		if err := listFailures(t.Context(), &out, pastSessions{page: page[:n]}, store.SessionQuery{}, 0); err != nil {
			t.Fatal(err)
		}
		told := strings.Contains(out.String(), "the last 10000 sessions that failed were counted; for those before, add --before 09999\n")
		if !strings.Contains(out.String(), want) || told != (n > 10_000) {
			t.Errorf("of %d records:\n%s", n, out.String())
		}
	}
}
