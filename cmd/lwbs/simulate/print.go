package simulate

import (
	"fmt"
	"io"
	"time"

	"lwbs/bootstrap/fleet"
	"lwbs/cmd/lwbs/internal/output"
)

// mostSockets is how many sockets are needed at the same time for sure.
func mostSockets(cfg fleet.Config) int {
	if cfg.Arrival.Rate > 0 {
		return min(len(cfg.Devices), 1)
	}
	return len(cfg.Devices)
}

// watcher writes the progress to a terminal, in one line; nil without one.
func watcher(out io.Writer) func(fleet.Progress) {
	if out == nil {
		return nil
	}
	return func(p fleet.Progress) {
		line := fmt.Sprintf("%6.0f s  %d of %d came, %d under way, %d done (%d/s), %d failed, p50 %s, p99 %s", p.Since.Seconds(), p.Due, p.Devices, p.Running, p.Done, p.DoneInSecond, p.Failed, short(p.P50), short(p.P99))
		end := ""
		if p.Running == 0 && p.Due == p.Devices {
			end = "\n"
		}
		fmt.Fprintf(out, "\r%-110s%s", line, end)
	}
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d >= 1000*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// lateLimit is after how long a start counts as late enough to tell.
const lateLimit = 100 * time.Millisecond

// print writes the report for people.
func print(out io.Writer, r fleet.Report) {
	fmt.Fprintf(out, "devices   %d of %d bootstrapped, %d failed, in %s", r.Done, r.Due, r.Failed, short(r.Took))
	if left := r.Due - r.Done - r.Failed; left > 0 {
		fmt.Fprintf(out, "; %d were under way", left)
	}
	if r.Took > 0 && r.Done > 0 {
		fmt.Fprintf(out, ": %.4g/s", float64(r.Done)/r.Took.Seconds())
	}
	fmt.Fprintf(out, "\n          %d at once at most, %s\n", r.MostAtOnce, output.Counted(r.Attempts, "attempt", "attempts"))
	if r.Done > 0 {
		fmt.Fprintf(out, "latency   p50 %s, p90 %s, p99 %s, p99.9 %s, at most %s\n", short(r.Latency.P50), short(r.Latency.P90), short(r.Latency.P99), short(r.Latency.P999), short(r.Latency.Max))
	}
	if r.Late > lateLimit {
		fmt.Fprintf(out, "          this machine began with a device up to %s after it was due, which counts; from then on p50 %s, p99 %s\n", short(r.Late), short(r.FromStart.P50), short(r.FromStart.P99))
	}
	printClients(out, r)
	t := r.Traffic
	fmt.Fprintf(out, "datagrams %d sent (%d bytes), %d received (%d bytes)", t.SentDatagrams, t.SentBytes, t.ReceivedDatagrams, t.ReceivedBytes)
	if t.Lost+t.Duplicated > 0 {
		fmt.Fprintf(out, ", %d lost, %d twice", t.Lost, t.Duplicated)
	}
	fmt.Fprintln(out)
	printUsage(out, "server", r.Server, r.Done)
	printUsage(out, "simulator", r.Simulator, r.Done)
	for _, c := range r.Causes {
		fmt.Fprintf(out, "failed    %s: %s, such as %s: %s\n", c.Cause, output.Counted(c.Count, "device", "devices"), output.Text(c.Device), output.Text(c.Message))
	}
}

// printClients writes how each kind of client fared, where there are several.
func printClients(out io.Writer, r fleet.Report) {
	if len(r.Clients) < 2 {
		return
	}
	for _, c := range r.Clients {
		fmt.Fprintf(out, "          %s: %d of %d bootstrapped, p50 %s, p99 %s\n", c.Name, c.Done, c.Due, short(c.Latency.P50), short(c.Latency.P99))
	}
}

func printUsage(out io.Writer, what string, u *fleet.Usage, done int) {
	if u == nil {
		return
	}
	each := ""
	if done > 0 {
		each = fmt.Sprintf(", %s for each bootstrapped device", short(u.CPU/time.Duration(done)))
	}
	fmt.Fprintf(out, "%-9s process %d: %s of processor time%s, at most %.4g MiB\n", what, u.Process, short(u.CPU), each, float64(u.MaxMemory)/(1<<20))
}
