package coap

import "context"

// A link is the way of a conn's datagrams to its peer: a socket with an address, or a
// DTLS association. The owner of the socket makes the link, gives it to [hub.newConn],
// and hands what comes from the peer to [conn.deliver]; when the peer ends the
// association the owner calls [conn.hangUp].
type link interface {
	// send hands one datagram to the network before it returns, and does not keep b.
	// It may be called concurrently, and after close. An error is as good as a lost
	// datagram; the association stays.
	send(b []byte) error

	// close frees what belongs to the link, with close_notify where there is DTLS.
	// The conn calls it once, when it ends for whatever reason, and holds no lock.
	close() error
}

// A hibernator is a link that can go on without its conn: when something comes from the peer
// it gets another.
type hibernator interface {
	link

	// hibernate ends c where that has no business, and reports false where it has. The conn
	// calls it and holds no lock.
	hibernate(c *conn) bool

	// settle waits until the request that came last would not be taken once more after a
	// crash, if it could be. Its error says that this cannot be seen to.
	settle(ctx context.Context) error

	// review returns why the peer would not be let in any more, if the link has hibernated
	// since the last review. It may look into the database.
	review() error

	// farewell tells the peer that nothing more comes for now.
	farewell()
}
