package history

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"math"
	"strings"
	"sync"
	"time"
)

// An IDs makes the IDs of sessions: 16 characters, each ID greater than the one
// before. They hold a time in nanoseconds, and two random bytes that tell servers apart which make
// one in the same nanosecond. The time is that of the clock, or one nanosecond after the last ID
// where the clock went back.
type IDs struct {
	mu   sync.Mutex
	last uint64 // guarded by mu; nanoseconds
}

// After makes all later IDs greater than id, the last one that was kept before a restart.
// An id of another form changes nothing.
func (ids *IDs) After(id string) {
	b, err := base32.HexEncoding.DecodeString(strings.ToUpper(id))
	if err != nil || len(b) != idBytes {
		return
	}
	n := binary.BigEndian.Uint64(b)
	if n > math.MaxInt64 { // after 2262: no clock, but damage
		return
	}
	ids.mu.Lock()
	defer ids.mu.Unlock()
	ids.last = max(ids.last, n)
}

// idBytes is the length of an ID, in bytes.
const idBytes = 10

// Next returns the ID of a session that begins now.
func (ids *IDs) Next(now time.Time) string {
	ids.mu.Lock()
	ids.last = max(ids.last+1, uint64(max(now.UnixNano(), 0)))
	n := ids.last
	ids.mu.Unlock()

	var b [idBytes]byte
	binary.BigEndian.PutUint64(b[:], n)
	_, _ = rand.Read(b[8:]) // never fails
	return strings.ToLower(base32.HexEncoding.EncodeToString(b[:]))
}

// IsSessionID reports whether id has the form of a session's ID, whether or not there is
// such a session.
func IsSessionID(id string) bool {
	_, err := base32.HexEncoding.DecodeString(strings.ToUpper(id))
	return err == nil && len(id) == 16 && id == strings.ToLower(id)
}
