package coap

// amplification is how many bytes are sent for each that came, as long as the address of
// a peer may be forged (RFC 7252 §11.3; the factor is that of RFC 9000 §8.1).
const amplification = 3

// A doubtful link is to an address that may be forged. What is sent over it is bounded
// until its peer has answered a request of ours: nobody else can know the token.
type doubtful interface {
	link

	// proved is told that the peer is where it says it is, at most once. The conn
	// calls it and holds no lock.
	proved()
}

// credit adds what b, which came from the peer, lets us send. The caller holds mu.
func (c *conn) credit(b []byte) {
	if c.doubted != nil {
		c.budget += amplification * len(b)
	}
}

// afford reports whether n bytes may be sent now, and takes them off what may be.
func (c *conn) afford(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.doubted == nil:
		return true
	case c.budget < n:
		return false
	}
	c.budget -= n
	return true
}

// inDoubt reports whether the peer has yet to prove its address.
func (c *conn) inDoubt() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doubted != nil
}

// prove notes that the peer has answered a request of ours with its token. A message ID
// proves nothing, as it can be guessed; nor so do empty acknowledgements and RST, which
// have no more.
func (c *conn) prove() {
	c.mu.Lock()
	l := c.doubted
	c.doubted = nil
	c.mu.Unlock()
	if l != nil {
		l.proved()
	}
}
