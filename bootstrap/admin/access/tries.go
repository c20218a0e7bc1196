package access

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Limits of tries to log in. A try takes a token from several buckets, and a right password gives it back.
//
// One source cannot try many passwords of one account or of many accounts. Many sources together cannot try many
// passwords of one account: but as that would let them lock it out, the bucket of an account is not asked for a
// source that the account logged in from within knownFor.
var (
	triesOfPair    = rate{burst: burstOfPair, every: 30 * time.Second}    // one account from one source
	triesOfSource  = rate{burst: burstOfSource, every: 10 * time.Second}  // all accounts from one source
	triesOfAccount = rate{burst: burstOfAccount, every: 10 * time.Second} // one account from all sources that are not known
)

const (
	burstOfPair    = 5
	burstOfSource  = 20
	burstOfAccount = 100
)

const (
	knownFor   = 30 * 24 * time.Hour
	maxBuckets = 10_000 // of each kind, and known sources; the least recently used go
)

// A rate is that of a token bucket: burst tokens, and another one each every.
type rate struct {
	burst int
	every time.Duration
}

// tries count tries to log in.
type tries struct {
	mu                    sync.Mutex
	pair, source, account *recent[*bucket]   // guarded by mu
	known                 *recent[time.Time] // when an account logged in from a source last; guarded by mu
}

func newTries() *tries {
	return &tries{pair: newRecent[*bucket](), source: newRecent[*bucket](), account: newRecent[*bucket](), known: newRecent[time.Time]()}
}

// take takes a try at an account from a source, or says when the next one is possible. GiveBack is for a try that was
// not made after all, and for one with the right password, after which the source is known.
func (t *tries) take(account, source string, now time.Time) (giveBack func(right bool), wait time.Duration) {
	source = network(source)
	t.mu.Lock()
	defer t.mu.Unlock()
	pair := account + "\x00" + source
	buckets := []*bucket{
		t.bucket(t.pair, pair, triesOfPair, now),
		t.bucket(t.source, source, triesOfSource, now),
	}
	if at, ok := t.known.get(pair); !ok || now.Sub(at) > knownFor {
		buckets = append(buckets, t.bucket(t.account, account, triesOfAccount, now))
	}
	giveAllBack, wait := takeAll(buckets)
	if wait > 0 {
		return nil, wait
	}
	return func(right bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		giveAllBack()
		if right {
			t.known.put(pair, now)
		}
	}, 0
}

// takeSource takes a try from a source at an account that is not known yet.
func (t *tries) takeSource(source string, now time.Time) (giveBack func(), wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	giveAllBack, wait := takeAll([]*bucket{t.bucket(t.source, network(source), triesOfSource, now)})
	if wait > 0 {
		return nil, wait
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		giveAllBack()
	}, 0
}

// takeAll takes a token from each bucket, or from none, and says when all have one. The caller holds the lock, also for
// giveBack.
func takeAll(buckets []*bucket) (giveBack func(), wait time.Duration) {
	for _, b := range buckets {
		wait = max(wait, b.wait())
	}
	if wait > 0 {
		return nil, wait
	}
	for _, b := range buckets {
		b.tokens--
	}
	return func() {
		for _, b := range buckets {
			b.tokens = min(b.tokens+1, float64(b.burst))
		}
	}, 0
}

// recall notes that an account logged in from a source at some time, unless a later time is noted.
func (t *tries) recall(account, source string, at time.Time) {
	pair := account + "\x00" + network(source)
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.known.get(pair); !ok || known.Before(at) {
		t.known.put(pair, at)
	}
}

// bucket returns the bucket of a key as it is now.
func (t *tries) bucket(of *recent[*bucket], key string, r rate, now time.Time) *bucket {
	b, ok := of.get(key)
	if !ok {
		b = &bucket{rate: r, tokens: float64(r.burst), at: now}
		of.put(key, b)
	}
	b.fill(now)
	return b
}

// network is what counts as one source: an IPv4 address, or an IPv6 network of /64.
func network(source string) string {
	ip, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return source
	}
	return p.String()
}

// A bucket is a token bucket.
type bucket struct {
	rate
	tokens float64
	at     time.Time // when it had so many
}

func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens, b.at = min(float64(b.burst), b.tokens+float64(passed)/float64(b.every)), now
	}
}

// wait is for how long there is no token.
func (b *bucket) wait() time.Duration {
	if b.tokens >= 1 {
		return 0
	}
	return max(time.Second, time.Duration((1-b.tokens)*float64(b.every)).Round(time.Second))
}

// recent keeps the maxBuckets values that were used last.
type recent[T any] struct {
	order *list.List // of recentEntry[T], the least recently used in front
	at    map[string]*list.Element
}

type recentEntry[T any] struct {
	key   string
	value T
}

func newRecent[T any]() *recent[T] { return &recent[T]{list.New(), make(map[string]*list.Element)} }

func (r *recent[T]) get(key string) (value T, ok bool) {
	e, ok := r.at[key]
	if !ok {
		return value, false
	}
	r.order.MoveToBack(e)
	return e.Value.(recentEntry[T]).value, true
}

func (r *recent[T]) put(key string, value T) {
	if e, ok := r.at[key]; ok {
		e.Value = recentEntry[T]{key, value}
		r.order.MoveToBack(e)
		return
	}
	if r.order.Len() >= maxBuckets {
		oldest := r.order.Front()
		delete(r.at, oldest.Value.(recentEntry[T]).key)
		r.order.Remove(oldest)
	}
	r.at[key] = r.order.PushBack(recentEntry[T]{key, value})
}
