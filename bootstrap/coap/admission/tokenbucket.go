package admission

import "time"

// A tokenBucket holds tokens up to the burst of its [Rate], and fills again with time. Tokens
// can be given back, which those of golang.org/x/time/rate cannot once they are taken.
// Not for concurrent use.
type tokenBucket struct {
	rate   Rate
	tokens float64
	since  time.Time // when there were so many
}

// newTokenBucket returns a bucket that is full at now.
func newTokenBucket(r Rate, now time.Time) tokenBucket {
	return tokenBucket{rate: r, tokens: float64(r.Burst), since: now}
}

// setRate changes the rate and the burst.
func (b *tokenBucket) setRate(r Rate) {
	b.rate = r
	b.add(0)
}

// take takes a token and reports whether there was one.
func (b *tokenBucket) take(now time.Time) bool {
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

// refund returns a token that was taken.
func (b *tokenBucket) refund() { b.add(1) }

func (b *tokenBucket) add(n float64) { b.tokens = min(b.tokens+n, float64(b.rate.Burst)) }
