package handover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A listener is a Server that is told messages as they are.
type listener interface {
	// told sends the JSON of a message, whose ID is the same for its repetitions.
	told(ctx context.Context, id string, body []byte) error
}

var (
	// ErrSuperseded: a message need not be delivered any more.
	ErrSuperseded = errors.New("superseded")

	// ErrBusy: the receiver is being told of the device of the message at this moment.
	ErrBusy = errors.New("the receiver is told of the device now")
)

// Deliver delivers a message of the outbox: one try, within the time of the receiver's record. Errors:
// ErrSuperseded, ErrBusy, an [*Error], that of the store, or that of ctx.
func (s *Servers) Deliver(ctx context.Context, m store.Message) error {
	return s.tell(ctx, m.Receiver, func(ctx context.Context, record store.LwM2MServer, server Server) error {
		if m.Type == store.EventRemoved {
			return s.remove(ctx, record, server, m)
		}
		l, is := server.(listener)
		if !is {
			return refused("an LwM2M Server of kind %s is told no events", record.Kind)
		}
		return timely(ctx, l.told(ctx, messageID(m), m.Body.Reveal()))
	})
}

// remove tells a server to forget a device, unless the server is told of it again, or is to keep it.
func (s *Servers) remove(ctx context.Context, record store.LwM2MServer, server Server, m store.Message) error {
	h, _, err := m.Removed()
	if err != nil {
		return refused("the message cannot be read: %v", err)
	}
	unlock, ok := s.told.tryLock(lockOf(record, h))
	if !ok {
		return ErrBusy
	}
	defer unlock()
	switch known, err := s.isKnown(ctx, record, h); {
	case err != nil:
		return err
	case known || record.OnDelete == store.OnDeleteKeep:
		return ErrSuperseded
	}
	if l, is := server.(listener); is {
		return timely(ctx, l.told(ctx, messageID(m), m.Body.Reveal()))
	}
	return timely(ctx, server.Remove(ctx, Account{Endpoint: h.Endpoint, Mode: lwm2m.SecurityPSK, Identity: []byte(h.Identity)}))
}

// isKnown reports whether the record of a device says that a server may know it by what h says.
func (s *Servers) isKnown(ctx context.Context, record store.LwM2MServer, h store.HandedOver) (bool, error) {
	if record.Kind.ByIdentity() {
		names, err := s.store.DevicesHandedOver(ctx, record.Name, h.Identity, 1)
		return len(names) > 0, err
	}
	d, err := s.store.Device(ctx, h.Endpoint)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	for _, now := range d.HandedOver {
		if sameDevice(record, now, h) {
			return true, nil
		}
	}
	return false, err
}

// timely is err, or that there was no answer in time.
func timely(ctx context.Context, err error) error {
	var own *Error
	if err != nil && !errors.As(err, &own) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return unavailable("it did not answer in time")
	}
	return err
}

// messageID is the same for the repetitions of a message, also where it is delivered again later. Messages
// have the time in them and no secrets.
func messageID(m store.Message) string {
	sum := sha256.Sum256(append([]byte("lwbs message\x00"+m.Receiver+"\x00"), m.Body.Reveal()...))
	return "msg_" + hex.EncodeToString(sum[:16])
}
