package access

// MaxHashQueue is how many log-ins wait for their hash.
const MaxHashQueue = maxHashQueue

// Hashes is how many hashes were made so far.
func (m *Manager) Hashes() int64 { return m.hashes.made.Load() }

// MostHashes is how many were made at a time at most.
func (m *Manager) MostHashes() int64 { return m.hashes.most.Load() }

// Refused is how many log-ins found no place to wait.
func (m *Manager) Refused() int64 { return m.hashes.refused.Load() }

// HoldHashes keeps hashes from being made until release is called.
func (m *Manager) HoldHashes() (release func()) {
	for range hashesAtOnce {
		m.hashes.work <- struct{}{}
	}
	return func() {
		for range hashesAtOnce {
			<-m.hashes.work
		}
	}
}

// Waiting is how many log-ins wait for a hash, or make one.
func (m *Manager) Waiting() int { return len(m.hashes.queue) }
