// Package clocktest makes times as they are on a machine whose clock somebody has set. It is for
// tests only.
package clocktest

import (
	"time"
	"unsafe"
)

// Jumps are changes of the clock: an NTP server that is reached at last, a battery that is empty.
var Jumps = []time.Duration{0, time.Hour, -time.Hour, 24 * 365 * 20 * time.Hour, -24 * 365 * 20 * time.Hour}

// Set is t as a clock tells it that has been set by d: the time of day is another, the monotonic
// reading is not. The time has to have a monotonic reading.
func Set(t time.Time, d time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(d/time.Second) << 30 // seconds of a time with a monotonic reading
	return t
}
