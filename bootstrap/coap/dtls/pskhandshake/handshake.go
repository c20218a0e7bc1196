package pskhandshake

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"

	"github.com/pion/dtls/v3/pkg/protocol/alert"

	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// MaxIdentity is the longest PSK identity taken, in bytes, as RFC 7925 §4.2 asks for.
const MaxIdentity = 128

// When the server retransmits (RFC 6347 §4.2.4.1).
const (
	firstInterval = time.Second
	maxInterval   = time.Minute
)

// Why a handshake failed, beside the [*AlertError] of a client.
var (
	// ErrIdentity: the client claimed an identity that is empty or too long.
	ErrIdentity = errors.New("bad PSK identity")

	// ErrOtherMessages: the Finished of the client is authentic, so that it has the right key, but it
	// is over other messages than ours.
	ErrOtherMessages = errors.New("the client has seen other messages in the handshake")

	errVersion       = errors.New("the client does not offer DTLS 1.2")
	errNoSuite       = errors.New("the client offers no suite with a pre-shared key")
	errCompression   = errors.New("the client insists on compression")
	errRenegotiation = errors.New("the client takes the handshake for a renegotiation")
	errKeyExchange   = errors.New("the ClientKeyExchange of the client makes no sense")
)

// A Status says what a [Handshake] waits for.
type Status uint8

// All of them.
const (
	Waiting  Status = iota // for a record of the client, or for the time that Next returns
	NeedsKey               // for Key, with the key of Identity
	Complete               // for nothing: Result has what was agreed upon
	Failed                 // for nothing: Err says why
)

// An Opening is what a handshake begins with.
type Opening struct {
	// Hello is the datagram with the ClientHello that brought the cookie, in one piece, and Offer what
	// [hello.ParseOffer] has made of it. Hello is not kept.
	Hello []byte
	Offer hello.Offer

	// Random is that of the server. It must be new.
	Random [record.RandomSize]byte

	// CID is the connection ID that the client is to use, if it asks for one (RFC 9146); nil gives
	// it none.
	CID []byte
}

// A Handshake is one handshake of a server. Not for concurrent use.
type Handshake struct {
	status Status
	err    error

	suite                      record.Suite
	clientRandom, serverRandom [record.RandomSize]byte
	extended                   bool   // RFC 7627
	ownCID, peerCID            []byte // nil where the client has none
	cookie                     []byte

	transcript  hash.Hash // of the messages so far; all suites with a pre-shared key have SHA-256
	serverHello []byte
	nextPlain   uint64 // number of the next record in the clear

	part     assembly // of the message that is expected of the client
	identity string
	early    []record.Record // of epoch 1, before there are keys
	size     int             // of early and after, in bytes

	master []byte
	layer  record.Layer // once there is a key
	flight []byte
	after  []record.Opened

	interval time.Duration
	next     time.Time
}

// Begin returns the handshake that follows a ClientHello, and what to send: ServerHello and
// ServerHelloDone, or the alert with which it has failed.
func Begin(o Opening, now time.Time) (*Handshake, []byte) {
	// HelloVerifyRequest was record 0: see hello.Challenge.
	h := &Handshake{transcript: sha256.New(), nextPlain: 1, serverRandom: o.Random, interval: firstInterval}
	w, ok := hello.ParseWhole(o.Hello)
	own := slices.IndexFunc(o.Offer.Suites, func(s record.Suite) bool { return slices.Contains(record.Suites(), s) })
	switch {
	case !ok || o.Offer.Version != record.Version12:
		return h, h.refuse(errVersion, alert.ProtocolVersion)
	case own < 0:
		return h, h.refuse(errNoSuite, alert.HandshakeFailure)
	case !slices.Contains(o.Offer.Compressions, 0):
		return h, h.refuse(errCompression, alert.IllegalParameter)
	case len(o.Offer.Renegotiation) > 0:
		return h, h.refuse(errRenegotiation, alert.HandshakeFailure)
	}
	h.suite, h.clientRandom, h.cookie = o.Offer.Suites[own], w.Random(), bytes.Clone(w.Cookie)
	h.extended = o.Offer.ExtendedMaster
	if o.Offer.CID != nil && o.CID != nil {
		h.ownCID, h.peerCID = o.CID, o.Offer.CID
	}
	h.serverHello = serverHello(h, o.Offer.Renegotiation != nil)
	r, _, _ := record.Next(o.Hello)
	h.transcript.Write(r.Content)
	h.transcript.Write(h.serverHello)
	h.transcript.Write(serverHelloDone)
	return h, h.sendHello(now)
}

// Status says what the handshake waits for.
func (h *Handshake) Status() Status { return h.status }

// Err is why the handshake has failed.
func (h *Handshake) Err() error { return h.err }

// Identity is the one that the client claims; empty before it does.
func (h *Handshake) Identity() string { return h.identity }

// Next is when [Handshake.Due] is due, while the handshake waits.
func (h *Handshake) Next() time.Time { return h.next }

// Take takes a record of the client, and returns the datagram to send, nil for none. What is not part
// of the handshake yet, or any more, is kept or dropped. The record may be altered after that.
func (h *Handshake) Take(r record.Record, now time.Time) []byte {
	switch {
	case h.status == Failed:
		return nil
	case r.Epoch() == record.SealedEpoch:
		return h.takeSealed(r)
	case r.Epoch() != record.PlainEpoch || h.status == Complete:
		return nil
	case r.ContentType() == record.TypeAlert:
		return h.takeAlert(r.Content)
	case r.ContentType() == record.TypeHandshake:
		return h.takePlain(r.Content, now)
	}
	return nil // ChangeCipherSpec, or what does not belong here
}

// Due retransmits, if the time has come, and returns the datagram to send; nil for none.
func (h *Handshake) Due(now time.Time) []byte {
	if h.status > NeedsKey || now.Before(h.next) {
		return nil
	}
	h.interval = min(2*h.interval, maxInterval)
	return h.sendHello(now)
}

// Key goes on with the key of the identity, or with one that was made up for it. It returns the
// datagram to send; nil for none.
func (h *Handshake) Key(key []byte) (out []byte) {
	if h.status != NeedsKey {
		return nil
	}
	h.derive(key)
	h.status = Waiting
	early := h.early
	h.early, h.size = nil, 0
	for _, r := range early {
		if sent := h.takeSealed(r); sent != nil {
			out = sent
		}
	}
	return out
}

// Abort ends the handshake for a reason that is none of the client's, and returns the alert to send.
func (h *Handshake) Abort(why error) []byte {
	if h.status >= Complete {
		return nil
	}
	return h.refuse(why, alert.InternalError)
}

// takePlain takes handshake messages in the clear, or fragments of such.
func (h *Handshake) takePlain(b []byte, now time.Time) (out []byte) {
	for f, rest, ok := cutFragment(b); ok; f, rest, ok = cutFragment(rest) {
		switch {
		case f.kind == record.ClientHello && out == nil && h.repeats(f):
			out = h.sendHello(now)
		case f.kind == clientKeyExchange && f.number == keyExchangeNumber && h.identity == "":
			if failed := h.takeKeyExchange(f); failed != nil {
				return failed
			}
		}
	}
	return out
}

// repeats reports whether f is the beginning of the ClientHello of this handshake, whose cookie only
// the client knows.
func (h *Handshake) repeats(f fragment) bool {
	again := hello.Parse(f.whole)
	return f.number == clientHelloNumber && again.Start && again.Random == h.clientRandom && len(again.Cookie) > 0 && bytes.Equal(again.Cookie, h.cookie)
}

// takeKeyExchange takes a ClientKeyExchange (RFC 4279 §2), or a fragment of it, and returns the alert to
// send if that makes no sense.
func (h *Handshake) takeKeyExchange(f fragment) []byte {
	if f.length > 2+MaxIdentity {
		return h.refuse(badIdentity(f.length-2), alert.IllegalParameter)
	}
	message := h.part.add(f)
	if message == nil {
		return nil
	}
	identity, rest, ok := record.CutLongVector(message[record.HandshakeHeader:])
	switch {
	case !ok || len(rest) > 0:
		return h.refuse(errKeyExchange, alert.DecodeError)
	case len(identity) == 0:
		return h.refuse(badIdentity(0), alert.IllegalParameter)
	}
	h.transcript.Write(message)
	h.identity, h.status = string(identity), NeedsKey
	return nil
}

func badIdentity(n int) error {
	return fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrIdentity, n, MaxIdentity)
}

// fail ends the handshake.
func (h *Handshake) fail(err error) {
	h.status, h.err = Failed, err
	h.early, h.after, h.master, h.part = nil, nil, nil, assembly{}
}

// refuse ends the handshake, and returns the alert to send.
func (h *Handshake) refuse(err error, why alert.Description) []byte {
	h.fail(err)
	return h.alert(alert.Fatal, why)
}

func (h *Handshake) alert(level alert.Level, why alert.Description) []byte {
	return h.appendPlain(nil, record.TypeAlert, []byte{byte(level), byte(why)})
}

// sendHello returns the flight of ServerHello, and sets when it is due again.
func (h *Handshake) sendHello(now time.Time) []byte {
	h.next = now.Add(h.interval)
	b := make([]byte, 0, 2*record.HeaderSize+len(h.serverHello)+len(serverHelloDone))
	b = h.appendPlain(b, record.TypeHandshake, h.serverHello)
	return h.appendPlain(b, record.TypeHandshake, serverHelloDone)
}
