//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A bystander watches what else the machine does while something is measured: other
// work takes processor time from the server and from the devices, and a figure is worth
// as much as the machine was quiet.
type bystander struct {
	server *server
	began  time.Time
	busy   time.Duration
	own    time.Duration // of the server and of this process
}

func watchOthers(b *testing.B, s *server) *bystander {
	b.Helper()
	y := &bystander{server: s, began: time.Now()}
	y.busy, y.own = y.read(b)
	return y
}

// report reports how many processors others used.
func (y *bystander) report(b *testing.B) {
	b.Helper()
	busy, own := y.read(b)
	others := (busy - y.busy) - (own - y.own)
	b.ReportMetric(max(0, others.Seconds())/time.Since(y.began).Seconds(), "cpus-of-others")
}

func (y *bystander) read(b *testing.B) (busy, own time.Duration) {
	b.Helper()
	busy, err := busyTime()
	if err != nil {
		b.Fatal(err)
	}
	return busy, y.server.usage(b).cpu + ownUsage(b).cpu
}

// busyTime is the time of all processors that was not idle (proc(5), /proc/stat).
func busyTime() (busy time.Duration, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	const idle, iowait, guest = 4, 5, 9 // guest is part of user
	if len(fields) < guest {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for i := 1; i < guest; i++ {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		if i != idle && i != iowait {
			busy += time.Duration(ticks) * clockTick
		}
	}
	return busy, nil
}
