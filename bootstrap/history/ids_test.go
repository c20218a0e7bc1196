package history

import (
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/clocktest"
)

// IDs go up, whatever the clock does, and after a restart too.
func TestSessionIDsGoUp(t *testing.T) {
	now := time.Now()
	var made []string
	for range 3 {
		var ids IDs // of a server that was started again
		if len(made) > 0 {
			ids.After(made[len(made)-1])
		}
		for _, jump := range clocktest.Jumps {
			made = append(made, ids.Next(clocktest.Set(now, jump)), ids.Next(clocktest.Set(now, jump)))
		}
	}
	if !slices.IsSorted(made) || len(slices.Compact(made)) != 30 {
		t.Errorf("the IDs are %v", made)
	}
}

// What is no ID of ours does not make IDs run out.
func TestSessionIDsAfterOthers(t *testing.T) {
	for _, id := range []string{"", "000001", "vvvvvvvvvvvvvvvv", "not an ID at all"} {
		var ids IDs
		ids.After(id)
		if want := new(IDs).Next(time.Now()); ids.Next(time.Now())[:6] != want[:6] {
			t.Errorf("after %q comes another ID than %s", id, want)
		}
	}
}
