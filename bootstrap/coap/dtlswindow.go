package coap

// windowSize is how far behind the newest record another may come, RFC 6347 §4.1.2.6.
const windowSize = 64

// A replayWindow knows the numbers of the records that were taken. The zero one has taken
// none.
type replayWindow struct {
	next uint64 // all from here on are new
	seen uint64 // bit i: number next-1-i was taken
}

// fresh reports whether number may be taken: it was not, and it is not too old to tell.
func (w replayWindow) fresh(number uint64) bool {
	if number >= w.next {
		return true
	}
	age := w.next - 1 - number
	return age < windowSize && w.seen>>age&1 == 0
}

// take notes that number, which is fresh, was taken, and reports whether it is the highest
// so far.
func (w *replayWindow) take(number uint64) (newest bool) {
	if number < w.next {
		w.seen |= 1 << (w.next - 1 - number)
		return false
	}
	w.seen = w.seen<<(number-w.next+1) | 1 // Go shifts out all bits where it is far
	w.next = number + 1
	return true
}

// close lets nothing be taken any more but what is newer than all that was.
func (w *replayWindow) close() { w.seen = ^uint64(0) }
