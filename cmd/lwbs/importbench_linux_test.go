package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// BenchmarkImport imports a table of 100,000 new devices, or of LWBS_BENCH_ROWS, in a process of its
// own, and then the same table once more; without a server, and with one. It reports the rows in a
// second, the processor time of a row in all processes, the memory that the import took at most, and as
// how many bare writes of as many bytes to a bbolt file, in as many transactions, the import counts, by
// time and by processor time.
func BenchmarkImport(b *testing.B) {
	rows := 100_000
	if text := os.Getenv("LWBS_BENCH_ROWS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.Fatalf("LWBS_BENCH_ROWS=%q is not a number from 1", text)
		}
		rows = n
	}
	for _, way := range []string{"file", "server"} {
		dir := b.TempDir()
		table := importTable(b, dir, rows)
		db := filepath.Join(dir, "x.db")
		runBench(b, "--db", db, "profile", "apply", "-f", filepath.Join(dir, "meter.yaml"))
		var server *exec.Cmd
		if way == "server" {
			server = benchServer(b, db)
		}
		for _, what := range []string{"added", "same"} {
			b.Run(way+"/"+what, func(b *testing.B) {
				before := processorTime(b, server)
				began := time.Now()
				state := runBench(b, "--db", db, "import", "csv", table, "--key-format", "hex", "--profile", "meter")
				took := time.Since(began)
				used := state.UserTime() + state.SystemTime() + processorTime(b, server) - before
				b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
				b.ReportMetric(float64(used.Microseconds())/float64(rows), "cpu-µs/row")
				b.ReportMetric(float64(state.SysUsage().(*syscall.Rusage).Maxrss)/1024, "MiB-most")
				if what == "added" {
					bare := writeBare(b, dir, rows)
					b.ReportMetric(took.Seconds()/bare.took.Seconds(), "x-bare-time")
					b.ReportMetric(used.Seconds()/bare.used.Seconds(), "x-bare-cpu")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// bareWrites is what it takes to write as much to bbolt as an import does, with nothing done besides.
type bareWrites struct{ took, used time.Duration }

// writeBare writes so many rows: as many elements and bytes in each as the records of the benchmark and
// their indexes have, keys in their order, 1024 rows in a transaction.
func writeBare(b *testing.B, dir string, rows int) bareWrites {
	b.Helper()
	const (
		record  = 500 // bytes, of a device with two keys
		indexes = 3   // by profile, tag and identity
	)
	file := filepath.Join(dir, "bare.db")
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, InitialMmapSize: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = errors.Join(db.Close(), os.Remove(file)) }()
	before, began := ownTime(b), time.Now()
	for from := 0; from < rows; from += 1024 {
		err := db.Update(func(tx *bbolt.Tx) error {
			for index := range 1 + indexes {
				bucket, err := tx.CreateBucketIfNotExists([]byte{byte(index)})
				if err != nil {
					return err
				}
				value := make([]byte, record)
				if index > 0 {
					value = nil
				}
				for i := from; i < min(from+1024, rows); i++ {
					if err := bucket.Put(fmt.Appendf(nil, "urn:dev:ops:32473-meter-%09d", i), value); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return bareWrites{time.Since(began), ownTime(b) - before}
}

// ownTime is the processor time of this process so far.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// importTable writes a table with so many rows, and the profile of its devices.
func importTable(b *testing.B, dir string, rows int) string {
	b.Helper()
	if err := os.WriteFile(filepath.Join(dir, "meter.yaml"), []byte(meterYAML), 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "table.csv"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "endpoint,psk-key,tag")
	for i := range rows {
		fmt.Fprintf(w, "urn:dev:ops:32473-meter-%d,%032x,lot%d\n", i, uint64(i+1)*0x9e3779b97f4a7c15, i%10)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return f.Name()
}

// runBench runs lwbs in a process of its own until its end.
func runBench(b *testing.B, args ...string) *os.ProcessState {
	b.Helper()
	cmd := benchCommand(b, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("lwbs %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return cmd.ProcessState
}

func benchCommand(b *testing.B, args ...string) *exec.Cmd {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), beLwbs+"=1")
	return cmd
}

// benchServer is a server with a database, which ends with the benchmark.
func benchServer(b *testing.B, db string) *exec.Cmd {
	b.Helper()
	cmd := benchCommand(b, "--db", db, "serve", "--coaps", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if strings.HasPrefix(s.Text(), "administered at") {
			return cmd
		}
	}
	b.Fatal("the server has not begun")
	return nil
}

// processorTime is what a process that runs has taken so far; zero for none.
func processorTime(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	if cmd == nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const ticks = 100 // of a second, on every Linux
	var sum time.Duration
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum
}
