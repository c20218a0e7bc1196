//go:build linux

package bench_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Codes and types of CoAP messages (RFC 7252 §3, §12.1).
const (
	confirmable     = 0
	acknowledgement = 2

	codeGET     = 0x01
	codePOST    = 0x02
	codePUT     = 0x03
	codeDELETE  = 0x04
	codeDeleted = 0x42
	codeChanged = 0x44
	codeContent = 0x45

	codeNotAllowed    = 0x85
	codeNotAcceptable = 0x86
)

// links is what a device answers to Discover: its Bootstrap-Server Account is /0/0.
const links = `</>;lwm2m=1.1,</0/0>,</1>,</2>,</3/0>`

// Patience of a device. The first two are what RFC 6347 §4.2.4.1 and RFC 7252 §4.8 say.
const (
	flightTimeout = time.Second
	ackTimeout    = 2 * time.Second
	maxRepeats    = 4
	lullTimeout   = 93 * time.Second // for the next request: MAX_TRANSMIT_WAIT
)

// A phase is how far a device is.
type phase int

const (
	shakingHands phase = iota
	asking             // sent its Bootstrap-Request
	served             // was told to wait for what comes
	done               // answered Finish
	lost               // gave up for good
	phases
)

func (p phase) String() string {
	return [phases]string{"shaking hands", "asking", "being served", "done", "lost"}[p]
}

// A device is an LwM2M Client that asks for its bootstrap, answers whatever the server
// wants of it, and repeats itself as the specifications want. One that fails begins
// anew from the same address. Its gateway's goroutine owns it.
type device struct {
	name string
	addr netip.Addr
	dtls *dtlsClient // nil over plain CoAP
	send func(b []byte)
	mute bool // asks for nothing once it has shaken hands

	toServer, fromServer way

	phase    phase
	attempts int // associations begun
	repeats  int // datagrams sent again
	started  time.Time
	ended    time.Time
	failure  error // why the last attempt failed

	written [2]bool // Objects 0 and 1
	mid     uint16
	last    []byte // the reply to the last request of the server, for its duplicates
	lastMID uint16

	due  time.Time // when to act without having heard anything
	wait time.Duration
	left int // repeats
}

// start begins the first attempt.
func (d *device) start(now time.Time) {
	d.started = now
	d.begin(now)
}

// begin begins an attempt.
func (d *device) begin(now time.Time) {
	d.attempts++
	d.mid, d.last, d.written = uint16(rand.Uint32()), nil, [2]bool{}
	if d.dtls == nil {
		d.ask(now)
		return
	}
	d.phase = shakingHands
	d.dtls.begin()
	d.fly(now)
}

// again begins another attempt because of err.
func (d *device) again(now time.Time, err error) {
	d.failure = err
	if d.attempts == maxAttempts {
		d.phase = lost
		return
	}
	d.begin(now)
}

// maxAttempts is after how many a device is lost: the server takes one that comes back
// more often in a minute for one that is broken.
const maxAttempts = 5

// fly sends a flight of the handshake.
func (d *device) fly(now time.Time) {
	d.patience(now, flightTimeout)
	d.send(d.dtls.flight())
}

// ask sends the Bootstrap-Request.
func (d *device) ask(now time.Time) {
	d.phase = asking
	d.mid++
	d.patience(now, time.Duration(float64(ackTimeout)*(1+rand.Float64()/2)))
	d.emit(d.request())
}

func (d *device) request() []byte {
	b := []byte{0x44, codePOST, byte(d.mid >> 8), byte(d.mid), 'b', 'e', 'n', 'c', 0xb2, 'b', 's'}
	query := "ep=" + d.name
	b = append(b, 0x4d, byte(len(query)-13))
	return append(b, query...)
}

// patience sets when to repeat what is sent now.
func (d *device) patience(now time.Time, wait time.Duration) {
	d.wait, d.left = wait, maxRepeats
	d.due = now.Add(wait)
}

// emit sends a CoAP message.
func (d *device) emit(b []byte) {
	if d.dtls != nil {
		b = d.dtls.seal(nil, applicationData, b)
	}
	d.send(b)
}

// tick repeats what was not answered in time.
func (d *device) tick(now time.Time) {
	switch {
	case d.phase >= done || now.Before(d.due):
	case d.phase == served || d.left == 0:
		d.again(now, fmt.Errorf("silence while %v", d.phase))
	default:
		d.left--
		d.repeats++
		d.wait *= 2
		d.due = now.Add(d.wait)
		if d.phase == asking {
			d.emit(d.request())
		} else {
			d.send(d.dtls.flight())
		}
	}
}

// receive takes a datagram of the server.
func (d *device) receive(b []byte, now time.Time) {
	if d.dtls == nil {
		d.receiveMessage(b, now)
		return
	}
	before := d.dtls.state
	data, err := d.dtls.receive(b)
	switch after := d.dtls.state; {
	case d.phase >= done && (err != nil || after == closed):
		return
	case err != nil:
		d.again(now, err)
		return
	case after == closed:
		d.again(now, fmt.Errorf("closed by the server while %v", d.phase))
		return
	case after == before:
	case after == established && d.mute:
		d.phase, d.ended = done, now
	case after == established:
		d.ask(now)
	default:
		d.fly(now)
	}
	for _, b := range data {
		d.receiveMessage(b, now)
	}
}

// receiveMessage takes a CoAP message.
func (d *device) receiveMessage(b []byte, now time.Time) {
	if len(b) < 4 || len(b) < 4+int(b[0]&15) {
		return
	}
	kind, code, mid := b[0]>>4&3, b[1], binary.BigEndian.Uint16(b[2:])
	switch {
	case kind == acknowledgement && mid == d.mid && d.phase == asking:
		if code != codeChanged {
			d.again(now, fmt.Errorf("refused with %d.%02d", code>>5, code&31))
			return
		}
		d.phase, d.due = served, now.Add(lullTimeout)
	case kind != confirmable || code>>5 != 0 || code == 0:
	case d.last != nil && mid == d.lastMID:
		d.emit(d.last)
	case d.phase == served || d.phase == asking: // the acknowledgement may have been lost
		d.phase, d.due = served, now.Add(lullTimeout)
		d.serve(b, code, mid, now)
	}
}

// serve answers a request of the server.
func (d *device) serve(b []byte, code byte, mid uint16, now time.Time) {
	token := b[4 : 4+b[0]&15]
	answer := byte(codeNotAllowed)
	switch path := firstSegment(b[4+len(token):]); code {
	case codeGET:
		answer = codeContent
	case codeDELETE:
		answer = codeDeleted
	case codePUT:
		answer = codeChanged
		if path == "0" || path == "1" {
			d.written[path[0]-'0'] = true
		}
	case codePOST:
		if answer = codeNotAcceptable; d.written == [2]bool{true, true} {
			answer = codeChanged
			d.phase, d.ended = done, now
		}
	}
	reply := append([]byte{0x60 | b[0]&15, answer, byte(mid >> 8), byte(mid)}, token...)
	if code == codeGET {
		reply = append(reply, 0xc1, 40, 0xff) // Content-Format (RFC 6690 §7.3)
		reply = append(reply, links...)
	}
	d.last, d.lastMID = reply, mid
	d.emit(reply)
}

// firstSegment is the first Uri-Path, of options that nothing but Uri-Host and Uri-Port
// could come before (RFC 7252 §5.10).
func firstSegment(options []byte) string {
	if len(options) == 0 || options[0]>>4 != 11 || int(options[0]&15) >= len(options) {
		return ""
	}
	return string(options[1 : 1+options[0]&15])
}
