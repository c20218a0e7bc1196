package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lwbs/store"
)

// chaosSeconds in the environment is how long the load goes on; 10 by default.
const chaosSeconds = "LWBS_CHAOS_SECONDS"

func chaosTime(t *testing.T) time.Duration {
	text := os.Getenv(chaosSeconds)
	if text == "" {
		return 10 * time.Second
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", chaosSeconds, text)
	}
	return time.Duration(n) * time.Second
}

// Under load, pages are damaged, the disk fills, the log is not read, the clock jumps, and
// the process is killed. In the end every device is served, no acknowledged edit is lost, and
// the server holds what it held before. LWBS_CHAOS_SECONDS sets how long that goes on.
func TestChaos(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes its time")
	}
	c := newChaos(t)
	c.start()
	if unserved := c.unserved(patience, everyDevice()...); len(unserved) > 0 {
		t.Fatalf("before the chaos %d devices are not served: %s", len(unserved), unserved[0])
	}
	before, quiet := c.footprint(), c.served.Load()

	ctx, stop := context.WithCancel(t.Context())
	wait := c.load(ctx)
	share := max(500*time.Millisecond, chaosTime(t)/10)
	for end := time.Now().Add(chaosTime(t)); time.Now().Before(end); {
		c.during(share)
		c.damage(true)
		c.during(share)
		free := c.fillDisk()
		c.during(share)
		if err := c.edit(ctx, chaosName(100), "full"); !errors.Is(err, store.ErrFull) {
			t.Errorf("while the disk is full an edit ends with %v", err)
		}
		free()
		c.log.mu.Lock()
		c.during(share)
		c.log.mu.Unlock()
		c.kill()
		c.damage(false)
		c.clockAhead()
		c.start()
		c.during(share)
		c.damage(true)
	}
	stop()
	wait()
	if n := c.served.Load() - quiet; n < 1 || c.acknowledged() < 1 {
		t.Errorf("%d sessions ended well in the chaos and %d records were edited: nothing was tested", n, c.acknowledged())
	}
	if unserved := c.unserved(2*patience, everyDevice()...); len(unserved) > 0 {
		t.Errorf("%d devices are not served: %s", len(unserved), unserved[0])
	}
	if lost := c.lost(); len(lost) > 0 {
		t.Errorf("%d edits are lost: %s", len(lost), lost[0])
	}
	c.settles(before)
	if newest := c.newest(); time.Until(newest.Started) > 0 {
		t.Errorf("the newest session is said to be %s of %v, which a clock that was ahead has left", newest.ID, newest.Started)
	}
	c.stop()
	contains(t, "db check", c.sh.ok("db check"), "sound")
	t.Logf("%d sessions, %d records edited, %d lines in the log", c.served.Load(), c.acknowledged(), c.log.lines.Load())
}

// The counter-check: an edit that is lost, and a device that is not served, are noticed.
func TestChaosIsNoticed(t *testing.T) {
	t.Parallel()
	c := newChaos(t)
	c.start()
	if err := c.edit(t.Context(), chaosName(1), "first"); err != nil {
		t.Fatal(err)
	}
	c.stop()
	earlier, err := os.ReadFile(c.sh.path("x.db"))
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	if err := c.edit(t.Context(), chaosName(1), "second"); err != nil {
		t.Fatal(err)
	}
	if lost := c.lost(); len(lost) > 0 {
		t.Fatal(lost)
	}
	c.stop()
	c.sh.write("x.db", string(earlier))
	c.start()
	if lost := c.lost(); len(lost) != 1 {
		t.Errorf("an edit was taken away, and what is lost is %q", lost)
	}
	const gone = 7
	c.sh.ok("device delete " + string(chaosName(gone)))
	if unserved := c.unserved(patience, slices.DeleteFunc(everyDevice(), func(i int) bool { return i == gone })...); len(unserved) > 0 {
		t.Errorf("%d devices are not served: %s", len(unserved), unserved[0])
	}
	if unserved := c.unserved(2*time.Second, gone); len(unserved) != 1 || !strings.Contains(unserved[0], string(chaosName(gone))) {
		t.Errorf("a device was deleted, and those that are not served are %q", unserved)
	}
	c.stop()
}
