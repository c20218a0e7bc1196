package store_test

import (
	"encoding/json"
	"testing"

	"lwbs/store"
	"lwbs/store/rows"
)

// Records and servers from before causes were renamed use the former names.
func TestFormerNamesOfCauses(t *testing.T) {
	stored := map[string]store.Cause{
		// As lwbs wrote them; the checksum is over the former name.
		`{"id":"0001","endpoint":"meter","known":true,"started":"2026-11-01T12:00:00Z","remote":"192.0.2.1:5684","transport":"coaps","stage":"request","cause":"looping","sum":"4d7c33ea"}`:  store.CauseRateLimited,
		`{"id":"0002","endpoint":"meter","known":true,"started":"2026-11-01T12:00:00Z","remote":"192.0.2.1:5684","transport":"coaps","stage":"discover","cause":"garbled","sum":"f803ec2d"}`: store.CauseBlockWise,
		`{"id":"0003","endpoint":"meter","known":true,"started":"2026-11-01T12:00:00Z","remote":"192.0.2.1:5684","transport":"coaps","stage":"done","cause":"done"}`:                         store.CauseDone,
		`{"id":"0004","known":false,"started":"2026-11-01T12:00:00Z","remote":"192.0.2.1:5684","transport":"coaps","stage":"request","cause":"of-a-newer-release"}`:                          "of-a-newer-release",
	}
	for row, want := range stored {
		s, err := rows.DecodeSession([]byte(row))
		if err != nil || s.Cause != want {
			t.Errorf("%s\nis read as %q, %v, want %q", row, s.Cause, err, want)
		}
		var received store.Session
		if err := json.Unmarshal([]byte(row), &received); err != nil || received.Cause != want {
			t.Errorf("from a server: %s\nis read as %q, %v, want %q", row, received.Cause, err, want)
		}
		again, err := rows.EncodeSession(s)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := rows.DecodeSession(again); err != nil || back.Cause != want {
			t.Errorf("written again it is read as %q, %v, want %q", back.Cause, err, want)
		}
	}
}
