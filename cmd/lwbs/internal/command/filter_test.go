package command

import (
	"testing"
	"time"
)

func TestAgo(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour} {
		at, err := ago(text)
		if got := time.Until(at) + want; err != nil || got > 0 || got < -time.Minute {
			t.Errorf("ago(%q) is %v, error %v", text, at, err)
		}
	}
}
