package admin

import "context"

// CompareAllKeys does what comparing a key for the first time does.
func (l *Local) CompareAllKeys(ctx context.Context) {
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	l.compareAll(ctx, "")
}

// RememberedKeys is how many keys are remembered.
func (l *Local) RememberedKeys() int {
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	return len(l.keys.owners)
}
