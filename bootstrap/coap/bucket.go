package coap

import "time"

// A bucket holds tokens up to the burst of its [Rate], and fills again with time. Tokens
// can be given back, which those of golang.org/x/time/rate cannot once they are taken.
// Not for concurrent use.
type bucket struct {
	rate   Rate
	tokens float64
	since  time.Time // when there were so many
}

// fullBucket returns a bucket that is full at now.
func fullBucket(r Rate, now time.Time) bucket {
	return bucket{rate: r, tokens: float64(r.Burst), since: now}
}

// take takes a token and reports whether there was one.
func (b *bucket) take(now time.Time) bool {
	if passed := now.Sub(b.since); passed > 0 {
		b.add(passed.Seconds() * float64(b.rate.PerSecond))
		b.since = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// giveBack returns a token that was taken.
func (b *bucket) giveBack() { b.add(1) }

func (b *bucket) add(n float64) { b.tokens = min(b.tokens+n, float64(b.rate.Burst)) }
