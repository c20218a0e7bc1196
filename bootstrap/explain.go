package bootstrap

import (
	"fmt"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An Explanation tells a field engineer about one session in plain words.
type Explanation struct {
	Stage    string `json:"stage"`    // how far it came
	Happened string `json:"happened"` // what stopped it, or that nothing did
	Remedy   string `json:"remedy"`   // what to do
}

// Explain puts a session of the history into words.
func Explain(s store.Session) Explanation {
	e := Explanation{Stage: stageText(s), Happened: happened(s), Remedy: remedies[s.Cause]}
	switch s.Cause {
	case "":
		e.Remedy = "Wait: a session takes seconds as a rule, and at most four minutes."
	case store.CauseRefused:
		if o, ok := culprit(s); ok {
			e.Remedy = refusalRemedy(o)
		}
	case store.CauseSilent:
		if last(s).Op == lwm2m.OpWrite && last(s).Bytes > smallPayload {
			e.Remedy += " The request had " + fmt.Sprint(last(s).Bytes) + " bytes: a smaller blockSize in the profile may get through where large datagrams are lost."
		}
	}
	if e.Remedy == "" {
		e.Remedy = "Look into the log of the server."
	}
	return e
}

// smallPayload fits into a datagram that passes everywhere, in bytes.
const smallPayload = 512

var stageNames = map[store.Stage]string{
	store.StageHandshake: "DTLS handshake",
	store.StageRequest:   "Bootstrap-Request",
	store.StagePack:      "Bootstrap-Pack",
	store.StageDiscover:  "Bootstrap-Discover",
	store.StageDelete:    "Bootstrap-Delete",
	store.StageWrite:     "Bootstrap-Write",
	store.StageVerify:    "look back",
	store.StageFinish:    "Bootstrap-Finish",
	store.StageDone:      "done",
}

// stageText is how far the session came, with what the device has accepted by then.
func stageText(s store.Session) string {
	text, known := stageNames[s.Stage]
	if !known {
		text = string(s.Stage)
	}
	accepted := 0
	for _, o := range s.Operations {
		if o.Op == lwm2m.OpWrite && o.Code.Success() {
			accepted++
		}
	}
	if accepted == 0 {
		return text
	}
	return fmt.Sprintf("%s; writes accepted: %d", text, accepted)
}

// happened is what stopped the session, with the detail of its record.
func happened(s store.Session) string {
	var text string
	switch s.Cause {
	case "":
		return "The session is still running."
	case store.CauseDone:
		text = "The device accepted everything and confirmed Bootstrap-Finish"
	case store.CauseIdentityUnknown:
		text = fmt.Sprintf("The device wanted to authenticate as %q; no device record has this PSK identity", s.Identity)
	case store.CauseKeyDiffers:
		text = fmt.Sprintf("The device named the PSK identity %q, which is known, but could not prove it has the key: the two keys differ, or the network cut the handshake off", s.Identity)
	case store.CauseEndpointUnknown:
		text = fmt.Sprintf("The device calls itself %q; there is no device record of this name", s.Endpoint)
	case store.CauseIdentityMismatch:
		text = fmt.Sprintf("The device calls itself %q, but it authenticated with the identity %q, which the record of that device does not have", s.Endpoint, s.Identity)
	default:
		text = occurrences[s.Cause]
		if text == "" {
			text = fmt.Sprintf("The session ended with the cause %q", s.Cause)
		}
	}
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text + harmless(s)
}

// harmless names what was refused and did not matter, lest the operations of a good
// session frighten anyone.
func harmless(s store.Session) string {
	if s.Cause != store.CauseDone {
		return ""
	}
	n := 0
	for _, o := range s.Operations {
		if o.Tolerated {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" Of the operations before that, %d failed without harm.", n)
}

// occurrences are those causes that need no more than the detail of the record.
var occurrences = map[store.Cause]string{
	store.CausePackDelivered:   "The device asked for everything in one pack and was given it; the protocol has no word for whether it could use it",
	store.CauseHandshakeFailed: "The DTLS handshake ended before the device named an identity",
	store.CauseNoCommonSuite:   "The device offered no cipher suite that this server has",
	store.CauseServerRefused:   "The device broke the DTLS handshake off because of this server's certificate",

	store.CauseCertificateMissing:   "The device chose to authenticate with a certificate and did not send one",
	store.CauseCertificateUnknown:   "The device has a certificate that no device record names and that no trusted CA has issued",
	store.CauseCertificateUntrusted: "The device has a certificate that leads to no CA which this server trusts",
	store.CauseCertificateExpired:   "The device's certificate, or one that it rests on, has expired",
	store.CauseCertificateEarly:     "The device's certificate, or one that it rests on, is not valid yet",
	store.CauseCertificateUsage:     "The device's certificate was not issued for authenticating clients",
	store.CauseCertificateRevoked:   "The device's certificate, or one that it rests on, was revoked",
	store.CauseCertificateName:      "The device has a certificate of a trusted CA, but for a name that its record does not take",

	store.CauseNoRequest:      "The device authenticated and then asked for nothing",
	store.CauseBadRequest:     "The Bootstrap-Request of the device breaks the specification",
	store.CauseNoSecRefused:   "The device came without encryption, and its record asks for it",
	store.CauseDisabled:       "The device proved who it is and was refused",
	store.CauseFormatUnknown:  "The device asked for a content format that does not exist for bootstrapping",
	store.CausePlanInvalid:    "Profile and device record together make no configuration that could work, so nothing was sent",
	store.CauseTemplateFailed: "A template of the profile could not be filled in for this device, so nothing was sent",
	store.CauseLooping:        "The device bootstraps again and again, and was refused for now",
	store.CauseBusy:           "The server was at a limit",
	store.CauseDiscoverFailed: "The server could not find out where the device keeps its Bootstrap-Server Account, and stopped rather than overwrite it",
	store.CauseRefused:        "The device refused an operation that it must accept, so the session was ended without Bootstrap-Finish",
	store.CauseVerifyFailed:   "The device accepted every write and then did not hold what was written, so the session was ended without Bootstrap-Finish",
	store.CauseSilent:         "The device stopped answering",
	store.CauseGarbled:        "The device's answer came in blocks that do not fit together",
	store.CauseReset:          "The device did not recognise a request as its own business",
	store.CauseGone:           "The device ended the association in the middle",
	store.CauseFinishRefused:  "The device took every write and then refused Bootstrap-Finish",
	store.CauseFinishUnknown:  "The device took every write and did not confirm Bootstrap-Finish, so that it may be bootstrapped or not",
	store.CauseSuperseded:     "The device started over before this session was through",
	store.CauseDeadline:       "The session was slower than a device waits",
	store.CauseStopped:        "The server was stopped in the middle",
	store.CauseUnreadable:     "The server could not read its own record of the device, or of its profile",
	store.CauseInternal:       "The server failed, not the device",
}

// remedies say what to do.
var remedies = map[store.Cause]string{
	store.CauseDone:            "Nothing to do. If the device does not register, compare identity, key and address with what the LwM2M Server has.",
	store.CausePackDelivered:   "Nothing, if the device registers with the LwM2M Server. If an ordinary session of it follows, it did not like the pack, and that session tells more; if neither does, set pack: refuse in the profile, and each write is answered.",
	store.CauseIdentityUnknown: "Add a device with this identity, or correct the identity in the device; every character counts, capitals and a prefix such as urn:imei: too.",
	store.CauseKeyDiffers:      "Compare the key in the device with the one in the record; a key of 32 hexadecimal digits that was entered as text is another key. If other devices of the same network fail too, look at the network.",
	store.CauseHandshakeFailed: "See that the device uses DTLS 1.2 with a pre-shared key or a certificate, that it speaks DTLS to this port and not plain CoAP, and that UDP passes in both directions. A port scan leaves the same trace.",
	store.CauseNoCommonSuite:   "Choose one of the suites of docs/operations.md in the device. Suites with certificates are there only while the server has a certificate: lwbs serve --tls-cert.",
	store.CauseServerRefused:   "Compare what the device trusts with what lwbs serve --tls-cert shows it: the CA or the certificate itself, its dates by the device's clock, and the host name in the Bootstrap-Server URI of the device.",

	store.CauseCertificateMissing:   "Put a certificate and its key into the device; or, if it has a pre-shared key, let it offer the suites for that.",
	store.CauseCertificateUnknown:   "If it is the right one, name it in the record: lwbs device set --certificate FILE, or --certificate-fingerprint with the identity of this session. Else give the device one that the server's CA has issued.",
	store.CauseCertificateUntrusted: "Add the CA that issued it to the file of --tls-client-ca; or let the device send the certificates between its own and the CA, if there are any; or name this one certificate in the record.",
	store.CauseCertificateExpired:   "Issue the device a new certificate. If the dates above are not over yet, set the clock of this server.",
	store.CauseCertificateEarly:     "Wait until it is valid, or issue the device another one. If the dates above have come already, set the clock of this server.",
	store.CauseCertificateUsage:     "Issue a certificate with the key usage digitalSignature and the extended key usage clientAuth; or name this one certificate in the record, where its use is not asked for.",
	store.CauseCertificateRevoked:   "Issue the device a new certificate, if it is still yours. If it should not be on the list, get a new list from the CA for --tls-crl.",
	store.CauseCertificateName:      "Correct the endpoint name in the device; or set the name in the record, lwbs device set --certificate-name. Where the name stands in certificates is for --tls-endpoint-from to say.",

	store.CauseNoRequest:        "Look into the device's log: it may wait out its hold-off time, or have taken too long for the handshake and given up.",
	store.CauseBadRequest:       "Correct the endpoint name or the Bootstrap-Server URI in the device. Without encryption it must send its endpoint name.",
	store.CauseEndpointUnknown:  "Add the device under exactly this name, or correct the name in the device.",
	store.CauseIdentityMismatch: "Correct the endpoint name in the device, or add the identity to the record of that device. Two devices with exchanged credentials look the same.",
	store.CauseNoSecRefused:     "Give the device a coaps:// address of this server and its key; or permit plain CoAP in its record, if the network is one to trust.",
	store.CauseDisabled:         "Enable the device, if it is to be bootstrapped.",
	store.CauseFormatUnknown:    "Set the preferred content format of the device to 11542 (TLV), 110 or 112 (SenML), or 11544 (LwM2M CBOR), or make it send none.",
	store.CausePlanInvalid:      "Correct what is named above in the profile or the device record; \"lwbs profile check\" shows it before a device comes, but for what depends on what the device has. Nothing needs to be done on the device.",
	store.CauseTemplateFailed:   "Give the device record the variable that is named above (lwbs device set ENDPOINT --var NAME=VALUE), or correct the template in the profile. Nothing needs to be done on the device.",
	store.CauseLooping:          "See why it comes back: most often it cannot register with what it was given, so look at the LwM2M Server. It is served again a minute later.",
	store.CauseBusy:             "Nothing, if it was a short rush: devices try again. If it goes on, see with \"lwbs session list --failed\" who takes the places.",
	store.CauseDiscoverFailed:   "Set discoverFailed to \"assume\" and bootstrapInstance to the Security Object Instance that this kind of device uses for its Bootstrap-Server Account.",
	store.CauseRefused:          "Look which operation was refused, and take out of the profile what the device does not know.",
	store.CauseVerifyFailed:     "Take out of the profile what the device drops, or see why it does: it may have no room, or know the Resource by another meaning. With verify: record in the profile the session goes on and the history tells the differences.",
	store.CauseSilent:           "Look at the radio link and the power supply of the device: it may sleep, or have lost its network. It will come again by itself. If it always stops at the same operation, that operation makes it fail.",
	store.CauseGarbled:          "Try a smaller blockSize in the profile; if that does not help, the device's block-wise transfer is at fault, and its firmware needs mending.",
	store.CauseReset:            "Restart the device: it has lost its bootstrap session, as after a reboot. If it always happens at the same operation, its firmware lacks that operation.",
	store.CauseGone:             "Look into the device's log for why it gave up: a restart, a lost network, a time limit of its own. If it always happens at the same operation, that operation makes it fail.",
	store.CauseFinishRefused:    "The device found the configuration incomplete or contradictory. Look into its log; common reasons are empty Resources that it needs or dislikes (emptyResources in the profile), a binding or lifetime it does not support, and more accounts than it has room for.",
	store.CauseFinishUnknown:    "Look whether the device registers with the LwM2M Server. If it does, all is well. If not, it will bootstrap again; a renewed key stays pending until then.",
	store.CauseSuperseded:       "Look at the session after this one. If they follow each other without end, the device is restarting or losing answers.",
	store.CauseDeadline:         "Look at the operations that took long, and at the number of transmissions: a lossy link, or an ackTimeout in the profile that is too long. Fewer writes help too.",
	store.CauseStopped:          "Nothing: the device will come again by itself, or after a restart.",
	store.CauseUnreadable:       "A record of a newer lwbs: run that release again. A damaged one: delete the device and add it again, or apply the profile again; \"lwbs db check\" tells what else is damaged, and docs/operations.md how to salvage the rest. Look at the disk, too.",
	store.CauseInternal:         "Look into the log of the server at this time, and at its disk.",
}

// refusalRemedy says what to do about a write that was refused.
func refusalRemedy(o store.Operation) string {
	switch o.Code {
	case lwm2m.CodeUnsupportedFormat, lwm2m.CodeNotAcceptable:
		return "The device reads none of the content formats that were tried, or no value in them. See its documentation for the format it takes, and set it in the profile (format)."
	case lwm2m.CodeBadRequest:
		return fmt.Sprintf("The device does not like a Resource or a value of %v. Take optional Resources out of the profile until it accepts; set emptyResources to the other choice; see that keys and identities fit into the device (many hold 16 bytes).", o.Path)
	case lwm2m.CodeNotFound:
		return fmt.Sprintf("The device does not know the Object or a Resource of %v. Take it out of the profile.", o.Path)
	case lwm2m.CodeMethodNotAllowed, lwm2m.CodeUnauthorized, lwm2m.CodeForbidden:
		return fmt.Sprintf("The device does not let a Bootstrap-Server write %v, or does not take this server for its Bootstrap-Server any more. Take the Object out of the profile, or restart the device.", o.Path)
	case lwm2m.CodeRequestTooLarge, lwm2m.CodeRequestIncomplete:
		return fmt.Sprintf("The %d bytes are more than the device can take. Set a smaller blockSize or maxPayload in the profile, shorten keys and certificates, or write fewer Resources.", o.Bytes)
	}
	return "The device failed by itself: most often it has no room left. Many hold two accounts and keys of 16 bytes. Its log tells more."
}

// culprit is the operation that ended a session.
func culprit(s store.Session) (store.Operation, bool) {
	o := last(s)
	return o, o.Code != 0 && !o.Code.Success() && !o.Tolerated
}

func last(s store.Session) store.Operation {
	if len(s.Operations) == 0 {
		return store.Operation{}
	}
	return s.Operations[len(s.Operations)-1]
}
