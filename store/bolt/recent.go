package bolt

import (
	"bytes"
	"sync"

	"lwbs/store"
)

// maxRecent is how many devices a recent remembers in each of its two generations, at
// about 2 KiB each.
const maxRecent = 4096

// A recent remembers devices as they were decoded: a bootstrap reads its record half a
// dozen times, and to open its secrets takes longer than all else of a read. What it
// remembers counts only for the very bytes that it was decoded from, so that it cannot
// be out of date. Its methods may be called concurrently.
type recent struct {
	mu         sync.Mutex
	young, old map[string]decoded // by the endpoint; guarded by mu
}

// A decoded is a device and what it was decoded from.
type decoded struct {
	row    []byte
	device store.Device
}

func newRecent() *recent { return &recent{young: make(map[string]decoded)} }

// find returns the device of a row, and whether it is remembered. It shares nothing.
func (r *recent) find(endpoint, row []byte) (store.Device, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.young[string(endpoint)]
	if !ok {
		d, ok = r.old[string(endpoint)]
	}
	if !ok || !bytes.Equal(d.row, row) {
		return store.Device{}, false
	}
	return d.device.Clone(), true
}

// remember keeps copies of a row and of the device that it was decoded to. Those not
// decoded for longest make room.
func (r *recent) remember(endpoint, row []byte, d store.Device) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= maxRecent {
		r.young, r.old = make(map[string]decoded), r.young
	}
	r.young[string(endpoint)] = decoded{bytes.Clone(row), d.Clone()}
}

// forget forgets a device, which was deleted.
func (r *recent) forget(endpoint []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, string(endpoint))
	delete(r.old, string(endpoint))
}
