package bootstrap

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// A sessionIDs makes the IDs of sessions: 16 characters that sort by time. They hold
// the time in nanoseconds, a later one than in the ID before, and two random bytes
// against another server's of the same nanosecond.
type sessionIDs struct {
	mu   sync.Mutex
	last int64 // guarded by mu
}

func (ids *sessionIDs) next(now time.Time) string {
	ids.mu.Lock()
	ids.last = max(ids.last+1, now.UnixNano())
	n := ids.last
	ids.mu.Unlock()

	var b [10]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = rand.Read(b[8:]) // never fails
	return strings.ToLower(base32.HexEncoding.EncodeToString(b[:]))
}

// IsSessionID reports whether id has the form of a session's ID, whether or not there is
// such a session.
func IsSessionID(id string) bool {
	_, err := base32.HexEncoding.DecodeString(strings.ToUpper(id))
	return err == nil && len(id) == 16 && id == strings.ToLower(id)
}
