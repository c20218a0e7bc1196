package exchange

// A Tap sits between the message layer of a dialled association and its network, and
// may change the CoAP datagrams that pass in either direction; over DTLS, before they
// are encrypted. Simulated devices play stacks with it that do what this one does not.
// Its methods may be called concurrently.
type Tap interface {
	// Out is given a datagram that is to be sent, and returns those to send in its
	// place, in order.
	Out(datagram []byte) [][]byte

	// In is given a datagram that came. It returns whether the message layer is to
	// have it, and a datagram to send in answer; nil sends none.
	In(datagram []byte) (pass bool, answer []byte)
}

// withTap returns l with t on it; l itself where t is nil.
func withTap(l Link, t Tap) Link {
	if t == nil {
		return l
	}
	return tapped{l, t}
}

// A tapped is a link with a [Tap] on it.
type tapped struct {
	Link
	tap Tap
}

// Send implements [Link].
func (l tapped) Send(b []byte) (err error) {
	for _, datagram := range l.tap.Out(b) {
		if failed := l.Link.Send(datagram); failed != nil {
			err = failed
		}
	}
	return err
}

// tapIn passes a datagram from the network through the tap of l, if it has one, and
// reports whether the conn is to have it.
func tapIn(l Link, b []byte) bool {
	t, ok := l.(tapped)
	if !ok {
		return true
	}
	pass, answer := t.tap.In(b)
	if answer != nil {
		_ = t.Link.Send(answer) // an error has the effect of a lost datagram
	}
	return pass
}
