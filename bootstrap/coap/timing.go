package coap

import "time"

// Transmission parameters and the times that follow from them (RFC 7252 §4.8).
const (
	ackTimeout      = 2 * time.Second // ACK_TIMEOUT, unless tuned
	ackRandomFactor = 1.5             // ACK_RANDOM_FACTOR
	maxRetransmit   = 4               // MAX_RETRANSMIT
	maxLatency      = 100 * time.Second

	// maxTransmitSpan is MAX_TRANSMIT_SPAN, 45 s: from the first transmission of a
	// Confirmable message to its last (§4.8.2).
	maxTransmitSpan = time.Duration(float64(ackTimeout) * (1<<maxRetransmit - 1) * ackRandomFactor)

	// maxTransmitWait is MAX_TRANSMIT_WAIT, 93 s: from the first transmission until
	// the sender gives up (§4.8.2).
	maxTransmitWait = time.Duration(float64(ackTimeout) * (1<<(maxRetransmit+1) - 1) * ackRandomFactor)

	// exchangeLifetime is EXCHANGE_LIFETIME, 247 s: how long a message ID may not be
	// used again, and so for how long a duplicate may come (§4.8.2).
	exchangeLifetime = maxTransmitSpan + 2*maxLatency + ackTimeout
)

// transmitWait is MAX_TRANSMIT_WAIT for a peer with another ACK_TIMEOUT.
func transmitWait(ackTimeout time.Duration) time.Duration {
	return time.Duration(float64(ackTimeout) * (1<<(maxRetransmit+1) - 1) * ackRandomFactor)
}

// Times of our own.
const (
	// separateTimeout is how long a response of its own is waited for after the empty
	// acknowledgement. RFC 7252 §5.2.2 sets no limit; this lets the peer use up its
	// retransmissions.
	separateTimeout = maxTransmitWait

	// defaultIdleTimeout is the default of [Config.IdleTimeout]: above
	// exchangeLifetime, so that a duplicate still finds its answer.
	defaultIdleTimeout = 5 * time.Minute
)
