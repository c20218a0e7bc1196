package record

// windowSize is how far behind the newest record another may come, RFC 6347 §4.1.2.6.
const windowSize = 64

// A ReplayWindow knows the numbers of the records that were taken. The zero one has taken
// none.
type ReplayWindow struct {
	Next uint64 // all from here on are new
	seen uint64 // bit i: number next-1-i was taken
}

// fresh reports whether number may be taken: it was not, and it is not too old to tell.
func (w ReplayWindow) fresh(number uint64) bool {
	if number >= w.Next {
		return true
	}
	age := w.Next - 1 - number
	return age < windowSize && w.seen>>age&1 == 0
}

// take notes that number, which is fresh, was taken, and reports whether it is the highest
// so far.
func (w *ReplayWindow) take(number uint64) (newest bool) {
	if number < w.Next {
		w.seen |= 1 << (w.Next - 1 - number)
		return false
	}
	w.seen = w.seen<<(number-w.Next+1) | 1 // Go shifts out all bits where it is far
	w.Next = number + 1
	return true
}

// Close accepts from now on only numbers above all that were accepted.
func (w *ReplayWindow) Close() { w.seen = ^uint64(0) }
