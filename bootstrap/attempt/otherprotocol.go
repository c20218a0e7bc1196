package attempt

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/request"
	"lwbs/store"
)

// A Protocol is what came to a port that is for something else.
type Protocol string

// The protocols that can be told apart for sure.
const (
	ProtocolUnreadable Protocol = "" // none of the others
	ProtocolDTLS       Protocol = "DTLS"
	ProtocolCoAP       Protocol = "plain CoAP"
	ProtocolDTLS10     Protocol = "DTLS 1.0" // and nothing newer
	ProtocolDTLS13     Protocol = "DTLS 1.3" // and nothing older
	ProtocolTLS        Protocol = "TLS"
	ProtocolCoAPTCP    Protocol = "CoAP over TCP"
	ProtocolHTTP       Protocol = "HTTP"
)

// An OtherProtocol tells of datagrams to a port that is for another protocol. Their source
// address may be forged.
type OtherProtocol struct {
	Remote    string // IP:port of the last one
	Transport string // that the port is for, as in [auth.Peer]
	Protocol  Protocol
	Started   time.Time // when the first one came
	Count     int       // of datagrams from this address since then, at least 1

	// Asked is what a request of plain CoAP asks for; zero for others.
	Asked Asked

	// Sample is how the last one begins, a few bytes.
	Sample []byte
}

// Asked is what a request asks for.
type Asked struct {
	Method  string   // its name, as "POST"
	Path    []string // Uri-Path options
	Queries []string // Uri-Query options
}

// maxQueriesShown is how many parameters of such a request are told.
const maxQueriesShown = 8

// OtherProtocol records what came to the wrong port. It counts against no device: a name
// in it is told as claimed only.
func (r *Reports) OtherProtocol(o OtherProtocol) {
	defer r.panics.Contain(panics.Transport)
	record := r.recorder.Begin(auth.Peer{Remote: o.Remote, Transport: o.Transport}, o.Started)
	record.Stage = store.StageDatagram
	if o.Count > 1 {
		record.Attempts = o.Count
	}
	if ep, _ := request.ParseEndpoint(o.Asked.Queries); ep != "" {
		record.Claimed = ep
	}
	r.recorder.End(context.Background(), record, otherProtocolFailure(o))
}

// variants are those of protocols where the remedy depends on it.
var variants = map[Protocol]store.Variant{
	ProtocolDTLS10: store.VariantOlderDTLS, ProtocolDTLS13: store.VariantNewerDTLS,
	ProtocolTLS: store.VariantTCP, ProtocolCoAPTCP: store.VariantTCP,
}

// otherProtocolFailure says what came and where to.
func otherProtocolFailure(o OtherProtocol) outcome.Failure {
	port := "the port for DTLS"
	if o.Transport == store.TransportPlain {
		port = "the port for plain CoAP"
	}
	switch o.Protocol {
	case ProtocolUnreadable:
		return outcome.Failure{Cause: store.CauseUnreadableDatagram, Detail: fmt.Sprintf("what came to %s begins with the bytes %s", port, hex.EncodeToString(o.Sample))}
	case ProtocolDTLS:
		return outcome.Failure{Cause: store.CauseWrongPort, Detail: "it speaks DTLS to " + port}
	case ProtocolCoAP:
		return outcome.Failure{Cause: store.CauseWrongPort, Detail: fmt.Sprintf("it speaks plain CoAP to %s: %s", port, o.Asked)}
	case ProtocolDTLS10, ProtocolDTLS13:
		return outcome.Failure{Cause: store.CauseOtherProtocol, Detail: fmt.Sprintf("it offers %s only, and the server has DTLS 1.2", o.Protocol), Variant: variants[o.Protocol]}
	case ProtocolTLS:
		return outcome.Failure{Cause: store.CauseOtherProtocol, Detail: fmt.Sprintf("it speaks TLS, as over TCP, to %s", port), Variant: variants[o.Protocol]}
	case ProtocolCoAPTCP:
		return outcome.Failure{Cause: store.CauseOtherProtocol, Detail: fmt.Sprintf("it speaks CoAP in the form for TCP (RFC 8323) to %s", port), Variant: variants[o.Protocol]}
	}
	return outcome.Failure{Cause: store.CauseOtherProtocol, Detail: fmt.Sprintf("it speaks %s to %s", o.Protocol, port)}
}

// String is "POST /bs?ep=meter", made printable.
func (a Asked) String() string {
	text := fmt.Sprintf("%s /%s", a.Method, strings.Join(a.Path, "/"))
	if n := min(len(a.Queries), maxQueriesShown); n > 0 {
		text += "?" + strings.Join(a.Queries[:n], "&")
	}
	return outcome.Printable(text, outcome.MaxIdentity)
}
