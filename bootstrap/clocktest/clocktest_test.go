package clocktest_test

import (
	"testing"
	"time"

	"lwbs/bootstrap/clocktest"
)

func TestSet(t *testing.T) {
	now := time.Now()
	if later := clocktest.Set(now, time.Hour); later.Sub(now) != 0 || later.Round(0).Sub(now.Round(0)) != time.Hour {
		t.Errorf("%v was set to %v", now, later)
	}
}
