package store

import (
	"fmt"
	"strconv"
	"time"

	"lwbs/lwm2m"
)

// A Message waits in the outbox until its receiver, an LwM2MServer, has taken it. It is appended by the
// edit that is its reason, in the same transaction. Messages for one receiver about one device are
// delivered in the order of their IDs, each at least once.
type Message struct {
	// ID is greater than that of every message before.
	ID MessageID

	Receiver string             // name of the LwM2MServer
	Endpoint lwm2m.EndpointName // the device that it is about; empty for none
	Type     EventType

	// Body is what is to be delivered: JSON, with the members type, timestamp and data. It is sealed in
	// the database. No message has a key in it.
	Body lwm2m.Secret

	Queued time.Time // when it was appended, or asked to be delivered again
	Tries  int       // that have failed
	Tried  time.Time // when the last one failed; zero for none
	Error  string    // why; one line without secrets

	// Dead is since when it is a dead letter, which is kept and not delivered any more; zero for none.
	Dead time.Time
}

// A MessageID is the number of a message.
type MessageID uint64

func (id MessageID) String() string { return strconv.FormatUint(uint64(id), 10) }

// ParseMessageID reads what String wrote.
func ParseMessageID(text string) (MessageID, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: %.40q is not the number of a message", ErrInvalid, text)
	}
	return MessageID(n), nil
}

// MaxMessage is the limit of a Body, in bytes. Those of the outbox are options of a backend.
const MaxMessage = 16 << 10

// A MessageQuery selects messages, by receiver and then by ID.
type MessageQuery struct {
	Receiver string             // for this one; empty for all
	Endpoint lwm2m.EndpointName // about this device; empty for all
	Dead     bool               // dead letters, in place of those that are to be delivered
	After    MessageCursor      // behind this one; zero from the first
	Limit    int                // at most this many; zero means 100, at most 10,000
}

// A MessageCursor is the place of a message in the order of a MessageQuery.
type MessageCursor struct {
	Receiver string
	ID       MessageID
}

// Cursor is the place of m.
func (m Message) Cursor() MessageCursor { return MessageCursor{m.Receiver, m.ID} }

// OutboxCount counts the messages for one receiver.
type OutboxCount struct {
	Receiver string
	Queued   uint64 // to be delivered
	Events   uint64 // of those, that are events
	Dead     uint64 // dead letters
	Bytes    uint64 // of both, as they are stored
	Lost     uint64 // events and dead letters that there was no room for, ever
}
