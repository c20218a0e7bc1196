package pskhandshake

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/pion/dtls/v3/pkg/protocol/alert"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
)

const (
	// maxKept is how many bytes of records wait in a handshake: of epoch 1 before there are keys, and
	// what came behind them before the Finished. More are dropped, as if they were lost.
	maxKept = 4096

	// recordOverhead is counted for each of them.
	recordOverhead = 64

	masterSize = 48 // of a master secret, RFC 5246 §8.1
)

// A Result is what was agreed upon.
type Result struct {
	// Layer goes on where the handshake ended.
	Layer record.Layer

	// Flight is the last of the server, which it has sent. The client may not have it.
	Flight []byte

	// After are the records that overtook the Finished of the client. They are authentic.
	After []record.Opened
}

// Result returns what a complete handshake has agreed upon.
func (h *Handshake) Result() Result { return Result{h.layer, h.flight, h.after} }

// An AlertError is the alert with which a client has ended a handshake.
type AlertError struct {
	Level, Description byte // RFC 5246 §7.2
}

func (e *AlertError) Error() string {
	if name := alert.Description(e.Description).String(); name != alert.Description(0xff).String() {
		return fmt.Sprintf("the client sent alert %d, %s", e.Description, name)
	}
	return fmt.Sprintf("the client sent alert %d", e.Description)
}

// takeAlert takes an alert before the handshake is complete. A fatal one ends it, and so does
// close_notify, which is answered.
func (h *Handshake) takeAlert(content []byte) []byte {
	if len(content) != 2 {
		return nil
	}
	err := &AlertError{content[0], content[1]}
	switch {
	case alert.Description(err.Description) == alert.CloseNotify:
		h.fail(err)
		return h.alert(alert.Warning, alert.CloseNotify)
	case alert.Level(err.Level) == alert.Fatal:
		h.fail(err)
	}
	return nil
}

// derive makes the keys of the association (RFC 4279 §2, RFC 7627 §4).
func (h *Handshake) derive(key []byte) {
	premaster := make([]byte, 0, 4+2*len(key))
	premaster = binary.BigEndian.AppendUint16(premaster, uint16(len(key)))
	premaster = append(premaster, make([]byte, len(key))...)
	premaster = binary.BigEndian.AppendUint16(premaster, uint16(len(key)))
	premaster = append(premaster, key...)
	if h.extended {
		h.master = record.Pseudorandom(h.suite, masterSize, premaster, "extended master secret", h.transcript.Sum(nil))
	} else {
		h.master = record.Pseudorandom(h.suite, masterSize, premaster, "master secret", h.clientRandom[:], h.serverRandom[:])
	}
	h.layer = record.NewLayer(h.suite, h.master, h.clientRandom[:], h.serverRandom[:], h.ownCID, h.peerCID, 0)
}

// takeSealed takes a record of epoch 1.
func (h *Handshake) takeSealed(r record.Record) []byte {
	if h.identity == "" || h.status == NeedsKey {
		h.keepEarly(r)
		return nil
	}
	opened, why := h.layer.Open(r)
	switch {
	case why != traffic.NotDropped:
		return nil
	case opened.ContentType == record.TypeHandshake && h.status == Waiting:
		return h.takeFinished(opened.Content)
	case opened.ContentType == record.TypeAlert && h.status == Waiting && !bytes.HasSuffix(opened.Content, []byte{byte(alert.CloseNotify)}):
		return h.takeAlert(opened.Content)
	case opened.ContentType != record.TypeHandshake && h.reserve(len(opened.Content)):
		h.after = append(h.after, opened)
	}
	return nil
}

// keepEarly keeps a copy of a record that there are no keys for yet.
func (h *Handshake) keepEarly(r record.Record) {
	if h.reserve(len(r.Header) + len(r.Content)) {
		h.early = append(h.early, record.Record{Header: bytes.Clone(r.Header), Content: bytes.Clone(r.Content)})
	}
}

// reserve reports whether there is room for a record of n bytes.
func (h *Handshake) reserve(n int) bool {
	if h.size+n+recordOverhead > maxKept {
		return false
	}
	h.size += n + recordOverhead
	return true
}

// takeFinished takes the Finished of the client (RFC 5246 §7.4.9), or a fragment of it: authentic, as
// it was protected with the keys of the handshake.
func (h *Handshake) takeFinished(b []byte) []byte {
	for f, rest, ok := cutFragment(b); ok; f, rest, ok = cutFragment(rest) {
		if f.kind != finished || f.number != clientFinishedNumber || f.length != verifyDataSize {
			continue
		}
		if message := h.part.add(f); message != nil {
			return h.verify(message)
		}
	}
	return nil
}

// verify completes the handshake, if the client has seen the same messages, and returns the last
// flight of the server: ChangeCipherSpec and Finished.
func (h *Handshake) verify(message []byte) []byte {
	if subtle.ConstantTimeCompare(message[record.HandshakeHeader:], h.verifyData("client finished")) != 1 {
		return h.refuse(ErrOtherMessages, alert.DecryptError)
	}
	h.transcript.Write(message)
	sealed, err := h.layer.Seal(record.TypeHandshake, h.serverFinished())
	if err != nil {
		return h.refuse(err, alert.InternalError)
	}
	h.flight = append(h.appendPlain(nil, record.TypeChangeCipherSpec, []byte{1}), sealed...)
	h.status, h.master, h.transcript, h.serverHello, h.cookie = Complete, nil, nil, nil, nil
	return h.flight
}

func (h *Handshake) verifyData(label string) []byte {
	return record.Pseudorandom(h.suite, verifyDataSize, h.master, label, h.transcript.Sum(nil))
}

func (h *Handshake) serverFinished() []byte {
	return message(finished, serverFinishedNumber, h.verifyData("server finished"))
}
