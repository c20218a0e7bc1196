package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Limits of passwords.
const (
	MinPassword = 10   // characters
	MaxPassword = 1024 // bytes
)

// The cost of a hash: what OWASP recommends for argon2id at least. One takes about 30 ms and 19 MiB.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashLength  = 32 // bytes
)

// The highest cost that is read from a stored hash, so that a changed one cannot take all memory.
const (
	maxHashMemory = 256 << 10 // KiB
	maxHashTime   = 16
)

// A Plaintext is a password as a person types it. It prints its length only.
type Plaintext string

// String implements [fmt.Stringer].
func (p Plaintext) String() string { return fmt.Sprintf("(%d bytes)", len(p)) }

// GoString implements [fmt.GoStringer].
func (p Plaintext) GoString() string { return p.String() }

// CheckPassword reports why a password cannot be that of a user. Its error wraps store.ErrInvalid and repeats
// nothing of the password.
func CheckPassword(user, password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: the password is not UTF-8", store.ErrInvalid)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: the password has %d bytes, at most %d are possible", store.ErrInvalid, len(password), MaxPassword)
	case utf8.RuneCountInString(norm.NFC.String(password)) < MinPassword:
		return fmt.Errorf("%w: the password has %d characters, %d are needed", store.ErrInvalid, utf8.RuneCountInString(password), MinPassword)
	case len(user) >= MinPassword/2 && strings.Contains(strings.ToLower(password), user):
		return fmt.Errorf("%w: the password contains the name of the user", store.ErrInvalid)
	case strings.Count(password, password[:1]) == len(password):
		return fmt.Errorf("%w: the password repeats one character", store.ErrInvalid)
	}
	return nil
}

// NewPassword returns a random password of 100 bits, in groups that can be typed.
func NewPassword() string {
	text := strings.ToLower(rand.Text())[:20]
	return text[:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:]
}

// hash is a hash of a password in its parts.
type hash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// of is the sum of a password under the parameters of h.
func (h hash) of(password string) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password)), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
}

// text is h in the form "$argon2id$v=19$m=19456,t=2,p=1$SALT$SUM".
func (h hash) text() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parseHash reads what text wrote.
func parseHash(text string) (h hash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errors.New("the hash of the password has an unknown form")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, errors.New("the hash of the password has no parameters")
	}
	var wrong error
	h.salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, wrong = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case err != nil || wrong != nil || len(h.salt) < 8 || len(h.sum) < 16 || len(h.sum) > 64:
		return h, errors.New("the hash of the password is not whole")
	case h.memory < 8 || h.memory > maxHashMemory || h.time < 1 || h.time > maxHashTime || h.threads < 1 || h.threads > 8:
		return h, errors.New("the hash of the password has parameters out of range")
	}
	return h, nil
}

// Bounds of the work for passwords: so many hashes at a time, so many requests that wait for one, and for how long.
const (
	hashesAtOnce = 2
	maxHashQueue = 32
	maxHashWait  = 5 * time.Second
)

// A hasher makes and verifies hashes, a few at a time: neither memory nor processors are exhausted by log-ins.
type hasher struct {
	queue chan struct{} // who waits or works
	work  chan struct{} // who works
	cost  hash          // of new hashes, without salt and sum; tests lower it

	made, refused, now, most atomic.Int64 // hashes that were made, refused, are being made, and were at a time
	spent                    atomic.Int64 // memory by time of those that were verified
}

func newHasher() *hasher {
	return &hasher{
		queue: make(chan struct{}, maxHashQueue), work: make(chan struct{}, hashesAtOnce),
		cost: hash{memory: hashMemory, time: hashTime, threads: hashThreads},
	}
}

// turn waits for a turn and runs do. Where too many wait, or the wait takes too long, the error wraps ErrBusy.
func (h *hasher) turn(ctx context.Context, do func()) error {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		h.refused.Add(1)
		return ErrBusy
	}
	wait := time.NewTimer(maxHashWait)
	defer wait.Stop()
	select {
	case h.work <- struct{}{}:
		defer func() { <-h.work }()
	case <-wait.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	h.most.Store(max(h.most.Load(), h.now.Add(1)))
	defer h.now.Add(-1)
	h.made.Add(1)
	do()
	return nil
}

// make returns the hash of a password.
func (h *hasher) make(ctx context.Context, password string) (text lwm2m.Secret, err error) {
	fresh := h.cost
	fresh.salt, fresh.sum = make([]byte, hashSalt), make([]byte, hashLength)
	_, _ = rand.Read(fresh.salt) // never fails
	err = h.turn(ctx, func() {
		fresh.sum = fresh.of(password)
		text = lwm2m.NewSecret([]byte(fresh.text()))
	})
	return text, err
}

// verify reports whether a stored hash, which may be empty, is that of a password. It takes as long where there
// is none.
func (h *hasher) verify(ctx context.Context, stored lwm2m.Secret, password string) (ok bool, err error) {
	want, wrong := parseHash(string(stored.Reveal()))
	if wrong != nil { // no password has the sum of zeros
		want = h.cost
		want.salt, want.sum = make([]byte, hashSalt), make([]byte, hashLength)
	}
	err = h.turn(ctx, func() {
		h.spent.Add(int64(want.memory) * int64(want.time))
		ok = subtle.ConstantTimeCompare(want.of(password), want.sum) == 1 && wrong == nil
	})
	if err == nil && wrong != nil && stored.Len() > 0 {
		err = fmt.Errorf("%w: %w", store.ErrCorrupt, wrong)
	}
	return ok, err
}
