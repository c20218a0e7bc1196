package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"sync"
	"time"
)

// maxVouched is how many chains are remembered, of the younger and the older half each: most sessions of a storm. One takes
// 300 bytes, and 4 KiB for each certificate that a device sends beside its own.
const maxVouched = 4096

// vouchedFor is how long one is remembered, longer than a session takes: a path that was not valid yet may be by then.
const vouchedFor = 10 * time.Minute

// vouched remembers the paths on which CAs vouch for chains: a session asks for them several times, and each check of a
// signature takes longer than all else that is done for its request. What is refused is not remembered. It is of one
// [Trust], which does not change. The zero value is empty. Its methods may be called concurrently.
type vouched struct {
	mu         sync.Mutex
	young, old map[chainKey]issuers // guarded by mu
}

// A chainKey is a digest over all certificates of a chain.
type chainKey [sha256.Size]byte

func keyOf(chain []*x509.Certificate) (key chainKey) {
	h := sha256.New()
	for _, c := range chain {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(c.Raw)))
		h.Write(length[:])
		h.Write(c.Raw)
	}
	h.Sum(key[:0])
	return key
}

// issuers are the paths of one chain, without its leaf, and when they are remembered: while all certificates on them are
// valid, for vouchedFor at most.
type issuers struct {
	paths       [][]*x509.Certificate
	since, till time.Time
}

// get returns the paths of a chain at a time; nil for none that is known.
func (v *vouched) get(key chainKey, leaf *x509.Certificate, now time.Time) (out [][]*x509.Certificate) {
	v.mu.Lock()
	known, ok := v.young[key]
	if !ok {
		if known, ok = v.old[key]; ok {
			v.put(key, known)
		}
	}
	v.mu.Unlock()
	if !ok || now.Before(known.since) || now.After(known.till) {
		return nil
	}
	for _, path := range known.paths {
		out = append(out, append([]*x509.Certificate{leaf}, path...))
	}
	return out
}

// add remembers the paths of a chain, at least one, that were found to be good now.
func (v *vouched) add(key chainKey, good [][]*x509.Certificate, now time.Time) {
	known := issuers{since: now.Add(-vouchedFor), till: now.Add(vouchedFor)} // also where the clock is set back
	for _, path := range good {
		for _, c := range path {
			if c.NotBefore.After(known.since) {
				known.since = c.NotBefore
			}
			if c.NotAfter.Before(known.till) {
				known.till = c.NotAfter
			}
		}
		known.paths = append(known.paths, path[1:])
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(key, known)
}

// put makes a chain one of the younger half. The caller holds mu.
func (v *vouched) put(key chainKey, known issuers) {
	if v.young == nil || len(v.young) >= maxVouched {
		v.young, v.old = make(map[chainKey]issuers), v.young
	}
	v.young[key] = known
}
