package exchange

import (
	"container/list"
	"net/netip"
	"sync"
)

// How many bytes of requests that come in blocks are kept until they are whole, with what is
// needed to keep each: in all, and of one network.
const (
	maxUploadBytes       = 4 << 20
	maxUploadBytesPerNet = maxUploadBytes / 4
	uploadOverhead       = 1024 // the first block's options, and what frames it
)

// An uploads keeps what peers have sent of requests in blocks. At a limit the oldest is dropped, of
// its own network where that has its share: its peer is answered 4.08, and begins again. Its methods
// may be called concurrently.
type uploads struct {
	mu     sync.Mutex
	bytes  int                  // guarded by mu
	perNet map[netip.Prefix]int // bytes; guarded by mu; no zeros
	order  list.List            // of *upload, the oldest first; guarded by mu
}

// An upload is what has come of one request. What it has is guarded by the mu of its uploads.
type upload struct {
	net   netip.Prefix
	data  []byte
	place *list.Element // nil once it is gone
}

func newUploads() *uploads { return &uploads{perNet: make(map[netip.Prefix]int)} }

// begin returns an upload without data for a peer of this network.
func (us *uploads) begin(network netip.Prefix) *upload {
	us.mu.Lock()
	defer us.mu.Unlock()
	u := &upload{net: network}
	u.place = us.order.PushBack(u)
	us.count(u, uploadOverhead)
	return u
}

// length is how much of u has come, and gone whether it was dropped.
func (us *uploads) length(u *upload) (n int, gone bool) {
	us.mu.Lock()
	defer us.mu.Unlock()
	return len(u.data), u.place == nil
}

// add puts data behind what has come of u, and makes room for it; u itself may be dropped for that.
func (us *uploads) add(u *upload, data []byte) {
	us.mu.Lock()
	defer us.mu.Unlock()
	if u.place == nil {
		return
	}
	before := cap(u.data)
	u.data = append(u.data, data...)
	us.count(u, cap(u.data)-before)
}

// take returns what has come of u, and forgets it.
func (us *uploads) take(u *upload) []byte {
	us.mu.Lock()
	defer us.mu.Unlock()
	data := u.data
	us.remove(u)
	return data
}

// count notes that u has grown, and drops others where there is too much. The caller holds mu.
func (us *uploads) count(u *upload, n int) {
	us.bytes += n
	us.perNet[u.net] += n
	for e := us.order.Front(); e != nil && us.perNet[u.net] > maxUploadBytesPerNet; {
		oldest := e.Value.(*upload)
		if e = e.Next(); oldest.net == u.net {
			us.remove(oldest)
		}
	}
	for us.bytes > maxUploadBytes {
		us.remove(us.order.Front().Value.(*upload))
	}
}

// remove forgets u, if it is here. The caller holds mu.
func (us *uploads) remove(u *upload) {
	if u.place == nil {
		return
	}
	n := cap(u.data) + uploadOverhead
	us.order.Remove(u.place)
	u.place, u.data = nil, nil
	us.bytes -= n
	if us.perNet[u.net] -= n; us.perNet[u.net] == 0 {
		delete(us.perNet, u.net)
	}
}
