//go:build !linux

package metrics

// processMetrics are those of the process, which only Linux tells so.
type processMetrics struct{}

func (processMetrics) write(*writer) {}
