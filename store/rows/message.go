package rows

import (
	"encoding/json"
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// maxTold is the limit of the error of a message, in bytes.
const maxTold = 1 << 10

// A messageRow is the stored form of a [store.Message], with its Body sealed.
type messageRow struct {
	ID       store.MessageID    `json:"message"`
	Receiver string             `json:"receiver"`
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`
	Type     store.EventType    `json:"type"`
	Body     []byte             `json:"body"`
	Queued   time.Time          `json:"queued"`
	Tries    int                `json:"tries,omitempty"`
	Tried    time.Time          `json:"tried,omitzero"`
	Error    string             `json:"error,omitempty"`
	Dead     time.Time          `json:"dead,omitzero"`
}

// messagePlace binds the sealed body of a message to it.
func messagePlace(id store.MessageID, receiver string) string {
	return "lwbs/1\x00" + store.KindMessage + "\x00" + receiver + "\x00" + id.String()
}

// EncodeMessage returns the stored bytes of a message. Its error wraps ErrInvalid.
func EncodeMessage(k *seal.Keyring, m store.Message) ([]byte, error) {
	switch {
	case m.ID == 0 || m.Receiver == "" || m.Type == "":
		return nil, fmt.Errorf("%w: a message without a number, a receiver or a type", store.ErrInvalid)
	case m.Body.Len() > store.MaxMessage:
		return nil, fmt.Errorf("message %v: %w", m.ID, store.AtMost(m.Body.Len(), "bytes of message", store.MaxMessage))
	case !json.Valid(m.Body.Reveal()):
		return nil, fmt.Errorf("message %v: %w: it is not JSON", m.ID, store.ErrInvalid)
	}
	return encodeRow(messageRow{
		ID: m.ID, Receiver: m.Receiver, Endpoint: m.Endpoint, Type: m.Type, Body: k.Seal(m.Body.Reveal(), messagePlace(m.ID, m.Receiver)),
		Queued: m.Queued.UTC(), Tries: m.Tries, Tried: m.Tried.UTC(), Error: m.Error[:min(len(m.Error), maxTold)], Dead: m.Dead.UTC(),
	})
}

// DecodeMessage reads what EncodeMessage wrote. With a nil Keyring Body is empty. Its error wraps
// ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeMessage(k *seal.Keyring, b []byte) (store.Message, error) {
	var row messageRow
	if _, err := decodeRow(b, &row); err != nil {
		return store.Message{}, err
	}
	m := store.Message{
		ID: row.ID, Receiver: row.Receiver, Endpoint: row.Endpoint, Type: row.Type,
		Queued: row.Queued, Tries: row.Tries, Tried: row.Tried, Error: row.Error, Dead: row.Dead,
	}
	if k == nil {
		return m, nil
	}
	body, err := k.Open(row.Body, messagePlace(row.ID, row.Receiver))
	m.Body = lwm2m.NewSecret(body)
	return m, err
}
