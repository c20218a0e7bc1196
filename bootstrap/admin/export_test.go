package admin

import "context"

// CompareAllKeys does what comparing a key for the first time does.
func (l *Local) CompareAllKeys(ctx context.Context) { l.keys.CompareAll(ctx, l.Store) }

// RememberedKeys is how many keys are remembered.
func (l *Local) RememberedKeys() int { return l.keys.Len() }
