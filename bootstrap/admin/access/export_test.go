package access

// MaxHashQueue is how many log-ins wait for their hash.
const MaxHashQueue = maxHashQueue

// Hashes is how many hashes were made so far.
func (m *Manager) Hashes() int64 { return m.hashes.made.Load() }

// MostHashes is how many were made at a time at most.
func (m *Manager) MostHashes() int64 { return m.hashes.most.Load() }

// Refused is how many log-ins found no place to wait.
func (m *Manager) Refused() int64 { return m.hashes.refused.Load() }

// Spent is the work for the hashes that were verified.
func (m *Manager) Spent() int64 { return m.hashes.spent.Load() }

// MakeCheap makes hashes from now on with as little work as can be.
func (m *Manager) MakeCheap() { m.hashes.cost.memory, m.hashes.cost.time = 64, 1 }

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
