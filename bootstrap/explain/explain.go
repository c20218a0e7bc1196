package explain

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

// Facts are what is known beside the record of an attempt when it is explained: the
// records as they are now. The zero Facts know nothing.
type Facts struct {
	// Looked is whether the records were looked at. Without that, the rest means nothing.
	Looked bool

	Device  *store.Device      // that of the attempt's Endpoint; nil: there is none now
	Profile *store.Profile     // of Device; nil: not found
	Claimed bool               // there is a device with the name that was claimed
	Holder  lwm2m.EndpointName // the device that has the attempt's identity; empty: none has
	Near    []store.NearDevice // devices with names or identities near to one that is unknown

	// Group is the group of Device; where there is none, the group that the name or identity belongs
	// to; nil for none. Refuses is why it does not enrol a device of the name now; empty where it does.
	Group   *store.Group
	Refuses store.Variant

	Pending *store.PendingDevice // that of the attempt's Pending; nil: it is not on the list now
}

// Session puts an attempt of the history into words.
func Session(s store.Session) Explanation { return Facts{}.Explain(s) }

// Explain puts an attempt of the history into words. A remedy that it names is one that
// can be carried out, as far as the facts go; what it cannot know it calls likely.
func (f Facts) Explain(s store.Session) Explanation {
	e := Explanation{Stage: stageText(s), Happened: happened(s), Remedy: remedies[s.Cause]}
	if remedy := contextual[s.Cause]; remedy != nil {
		e.Remedy = remedy(f, s)
	}
	if isParked(s) {
		e.Remedy = approvalRemedy(f, s)
	}
	if s.Cause == "" && s.Stage == store.StageQueued {
		e.Remedy = "Nothing: its turn comes, and the session goes on. lwbs status shows how many wait; bootstrapsPerSecond in the profile, or lwbs lwm2m-server set NAME --rate N, lets more through from the next device on that comes."
	}
	if s.Network != "" && s.Cause != store.CauseAssociationUnknown {
		e.Remedy = "Look whether devices of yours are in that network: lwbs session list --failed shows those of them that have records of their own. Else nothing: this is what a scan or an attack looks like."
	}
	if e.Remedy == "" {
		e.Remedy = "Look into the log of the server."
	}
	if refusals[s.Cause] && s.Network == "" {
		e.Remedy += " A device that was refused may come again only after a restart, such as one with Zephyr or Anjay."
	}
	if s.Known && s.Proof == store.ProofNone && !saysWhoItIs[s.Cause] {
		e.Remedy += " Nothing proves that this was the device: whoever knows its name or identity can leave such a trace."
	}
	return e
}

// refusals are the causes for which a Bootstrap-Request is refused, where something is to
// be done before the device comes again.
var refusals = map[store.Cause]bool{
	store.CauseEndpointUnknown: true, store.CauseIdentityMismatch: true, store.CauseCertificateName: true, store.CauseNoSecRefused: true,
	store.CauseDisabled: true, store.CauseBadRequest: true, store.CauseFormatUnknown: true, store.CausePlanInvalid: true, store.CauseTemplateFailed: true,
}

// saysWhoItIs are the causes whose explanation itself says that nothing proves that it was the
// device, or where that does not matter.
var saysWhoItIs = map[store.Cause]bool{store.CauseSilent: true, store.CauseKeyChanged: true, store.CauseAssociationUnknown: true}

// contextual are the remedies that depend on more than the cause.
var contextual = map[store.Cause]func(Facts, store.Session) string{
	store.CauseDone:             doneRemedy,
	store.CauseHandshakeFailed:  handshakeRemedy,
	store.CauseIdentityUnknown:  identityRemedy,
	store.CauseKeyDiffers:       keyRemedy,
	store.CauseKeyChanged:       changedKeyRemedy,
	store.CauseEndpointUnknown:  endpointRemedy,
	store.CauseNotApproved:      approvalRemedy,
	store.CauseRejected:         approvalRemedy,
	store.CauseIdentityMismatch: mismatchRemedy,
	store.CauseCertificateName:  certificateNameRemedy,

	store.CauseCertificateUnknown:   unknownCertificateRemedy,
	store.CauseCertificateUntrusted: untrustedRemedy,
	store.CauseCertificateUsage:     usageRemedy,

	store.CauseNoSecRefused:  noSecRemedy,
	store.CauseDisabled:      disabledRemedy,
	store.CauseOtherRequest:  otherRequestRemedy,
	store.CauseRefused:       refusedRemedy,
	store.CauseFinishRefused: finishRemedy,
	store.CauseSilent:        silentRemedy,
	store.CauseReset:         resetRemedy,

	store.CauseWrongPort:     wrongPortRemedy,
	store.CauseOtherProtocol: otherProtocolRemedy,

	store.CauseAssociationUnknown: unknownAssociationRemedy,
}

var stageNames = map[store.Stage]string{
	store.StageDatagram:  "a datagram",
	store.StageHandshake: "DTLS handshake",
	store.StageRequest:   "Bootstrap-Request",
	store.StageParked:    "waiting for approval",
	store.StageQueued:    "waiting for its turn",
	store.StagePack:      "Bootstrap-Pack",
	store.StageDiscover:  "Bootstrap-Discover",
	store.StageDelete:    "Bootstrap-Delete",
	store.StageWrite:     "Bootstrap-Write",
	store.StageVerify:    "look back",
	store.StageHandOver:  "hand-over to an LwM2M Server",
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

// happened is what stopped the attempt, with the detail of its record.
func happened(s store.Session) string {
	if s.Cause == "" {
		return runningText(s)
	}
	text := whoseText(s)
	if text == "" {
		text = occurrences[s.Cause]
	}
	if text == "" {
		text = fmt.Sprintf("It ended with the cause %q", s.Cause)
	}
	if rest, ok := strings.CutPrefix(text, "The device"); ok && s.Proof == store.ProofNone {
		text = "A peer" + rest
	}
	if s.Network != "" && s.Cause == store.CauseAssociationUnknown {
		text = unknownAssociationText(s)
	} else if s.Network != "" && s.Stage == store.StageDatagram {
		text = fmt.Sprintf("Peers in %s sent more of what is not for this port than has records of its own; this one counts those that ended with the cause %s", s.Network, s.Cause)
	} else if s.Network != "" {
		text = fmt.Sprintf("Peers in %s made more attempts under changing names or identities than have records of their own; this one counts those that ended with the cause %s", s.Network, s.Cause)
	}
	switch {
	case strings.HasPrefix(s.Detail, "("): // how often it happened, and nothing else
		text += " " + s.Detail
	case s.Detail != "":
		text += ": " + s.Detail
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text + harmless(s)
}

// runningText tells of a session that has not ended.
func runningText(s store.Session) string {
	if isParked(s) {
		return parkedText(s)
	}
	if s.Stage == store.StageQueued && s.Detail != "" {
		return fmt.Sprintf("The device %s. Until then it is asked Bootstrap-Discover every 20 s, so that it goes on waiting.", s.Detail)
	}
	if s.Proof == store.ProofNone {
		return "A peer asked to bootstrap in the name of the device, over plain CoAP, and has not answered Bootstrap-Discover so far. Until it does, nothing proves that it is where it says: a session that runs is not superseded, and nothing counts against the device."
	}
	if len(s.Operations) == 0 {
		return "The session is running; no operation of it has been answered so far."
	}
	o := last(s)
	answer := o.Code.String()
	if o.Code == 0 {
		answer = "nothing"
	}
	return fmt.Sprintf("The session is running; the device answered %s to %s %v, the last of %d operations.", answer, o.Op, o.Path, len(s.Operations))
}

// harmless tells how many operations failed and did not matter, so that they frighten
// no reader of a session that went well.
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
	store.CauseDone:            "The device accepted everything and confirmed Bootstrap-Finish",
	store.CausePackDelivered:   "The device asked for everything in one pack and was given it; the protocol has no word for whether it could use it",
	store.CauseHandshakeFailed: "The DTLS handshake ended before the peer named an identity",
	store.CauseNoCommonSuite:   "The device offered no cipher suite that this server has",
	store.CauseServerRefused:   "The device broke the DTLS handshake off because of this server's certificate",

	store.CauseNoCommonCurve:     "The device offered no elliptic curve that this server needs",
	store.CauseNoCommonSignature: "The device takes no signature that the key of the server's certificate can make",
	store.CauseCertificateKind:   "The device sent a certificate of a kind that this server cannot verify",
	store.CauseCertificateProof:  "The device sent a certificate and did not prove that it has the key of it",

	store.CauseCertificateMissing:   "The device chose to authenticate with a certificate and did not send one",
	store.CauseCertificateUnknown:   "The device has a certificate that no device record names and that no trusted CA has issued",
	store.CauseCertificateUntrusted: "The device has a certificate that leads to no CA which this server trusts",
	store.CauseCertificateExpired:   "The device's certificate, or one that it rests on, has expired",
	store.CauseCertificateEarly:     "The device's certificate, or one that it rests on, is not valid yet",
	store.CauseCertificateUsage:     "The device's certificate was not issued for authenticating clients",
	store.CauseCertificateWeak:      "The device's certificate, or one that it rests on, has a key that is too short to prove anything",
	store.CauseCertificateRevoked:   "The device's certificate, or one that it rests on, was revoked",
	store.CauseCertificateName:      "The device has a certificate of a trusted CA, but for a name that its record does not take",

	store.CauseNoRequest:      "The device authenticated and then asked for nothing",
	store.CauseClosedUnused:   "The device authenticated and ended the association without asking for anything",
	store.CauseIdle:           "The device authenticated and asked for nothing, as one does that has what it needs",
	store.CauseOtherRequest:   "The peer asked for something else than to bootstrap",
	store.CauseBadRequest:     "The Bootstrap-Request of the device breaks the specification",
	store.CauseNotApproved:    "An unknown device waited for approval, and was not approved in time",
	store.CauseRejected:       "An operator rejected this unknown device",
	store.CauseNoSecRefused:   "A peer with the name of this device came without encryption, and the record asks for it",
	store.CauseDisabled:       "The device proved who it is and was refused",
	store.CauseKeyChanged:     "A peer came back on a DTLS association that was made with the key which the record had before, and was refused",
	store.CauseWithdrawn:      "An edit took back what the session was giving, so it was ended without Bootstrap-Finish",
	store.CauseFormatUnknown:  "The device asked for a content format that does not exist for bootstrapping",
	store.CausePlanInvalid:    "Profile and device record together make no configuration that could work, so nothing was sent",
	store.CauseTemplateFailed: "A template of the profile could not be filled in for this device, so nothing was sent",
	store.CauseRateLimited:    "The device bootstraps again and again, and was refused for now",
	store.CauseBusy:           "The server was at a limit",
	store.CauseDiscoverFailed: "The server could not find out where the device keeps its Bootstrap-Server Account, and stopped rather than overwrite it",
	store.CauseRefused:        "The device refused an operation that it must accept, so the session was ended without Bootstrap-Finish",
	store.CauseVerifyFailed:   "The device accepted every write and then did not hold what was written, so the session was ended without Bootstrap-Finish",
	store.CauseSilent:         "The device stopped answering",
	store.CauseAnswerTooLarge: "The device answered with more than the server takes",
	store.CauseBlockWise:      "The device's answer came in blocks that do not fit together",
	store.CauseReset:          "The device did not recognise a request as its own business",
	store.CauseGone:           "The association with the device ended in the middle",
	store.CauseDeferred:       "Its profile or its LwM2M Server takes only so many devices a second, and the device could not wait long enough for its turn",
	store.CauseHandOverFailed: "The device took every write, and an LwM2M Server could not be told how it will come, so the session was ended without Bootstrap-Finish",
	store.CauseFinishRefused:  "The device took every write and then refused Bootstrap-Finish",
	store.CauseFinishUnknown:  "The device took every write and did not confirm Bootstrap-Finish, so that it may be bootstrapped or not",
	store.CauseSuperseded:     "The device started over before this session was through",
	store.CauseDeadline:       "The session was slower than a device waits",
	store.CauseStopped:        "The server was stopped in the middle",
	store.CauseUnreadable:     "The server could not read its own record of the device, or of its profile",
	store.CauseInternal:       "The server failed, not the device",

	store.CauseWrongPort:          "A peer sends to the wrong port",
	store.CauseOtherProtocol:      "A peer speaks a protocol that is not served here",
	store.CauseUnreadableDatagram: "A peer sends what is neither CoAP nor DTLS",
}

// remedies say what to do.
var remedies = map[store.Cause]string{
	"": "Wait: a session takes seconds as a rule, and at most four minutes.",

	store.CauseDeferred:       "Nothing, if the device comes again, as most do: its place is kept for 15 minutes. Else raise bootstrapsPerSecond in its profile, or lwbs lwm2m-server set NAME --rate N; if this kind of device waits longer than 10 minutes in a session, as Zephyr and Anjay do, say so in the profile (device.patience).",
	store.CauseHandOverFailed: "Mend what the detail names; lwbs lwm2m-server test NAME tries it without a device. The device keeps its old account, and its new key is given again when it comes next, as most do by themselves.",

	store.CausePackDelivered: "Nothing, if the device registers with the LwM2M Server. If an ordinary session of it follows, it did not like the pack, and that session tells more; if neither does, set pack: refuse in the profile, and each write is answered.",
	store.CauseNoCommonSuite: "Choose one of the suites of docs/operations.md in the device. Suites with certificates are there only while the server has a certificate: lwbs serve --tls-cert.",
	store.CauseServerRefused: "Compare what the device trusts with what lwbs serve --tls-cert shows it: the CA or the certificate itself, its dates by the device's clock, and the host name in the Bootstrap-Server URI of the device.",

	store.CauseNoCommonCurve:     "Let the device offer one of the curves named above (supported groups in its TLS library); or give the server a certificate with a key on a curve that the device has: lwbs serve --tls-cert, which may be repeated.",
	store.CauseNoCommonSignature: "Let the device offer one of the signature algorithms named above; or give the server a second certificate, with a key of the kind that the device takes: lwbs serve --tls-cert, which may be repeated.",
	store.CauseCertificateKind:   "Issue the device a certificate with a key of ECDSA (P-256, P-384 or P-521), Ed25519 or RSA of at most 8,192 bits.",
	store.CauseCertificateProof:  "See that the certificate and the private key in the device belong together. If they do, it signs with an algorithm that the server does not take: ECDSA and RSA go with SHA-256, SHA-384 and SHA-512.",

	store.CauseCertificateMissing: "Put a certificate and its key into the device; or, if it has a pre-shared key, let it offer the suites for that. A device keeps back a certificate of a kind that it was not asked for: the server takes keys of ECDSA (P-256, P-384, P-521), Ed25519 and RSA.",
	store.CauseCertificateExpired: "Issue the device a new certificate. If the dates above are not over yet, set the clock of this server.",
	store.CauseCertificateEarly:   "Wait until it is valid, or issue the device another one. If the dates above have come already, set the clock of this server.",
	store.CauseCertificateWeak:    "Issue the device a certificate with a key of ECDSA or Ed25519, or of RSA from 2,048 bits; where the key is that of a CA, give the CA another.",
	store.CauseCertificateRevoked: "Issue the device a new certificate, if it is still yours. If it should not be on the list, get a new list from the CA for --tls-crl.",

	store.CauseNoRequest:      "Look into the device's log. Most likely it waits out its hold-off time, which is longer than an association waits for its first request; or it took so long for the handshake that it had given up; or it is not configured to bootstrap from here.",
	store.CauseClosedUnused:   "Look into the device's log: it says why it ended the association. Clients that look at the server's certificate only when the handshake is complete, such as those with GnuTLS, do so where they do not trust it; so do tools that only try whether a handshake succeeds, such as openssl s_client.",
	store.CauseIdle:           "Nothing. Some clients, such as Anjay, open an association to their Bootstrap-Server whenever they start and keep it for later. To bootstrap it anew, have its LwM2M Server execute /1/x/9 (Bootstrap-Request Trigger), or take its accounts away in the device.",
	store.CauseBadRequest:     "Correct the endpoint name or the Bootstrap-Server URI in the device. Without encryption it must send its endpoint name.",
	store.CauseWithdrawn:      "Nothing, if the edit was meant: when the device comes again it is served by what the records say then. What it had accepted before the edit it may keep until then.",
	store.CauseFormatUnknown:  "Set the preferred content format of the device to 11542 (TLV), 110 or 112 (SenML), or 11544 (LwM2M CBOR), or make it send none.",
	store.CausePlanInvalid:    "Correct what is named above in the profile or the device record; \"lwbs profile check\" shows it before a device comes, but for what depends on what the device has. Nothing needs to be done on the device.",
	store.CauseTemplateFailed: "Give the device record the variable that is named above (lwbs device set ENDPOINT --var NAME=VALUE), or correct the template in the profile. Nothing needs to be done on the device.",
	store.CauseRateLimited:    "See why it comes back. Most often it cannot register with what it was given, so look at the log of the LwM2M Server; or two devices have the same name and credential. It is served again a minute after it has stopped.",
	store.CauseBusy:           "Nothing, if it was a short rush: most devices try again, some only after a restart. If it goes on, see with \"lwbs session list --failed\" who takes the places.",
	store.CauseDiscoverFailed: "Set discoverFailed to \"assume\" and bootstrapInstance to the Security Object Instance that this kind of device uses for its Bootstrap-Server Account.",
	store.CauseVerifyFailed:   "Take out of the profile what the device drops, or see why it does: it may have no room, or know the Resource by another meaning. With verify: record in the profile the session goes on and the history tells the differences.",
	store.CauseAnswerTooLarge: "An answer to Bootstrap-Discover names all Object Instances that the device has: delete in the device what it does not need. Where the Deletes are too many, delete: replaced in its profile, or a list of paths, needs fewer.",
	store.CauseBlockWise:      "Try a smaller blockSize in the profile; if that does not help, the device's block-wise transfer is at fault, and its firmware needs mending.",
	store.CauseGone:           "Look into the device's log for why it gave up: a restart, a lost network, a time limit of its own. If it always happens at the same operation, that operation makes it fail.",
	store.CauseFinishUnknown:  "Look whether the device registers with the LwM2M Server. If it does, all is well. If not, it will bootstrap again; a renewed key stays pending until then.",
	store.CauseSuperseded:     "Look at the session after this one. If they follow each other without end, the device is restarting or losing answers; or, where the addresses alternate, two devices have the same name and credential.",
	store.CauseDeadline:       "Look at the operations that took long, and at the number of transmissions: a lossy link, or an ackTimeout in the profile that is too long. Fewer writes help too.",
	store.CauseStopped:        "Nothing: the device will come again by itself, or after a restart.",
	store.CauseUnreadable:     "A record of a newer lwbs: run that release again. A damaged one: delete the device and add it again, or apply the profile again; \"lwbs db check\" tells what else is damaged, and docs/operations.md how to salvage the rest. Look at the disk, too.",
	store.CauseInternal:       "Look into the log of the server at this time, and at its disk.",

	store.CauseUnreadableDatagram: "If a device of yours has this address, look what it sends and to which port: its Bootstrap-Server URI, and what else it talks to. A scan of the Internet leaves the same trace.",
}

func last(s store.Session) store.Operation {
	if len(s.Operations) == 0 {
		return store.Operation{}
	}
	return s.Operations[len(s.Operations)-1]
}
