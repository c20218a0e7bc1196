package bootstrap

import (
	"context"
	"errors"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
)

// A Method is a CoAP request method.
type Method uint8

// The methods of the bootstrap interface, with their CoAP codes.
const (
	GET    Method = 1
	POST   Method = 2
	PUT    Method = 3
	DELETE Method = 4
)

var methodNames = [...]string{GET: "GET", POST: "POST", PUT: "PUT", DELETE: "DELETE"}

// String is the method's name.
func (m Method) String() string {
	if m >= GET && int(m) < len(methodNames) {
		return methodNames[m]
	}
	return "method " + string('0'+rune(m%10))
}

// A Request is one CoAP request, in either direction, whole: blocks, retransmission
// and duplicates are the business of the message layer.
type Request struct {
	Method  Method
	Path    []string // Uri-Path options; none for "/"
	Queries []string // Uri-Query options

	ContentFormat lwm2m.Format // of Payload; zero when not given
	Accept        lwm2m.Format // zero when not given
	Payload       []byte

	// MaxAnswer is how many bytes of payload are taken of the answer, over all its blocks, in
	// a request to a client; zero stands for 64 KiB. Ignored in one that came.
	MaxAnswer int
}

// A Response is the answer to a Request.
type Response struct {
	Code          lwm2m.Code
	ContentFormat lwm2m.Format
	Payload       []byte

	// MaxAge, in an answer of 5.03 to be sent, is after what time the client may try again, in whole seconds
	// (RFC 7252 §5.9.3.4); zero leaves it out.
	MaxAge time.Duration

	// Permitted, in an answer to be sent, is asked before each further block that the client
	// fetches of Payload: where it reports false, that is refused. Nil permits all.
	Permitted func() bool

	// The rest describes an answer that was received, and is ignored in one to be sent.

	// Transmissions counts the datagrams that the request and its blocks took
	// beyond one each, plus one: 1 where nothing was lost.
	Transmissions int

	// Separate is whether the answer came as a message of its own, after an empty
	// acknowledgement (RFC 7252 §5.2.2).
	Separate bool

	// Quirk tells a deviation of the peer that the message layer tolerated; usually
	// empty.
	Quirk string
}

// Why a request has no answer. [Conn.Do] wraps one of these, or the error of its
// context.
var (
	// ErrSilent: nothing came, retransmissions included (RFC 7252 §4.2).
	ErrSilent = errors.New("no answer")

	// ErrReset: the peer rejected the message with RST.
	ErrReset = errors.New("rejected with RST")

	// ErrBlockWise: an answer came that breaks the rules of block-wise transfer (RFC 7959).
	ErrBlockWise = errors.New("block-wise error")

	// ErrAnswerTooLarge: an answer has more bytes than Request.MaxAnswer.
	ErrAnswerTooLarge = errors.New("the answer is too large")

	// ErrUnvalidated: a request with a payload was not sent to a peer of plain CoAP, as its
	// address is unvalidated: it has not answered a request without a payload yet.
	ErrUnvalidated = errors.New("the address of the peer is unvalidated")

	// ErrGone: the peer or this side closed the association.
	ErrGone = errors.New("association closed")

	// ErrStopping: the server is about to stop. The contexts of requests end with it.
	ErrStopping = errors.New("server stopped")
)

// A Conn is one association with a peer: a DTLS association, or an address and port
// of plain CoAP. Its methods may be called concurrently; requests are sent one at a
// time (NSTART 1).
type Conn interface {
	// Do sends a Confirmable request and waits for its final answer, acknowledging
	// a separate one before it returns. An error code in the answer is no error.
	Do(ctx context.Context, r Request) (Response, error)

	// Peer says who is at the other end.
	Peer() auth.Peer

	// Tune sets what is special about this peer, for later requests.
	Tune(t Tuning)

	// Done is closed when the association has ended.
	Done() <-chan struct{}

	// Linger ends the Conn when the peer closes the association, at the latest after d. It
	// returns at once. Until then duplicates are answered, so that a lost acknowledgement does
	// no harm, and a new request of the peer is handled and ends the lingering.
	//
	// A DTLS association then hibernates, where that is not off: when its peer comes back on it
	// there is another Conn.
	Linger(d time.Duration)

	// Release is Linger for a peer from which no request is expected: the peer gets a moment to
	// close the association itself, shorter under overload.
	Release()

	// Abort is Release for a peer that still waits for something: over DTLS it is told with
	// close_notify that nothing more comes, so that it may begin anew at once.
	Abort()

	// Close ends the association at once and for good, with close_notify where there is
	// DTLS.
	Close() error
}

// Tuning adapts the message layer to one peer. Zero values mean the default.
type Tuning struct {
	AckTimeout time.Duration // ACK_TIMEOUT; default 2 s (RFC 7252 §4.8)
	BlockSize  int           // largest block sent, a power of two from 16 to 1024; default 1024
}

// A Handler answers the requests of peers.
type Handler interface {
	// ServeRequest answers r. It must not block for longer than a store look-up
	// takes. After, where not nil, runs in a goroutine of its own once the answer
	// has been handed to the network, or could not be since conn has ended; it may
	// use conn, and the message layer waits for it before it is closed. ctx ends when
	// conn does or the message layer is closed. Duplicates of r are answered by the
	// message layer and do not come here.
	ServeRequest(ctx context.Context, conn Conn, r Request) (resp Response, after func(ctx context.Context))
}
