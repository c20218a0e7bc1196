package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// A Cause is why a probe ended.
type Cause string

// The causes.
const (
	Done            Cause = "done"
	NameUnresolved  Cause = "name-unresolved"
	NoRoute         Cause = "no-route"
	PortClosed      Cause = "port-closed"
	NoAnswer        Cause = "no-answer"          // not one datagram came
	HandshakeAlert  Cause = "handshake-alert"    // the server broke the handshake off
	HandshakeSilent Cause = "handshake-silent"   // the server stopped answering in the handshake
	HandshakeFailed Cause = "handshake-failed"   // this side broke it off
	Untrusted       Cause = "server-untrusted"   // this side does not trust the server's certificate
	Refused         Cause = "request-refused"    // the Bootstrap-Request was answered with an error
	RequestSilent   Cause = "request-unanswered" // it was not answered
	NoFinish        Cause = "no-finish"          // the session began and had no end
	NoAccount       Cause = "no-account"         // it ended without an account that can be used
)

// A Verdict tells in plain words how it ended.
type Verdict struct {
	Cause    Cause  `json:"cause"`
	Stage    string `json:"stage"`    // how far it came
	Happened string `json:"happened"` // what stopped it
	Remedy   string `json:"remedy"`   // what to do
}

// facts are what is known at the end.
type facts struct {
	target   Target
	endpoint lwm2m.EndpointName
	identity string
	silence  time.Duration

	resolveErr error
	unresolved bool // the name has no address

	traffic    traffic
	shaken     bool // the handshake is complete, or none was needed
	operations int  // requests of the server
	last       Step // the last of them
	refused    []Step
	finish     lwm2m.Code // the answer to Finish, zero for none
	accounts   int
	packed     bool

	err   error // of the device
	cause error // why its context ended
}

// ownSide says where the server's side of it is told.
func (f facts) ownSide() string {
	name := cmp.Or(string(f.endpoint), f.identity)
	if !plainWord.MatchString(name) {
		name = "ENDPOINT"
	}
	return " Where the server is lwbs, lwbs why " + name + " on that machine tells its side."
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=][-A-Za-z0-9_./:@%+,=]*$`)

func (f facts) verdict() Verdict {
	switch {
	case f.unresolved:
		return f.unresolvedVerdict()
	case f.err == nil:
		return f.doneVerdict()
	case !f.shaken || f.traffic.received == 0:
		return f.beforeAssociation()
	case errors.Is(f.err, sim.ErrRefused):
		return Verdict{Refused, "Bootstrap-Request", "The server " + strings.TrimSpace(strings.TrimPrefix(f.err.Error(), "bootstrap request ")) + ".", f.refusedRemedy()}
	case f.operations == 0 && !errors.Is(f.err, sim.ErrNoFinish):
		return Verdict{RequestSilent, "Bootstrap-Request", "The server did not answer the Bootstrap-Request" + f.how() + ".",
			"See that this is a Bootstrap-Server and not an LwM2M Server, and what its log says of the request. Some servers are silent to names that they do not know." + f.ownSide()}
	case errors.Is(f.err, sim.ErrNoAccount):
		return Verdict{NoAccount, f.stage(), "The server sent Bootstrap-Finish, and the device has no complete account: a Security Instance and a Server Instance with the same Short Server ID.",
			"Give the device an account in the configuration of the server; the operations above are what it was given."}
	}
	return f.noFinish()
}

// stage is how far it came.
func (f facts) stage() string {
	switch {
	case f.operations > 0:
		return fmt.Sprintf("%s %s, after %d operations", f.last.What, f.last.About, f.operations)
	case f.shaken && f.target.Secure:
		return "Bootstrap-Request, after the DTLS handshake"
	case f.shaken:
		return "Bootstrap-Request"
	}
	return "before the DTLS handshake was complete"
}

func (f facts) doneVerdict() Verdict {
	v := Verdict{Cause: Done, Stage: "done", Happened: fmt.Sprintf("The server accepted the device, and gave it %d accounts with %d operations and Bootstrap-Finish.", f.accounts, f.operations)}
	if f.accounts == 1 {
		v.Happened = fmt.Sprintf("The server accepted the device, and gave it an account with %d operations and Bootstrap-Finish.", f.operations)
	}
	if f.packed {
		v.Happened = "The server accepted the device, and gave it what it holds in one Bootstrap-Pack."
	}
	if len(f.refused) > 0 {
		v.Happened += fmt.Sprintf(" The device refused %d writes on the way, the last %s with %s.", len(f.refused), f.refused[len(f.refused)-1].About, f.refused[len(f.refused)-1].Result)
	}
	v.Remedy = "Nothing, at this server. That the LwM2M Server accepts the account was not tried."
	return v
}

func (f facts) unresolvedVerdict() Verdict {
	v := Verdict{Cause: NameUnresolved, Stage: "the name of the server"}
	var dns *net.DNSError
	switch {
	case errors.As(f.resolveErr, &dns) && dns.IsNotFound:
		v.Happened = fmt.Sprintf("The name %q has no address, as the resolver of this machine says.", f.target.Host)
		v.Remedy = "Correct the name; or see that the resolver of this machine is the one that devices ask, and that the name has a record of type A or AAAA there; or give the IP address in its place."
	default:
		v.Happened = fmt.Sprintf("The resolver of this machine did not tell the address of %q: %v.", f.target.Host, f.resolveErr)
		v.Remedy = "See that this machine is online and its resolver answers (getent hosts " + f.target.Host + "); or give the IP address in place of the name."
	}
	return v
}

// how tells for how long nothing came.
func (f facts) how() string {
	if errors.Is(f.cause, errSilence) || errors.Is(f.err, bootstrap.ErrSilent) {
		return fmt.Sprintf(" within %v", f.silence)
	}
	if errors.Is(f.cause, syscall.ECONNREFUSED) {
		return " since its port was closed"
	}
	return ""
}

// beforeAssociation is for an attempt in which no association was made, or nothing came on it.
func (f facts) beforeAssociation() Verdict {
	seen := f.traffic
	on := "UDP port " + f.target.Port
	refused := errors.Is(f.cause, syscall.ECONNREFUSED) || errors.Is(f.err, syscall.ECONNREFUSED)
	for _, no := range []error{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.EPERM} {
		if errors.Is(f.cause, no) || errors.Is(f.err, no) {
			return Verdict{NoRoute, "UDP", fmt.Sprintf("The network does not take datagrams for the server from this machine: %v.", no),
				"See the routes and the firewall of this machine. Where the name has addresses of IPv6 and IPv4, try the other one in place of the name."}
		}
	}
	switch {
	case refused:
		return Verdict{PortClosed, "UDP", "Something answered that nothing listens on " + on + " there (ICMP port unreachable): the server itself, or a firewall in front of it.",
			"Start the server, or correct the port: 5684 is that of coaps and 5683 that of coap as a rule. See with ss -uln on the server that it listens on this address."}
	case seen.received == 0:
		return Verdict{NoAnswer, "UDP", fmt.Sprintf("Nothing came from the server within %v, although %s. Whether they arrived there is not known.", f.silence, sent(seen.sent)),
			"See on the server whether they arrive: tcpdump -ni any udp port " + f.target.Port + ". If not, permit UDP on that port in the firewalls in between, and correct the address. If so, see that the server listens on this port for " + f.scheme() + ", and what its log says." + f.ownSide()}
	case errors.Is(f.err, certificate.ErrServerCertificate):
		return Verdict{Untrusted, "DTLS handshake", fmt.Sprintf("The device does not trust the certificate of the server: %v.", innermost(f.err, certificate.ErrServerCertificate)),
			"Name the CA that issued it, or the certificate itself, with --server-ca, if that is the right one. A device needs the same in Resource 4 of its Bootstrap-Server Account. If the certificate is for another name, use that name in the address."}
	case seen.alert >= 0:
		name, meaning := alertText(seen.alert)
		return Verdict{HandshakeAlert, "DTLS handshake", fmt.Sprintf("The server broke the handshake off with the alert %s (%d).", name, seen.alert), meaning + f.ownSide()}
	case !timedOut(f.cause) && !timedOut(f.err):
		return Verdict{HandshakeFailed, "DTLS handshake", fmt.Sprintf("The handshake failed: %v.", f.err),
			"See that the server offers DTLS 1.2 with a cipher suite that goes with this credential: with a pre-shared key TLS_PSK_WITH_AES_128_CCM_8 and the like, with a certificate TLS_ECDHE_ECDSA_… or TLS_ECDHE_RSA_…." + f.ownSide()}
	case seen.keys && f.identity != "":
		return Verdict{HandshakeSilent, "DTLS handshake", fmt.Sprintf("The server answered until the device had sent its identity and the proof of its key, and then nothing within %v.", f.silence),
			"Most likely the server has another key for this identity, or does not know the identity: servers are silent to both. Compare the key byte by byte, and see that it was not entered as text in one place and as hexadecimal digits in the other." + f.ownSide()}
	case seen.keys:
		return Verdict{HandshakeSilent, "DTLS handshake", fmt.Sprintf("The server answered until the device had sent its certificate, and then nothing within %v.", f.silence),
			"Most likely the server does not accept the certificate, or large datagrams are lost on the way." + f.ownSide()}
	case seen.hello:
		return Verdict{HandshakeSilent, "DTLS handshake", fmt.Sprintf("A part of the server's answer came, and then nothing within %v.", f.silence),
			"Most likely large datagrams are lost on the way, such as those with certificates: see that datagrams of 1,300 bytes and fragments of IP pass." + f.ownSide()}
	case seen.cookie:
		return Verdict{HandshakeSilent, "DTLS handshake", fmt.Sprintf("The server answered the first ClientHello with a cookie, and the second with nothing within %v.", f.silence),
			"UDP passes in both directions. Most likely the server is overloaded or limits the rate of this network: try again later." + f.ownSide()}
	}
	return Verdict{HandshakeFailed, "DTLS handshake", fmt.Sprintf("%d datagrams came, and none was an answer of DTLS 1.2.", seen.received),
		"See that this is the port for coaps: a server for plain CoAP or another protocol may listen there." + f.ownSide()}
}

func (f facts) scheme() string {
	if f.target.Secure {
		return "coaps (DTLS 1.2)"
	}
	return "coap"
}

// sent tells how many datagrams were sent.
func sent(n int) string {
	if n == 1 {
		return "1 datagram was sent"
	}
	return fmt.Sprintf("%d datagrams were sent", n)
}

// timedOut reports whether an attempt was ended by the clock.
func timedOut(err error) bool {
	return errors.Is(err, errSilence) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, bootstrap.ErrSilent) || errors.Is(err, context.Canceled)
}

// innermost is the text of err from that of what on.
func innermost(err, what error) string {
	text := err.Error()
	if at := strings.Index(text, what.Error()); at >= 0 {
		text = strings.TrimPrefix(text[at:], what.Error()+": ")
	}
	return text
}

// refusedRemedy says what to do about the code of a refusal.
func (f facts) refusedRemedy() string {
	text := f.err.Error()
	switch {
	case strings.Contains(text, lwm2m.CodeNotFound.Dotted()), strings.Contains(text, lwm2m.CodeMethodNotAllowed.Dotted()):
		return "There is no /bs: see that this is a Bootstrap-Server and not an LwM2M Server, and that the path in its address is right." + f.ownSide()
	case strings.Contains(text, "5.03"):
		return "The server is at a limit, or is stopping, or has seen this device too often: try again in some minutes." + f.ownSide()
	case strings.Contains(text, "5."):
		return "The server could not serve the device: see its log, and what it is to give this device." + f.ownSide()
	}
	return "Most likely the server has no device with this endpoint name, or this credential is not of that device, or the device is disabled: compare the endpoint name, every character, with what the server has." + f.ownSide()
}

func (f facts) noFinish() Verdict {
	v := Verdict{Cause: NoFinish, Stage: f.stage()}
	switch {
	case f.finish != 0 && !f.finish.Success():
		v.Happened = fmt.Sprintf("The device refused Bootstrap-Finish with %v, since what it was given makes no complete account.", f.finish)
		v.Remedy = "Let the server write a Security and a Server Instance with the same Short Server ID before it sends Finish; the operations above are what it sent."
	case len(f.refused) > 0:
		r := f.refused[len(f.refused)-1]
		v.Happened = fmt.Sprintf("The device refused %s %s (%s) with %s, and no Bootstrap-Finish followed.", r.What, r.About, r.Sent, r.Result)
		v.Remedy = "Correct what the server writes there, or its content format. A device of another make may take it: --as plays those that are known." + f.ownSide()
	case f.operations == 0:
		v.Stage = "Bootstrap-Request, accepted"
		v.Happened = "The server accepted the Bootstrap-Request, and sent no operation" + f.how() + "."
		v.Remedy = "See in the server what it is to give this device; or the device waits there to be approved." + f.ownSide()
	default:
		v.Happened = fmt.Sprintf("After %d operations nothing came any more%s, and no Bootstrap-Finish.", f.operations, f.how())
		v.Remedy = fmt.Sprintf("See why the server stopped after its last operation, %s %s.", f.last.What, f.last.About) + f.ownSide()
	}
	return v
}

// alertText is the name of an alert (RFC 5246 §7.2, RFC 4279 §2), and what to do about it.
func alertText(code int) (name, remedy string) {
	const key = "Most likely the server has another key for this identity: compare the two byte by byte, and see that neither was entered as text where it is hexadecimal digits."
	const suite = "See that the server offers DTLS 1.2 and a cipher suite that goes with this credential: a server that has only certificates refuses pre-shared keys, and the other way round. Some servers send it for an unknown identity."
	const cert = "The server does not accept the certificate of the device: see that its CA is one that the server trusts, its dates, its use (clientAuth), and that it was not revoked."
	known := map[int][2]string{
		20: {"bad_record_mac", key}, 51: {"decrypt_error", key}, 21: {"decryption_failed", key},
		40: {"handshake_failure", suite}, 71: {"insufficient_security", suite}, 70: {"protocol_version", "Let the server offer DTLS 1.2."},
		42: {"bad_certificate", cert}, 43: {"unsupported_certificate", cert}, 44: {"certificate_revoked", cert}, 45: {"certificate_expired", cert},
		46: {"certificate_unknown", cert}, 48: {"unknown_ca", cert}, 49: {"access_denied", cert},
		80:  {"internal_error", "The server failed, or does not know the identity: servers on pion send this for both. See its log."},
		112: {"unrecognized_name", "The server has no certificate for the name in the address: use the name that it has."},
		115: {"unknown_psk_identity", "The server has no device with this identity: correct the identity, every character counts, or add it there."},
	}
	if a, ok := known[code]; ok {
		return a[0], a[1]
	}
	return "without a known name", "See the log of the server."
}
