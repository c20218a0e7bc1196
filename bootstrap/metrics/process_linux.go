package metrics

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// processMetrics are those of the process, under the names that Prometheus' libraries give
// them. What cannot be read is left out.
type processMetrics struct{}

// ticks is how many the kernel counts in a second of processor time (USER_HZ).
const ticks = 100

// Fields of /proc/self/stat behind the name of the program, counted from 0 (proc(5) counts
// from 1, and the first of these is its third).
const (
	statUserTime   = 11
	statSystemTime = 12
	statStarted    = 19
	statVirtual    = 20
	statResident   = 21
)

func (processMetrics) write(w *writer) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		took := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		w.single("process_cpu_seconds_total", counterKind, "Processor time of the process.", took.Seconds())
	}
	limitOf(w, "process_max_fds", "Files that the process may have open.", syscall.RLIMIT_NOFILE)
	received, sent, ok := networkBytes()
	if ok {
		w.single("process_network_receive_bytes_total", counterKind, "Bytes that came over IP into the network namespace of the process.", received)
		w.single("process_network_transmit_bytes_total", counterKind, "Bytes that went over IP out of the network namespace of the process.", sent)
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		w.single("process_open_fds", gaugeKind, "Files that the process has open.", float64(len(open)))
	}
	if stat := processStat(); stat != nil {
		w.single("process_resident_memory_bytes", gaugeKind, "Memory of the process that is in use.", stat[statResident]*float64(os.Getpagesize()))
		if boot, ok := bootTime(); ok {
			w.single("process_start_time_seconds", gaugeKind, "When the process began, in seconds since 1970.", boot+stat[statStarted]/ticks)
		}
		w.single("process_virtual_memory_bytes", gaugeKind, "Address space of the process.", stat[statVirtual])
	}
	limitOf(w, "process_virtual_memory_max_bytes", "Address space that the process may have.", syscall.RLIMIT_AS)
}

func limitOf(w *writer, name, help string, resource int) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(resource, &limit) == nil {
		w.single(name, gaugeKind, help, float64(limit.Cur))
	}
}

// processStat are the numbers of /proc/self/stat behind the name of the program, which may
// have spaces and parentheses; nil where they cannot be read.
func processStat() []float64 {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= statResident {
		return nil
	}
	stat := make([]float64, len(fields))
	for i, field := range fields {
		stat[i], _ = strconv.ParseFloat(field, 64) // the state is a letter, and not asked for
	}
	return stat
}

// bootTime is when the machine was started, in seconds since 1970.
func bootTime() (seconds float64, ok bool) {
	fields, ok := linesOf("/proc/stat", "btime ")
	if !ok || len(fields) != 1 || len(fields[0]) != 1 {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(fields[0][0], 64)
	return seconds, err == nil
}

// networkBytes are those of IP in the network namespace of the process.
func networkBytes() (received, sent float64, ok bool) {
	lines, ok := linesOf("/proc/self/net/netstat", "IpExt: ")
	if !ok || len(lines) != 2 { // the names, and the numbers
		return 0, 0, false
	}
	for i, name := range lines[0] {
		if i >= len(lines[1]) {
			return 0, 0, false
		}
		n, _ := strconv.ParseFloat(lines[1][i], 64)
		switch name {
		case "InOctets":
			received = n
		case "OutOctets":
			sent = n
		}
	}
	return received, sent, true
}

// linesOf are the fields of the lines of a file that begin so.
func linesOf(file, beginning string) (lines [][]string, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, beginning); found {
			lines = append(lines, strings.Fields(rest))
		}
	}
	return lines, true
}
