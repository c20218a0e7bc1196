package message

import "time"

// Transmission parameters and what follows from them (RFC 7252 §4.8).
const (
	AckTimeout      = 2 * time.Second // ACK_TIMEOUT, unless tuned
	AckRandomFactor = 1.5             // ACK_RANDOM_FACTOR
	MaxRetransmit   = 4               // MAX_RETRANSMIT
	maxLatency      = 100 * time.Second

	// MaxTransmitSpan is MAX_TRANSMIT_SPAN, 45 s: from the first transmission of a
	// Confirmable message to its last (§4.8.2).
	MaxTransmitSpan = time.Duration(float64(AckTimeout) * (1<<MaxRetransmit - 1) * AckRandomFactor)

	// ExchangeLifetime is EXCHANGE_LIFETIME, 247 s: how long a message ID may not be
	// used again, and so for how long a duplicate may come (§4.8.2). Blocks of a body
	// are kept for as long.
	ExchangeLifetime = MaxTransmitSpan + 2*maxLatency + AckTimeout
)

// TransmitWait is MAX_TRANSMIT_WAIT: from the first transmission of a Confirmable
// message until its sender gives up, 93 s with the default ACK_TIMEOUT (§4.8.2).
//
// It also bounds the wait for a response of its own after the empty acknowledgement, to
// which §5.2.2 sets no limit: the peer has then used up its own retransmissions.
func TransmitWait(ackTimeout time.Duration) time.Duration {
	return time.Duration(float64(ackTimeout) * (1<<(MaxRetransmit+1) - 1) * AckRandomFactor)
}
