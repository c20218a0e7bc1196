package exchange

import "context"

// A Link is the way of a conn's datagrams to its peer: a socket with an address, or a
// DTLS association. The owner of the socket makes the link, gives it to [Hub.NewConn],
// and hands what comes from the peer to [Conn.Deliver]; when the peer ends the
// association the owner calls [Conn.HangUp].
type Link interface {
	// Send hands one datagram to the network before it returns, and does not keep b.
	// It may be called concurrently, and after close. An error has the effect of a lost
	// datagram: the association stays.
	Send(b []byte) error

	// Close frees what belongs to the link, with close_notify where there is DTLS.
	// The conn calls it once, when it ends for whatever reason, and holds no lock.
	Close() error
}

// A Hibernator is a link that can outlive its conn: when the peer sends something it gets another
// one.
type Hibernator interface {
	Link

	// Hibernate ends c if that is idle, and reports whether it did. The conn calls it and holds
	// no lock.
	Hibernate(c *Conn) bool

	// AwaitRecorded waits until it is recorded that the latest request came, so that it is not
	// accepted once more after a crash. It fails where that cannot be recorded.
	AwaitRecorded(ctx context.Context) error

	// Recheck returns why the peer would not be admitted any more, if the link has hibernated
	// since the last Recheck. It may read the database.
	Recheck() error

	// CloseNotify tells the peer that nothing more comes for now.
	CloseNotify()
}
