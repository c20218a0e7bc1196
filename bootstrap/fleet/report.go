package fleet

import (
	"cmp"
	"slices"
	"time"
)

// A Report is how a run went. Durations are in nanoseconds in JSON.
type Report struct {
	URI     string `json:"uri"`
	Devices int    `json:"devices"`
	Arrival string `json:"arrival"`
	Network string `json:"network"`
	Seed    uint64 `json:"seed"`

	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took"` // until the last device was done or had failed

	// Due is how many came; less than Devices where the run was interrupted. Each of them is done or
	// failed, or else was under way then.
	Due    int `json:"due"`
	Done   int `json:"done"`
	Failed int `json:"failed"`

	// Attempts is how often the devices asked, of all that ended.
	Attempts int `json:"attempts"`

	// MostAtOnce is how many were under way at the same time at most, and Late how much later than due
	// this process came to a device at most: it is loaded itself where that is long.
	MostAtOnce int           `json:"mostAtOnce"`
	Late       time.Duration `json:"late"`

	// Latency is from when a device was due, and FromStart from when this process came to it.
	Latency   Latency `json:"latency"`
	FromStart Latency `json:"fromStart"`

	// Causes are why devices failed, the most frequent first; Clients how each kind fared.
	Causes  []CauseCount  `json:"causes"`
	Clients []ClientCount `json:"clients"`

	Traffic   Traffic `json:"traffic"`
	Server    *Usage  `json:"server,omitempty"` // nil where its process is not known
	Simulator *Usage  `json:"simulator,omitempty"`

	// Slot is the length of the elements of Course.
	Slot   time.Duration `json:"slot"`
	Course []Slot        `json:"course"`
}

// A CauseCount is a cause with one of the devices.
type CauseCount struct {
	Cause   Cause  `json:"cause"`
	Count   int    `json:"count"`
	Device  string `json:"device"`
	Message string `json:"message"` // of its last attempt
}

// A ClientCount is how the devices of a kind of client fared.
type ClientCount struct {
	Name    string  `json:"name"`
	Due     int     `json:"due"`
	Done    int     `json:"done"`
	Latency Latency `json:"latency"`
}

// A Slot is what happened in a part of the run.
type Slot struct {
	Due    int           `json:"due"`
	Done   int           `json:"done"`
	Failed int           `json:"failed"`
	P50    time.Duration `json:"p50"` // of those that were done in it
	P99    time.Duration `json:"p99"`
}

// Usage is what a process spent during the run.
type Usage struct {
	Process   int           `json:"process"`
	CPU       time.Duration `json:"cpu"`       // of all its threads, user and system
	MaxMemory uint64        `json:"maxMemory"` // the most resident memory that was seen, in bytes
}

// Progress is how far a run is.
type Progress struct {
	Since                        time.Duration
	Devices, Due, Running        int
	Done, Failed                 int
	P50, P99                     time.Duration // of all that are done
	DoneInSecond, FailedInSecond int           // since the Progress before, for a second
}

// sorted orders the causes.
func sorted(causes map[Cause]*CauseCount) []CauseCount {
	all := make([]CauseCount, 0, len(causes))
	for _, c := range causes {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b CauseCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Cause, b.Cause)) })
	return all
}
