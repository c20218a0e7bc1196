package metrics

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// runtimeMetrics are those of the Go runtime, under the names that Prometheus' library for
// Go gives them.
type runtimeMetrics struct{}

func (runtimeMetrics) write(w *writer) {
	pauses(w)
	settings := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(settings)
	w.single("go_gc_gogc_percent", gaugeKind, "How much the heap may grow before the next garbage collection, in percent of what lives.", unsigned(settings[0]))
	w.single("go_gc_gomemlimit_bytes", gaugeKind, "Memory limit of the Go runtime; the greatest number where there is none.", unsigned(settings[1]))
	w.single("go_goroutines", gaugeKind, "Goroutines that there are.", float64(runtime.NumGoroutine()))
	w.family("go_info", gaugeKind, "The version of Go.")
	w.sample("go_info", 1, label{"version", runtime.Version()})
	memory(w)
	w.single("go_sched_gomaxprocs_threads", gaugeKind, "Threads that run Go code at a time (GOMAXPROCS).", float64(runtime.GOMAXPROCS(0)))
	threads, _ := runtime.ThreadCreateProfile(nil)
	w.single("go_threads", gaugeKind, "Threads of the operating system that were made.", float64(threads))
}

func unsigned(s metrics.Sample) float64 {
	if s.Value.Kind() != metrics.KindUint64 {
		return math.NaN()
	}
	return float64(s.Value.Uint64())
}

// pauses writes how long garbage collections stopped everything.
func pauses(w *writer) {
	const name = "go_gc_duration_seconds"
	stats := debug.GCStats{PauseQuantiles: make([]time.Duration, 5)}
	debug.ReadGCStats(&stats)
	w.family(name, summaryKind, "How long garbage collections stopped everything.")
	for i, pause := range stats.PauseQuantiles {
		w.sample(name, pause.Seconds(), label{"quantile", number(float64(i) / 4)})
	}
	w.sample(name+"_sum", stats.PauseTotal.Seconds())
	w.sample(name+"_count", float64(stats.NumGC))
}

// memory writes what the runtime holds.
func memory(w *writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for _, row := range []struct {
		name, kind, help string
		value            uint64
	}{
		{"alloc_bytes", gaugeKind, "Bytes of objects on the heap.", m.Alloc},
		{"alloc_bytes_total", counterKind, "Bytes of all objects that were put on the heap.", m.TotalAlloc},
		{"buck_hash_sys_bytes", gaugeKind, "Bytes for profiling.", m.BuckHashSys},
		{"frees_total", counterKind, "Objects that were removed from the heap.", m.Frees},
		{"gc_sys_bytes", gaugeKind, "Bytes for garbage collection.", m.GCSys},
		{"heap_alloc_bytes", gaugeKind, "Bytes of objects on the heap.", m.HeapAlloc},
		{"heap_idle_bytes", gaugeKind, "Bytes of the heap that are free.", m.HeapIdle},
		{"heap_inuse_bytes", gaugeKind, "Bytes of the heap in use.", m.HeapInuse},
		{"heap_objects", gaugeKind, "Objects on the heap.", m.HeapObjects},
		{"heap_released_bytes", gaugeKind, "Bytes of the heap that were given back to the operating system.", m.HeapReleased},
		{"heap_sys_bytes", gaugeKind, "Bytes of the heap from the operating system.", m.HeapSys},
		{"mallocs_total", counterKind, "Objects that were put on the heap.", m.Mallocs},
		{"mcache_inuse_bytes", gaugeKind, "Bytes of mcache structures in use.", m.MCacheInuse},
		{"mcache_sys_bytes", gaugeKind, "Bytes for mcache structures.", m.MCacheSys},
		{"mspan_inuse_bytes", gaugeKind, "Bytes of mspan structures in use.", m.MSpanInuse},
		{"mspan_sys_bytes", gaugeKind, "Bytes for mspan structures.", m.MSpanSys},
		{"next_gc_bytes", gaugeKind, "Bytes on the heap at which the next garbage collection begins.", m.NextGC},
		{"other_sys_bytes", gaugeKind, "Bytes for everything else.", m.OtherSys},
		{"stack_inuse_bytes", gaugeKind, "Bytes of stacks of goroutines in use.", m.StackInuse},
		{"stack_sys_bytes", gaugeKind, "Bytes for stacks.", m.StackSys},
		{"sys_bytes", gaugeKind, "Bytes from the operating system.", m.Sys},
	} {
		w.single("go_memstats_"+row.name, row.kind, row.help, float64(row.value))
	}
	w.single("go_memstats_last_gc_time_seconds", gaugeKind, "When the last garbage collection ended, in seconds since 1970; 0 before the first.", float64(m.LastGC)/1e9)
}
