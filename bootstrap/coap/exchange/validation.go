package exchange

// amplification is the amplification limit: how many bytes are sent for each received one to an
// unvalidated address (RFC 7252 §11.3; the factor is that of RFC 9000 §8.1).
const amplification = 3

// An UnvalidatedLink is a link to an address that may be forged. What is sent over it is limited
// until the peer has answered a request: only who receives at that address knows the token.
type UnvalidatedLink interface {
	Link

	// Validated is called once the address of the peer is validated, at most once. The conn
	// holds no lock.
	Validated()
}

// addBudget adds what may be sent for b, which came from the peer. The caller holds mu.
func (c *Conn) addBudget(b []byte) {
	if c.unvalidated != nil {
		c.sendBudget += amplification * len(b)
	}
}

// spendBudget reports whether n bytes may be sent now, and takes them off the budget.
func (c *Conn) spendBudget(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.unvalidated == nil:
		return true
	case c.sendBudget < n:
		return false
	}
	c.sendBudget -= n
	return true
}

// isUnvalidated reports whether the address of the peer is not validated yet.
func (c *Conn) isUnvalidated() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unvalidated != nil
}

// validate notes that the peer has answered a request of ours with its token. A message ID, which
// is all that empty acknowledgements and RST have, can be guessed and validates nothing.
func (c *Conn) validate() {
	c.mu.Lock()
	l := c.unvalidated
	c.unvalidated = nil
	c.mu.Unlock()
	if l != nil {
		l.Validated()
	}
}
