package explain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/lwm2m"
	"lwbs/store"
)

// wrote is a Write and the answer to it.
func wrote(path string, code lwm2m.Code) store.Operation {
	p, err := lwm2m.ParsePath(path)
	if err != nil {
		panic(err)
	}
	return store.Operation{Op: lwm2m.OpWrite, Path: p, Format: lwm2m.FormatTLV, Bytes: 60, Code: code}
}

func sized(bytes int, o store.Operation) store.Operation {
	o.Bytes = bytes
	return o
}

func inFormat(f lwm2m.Format, o store.Operation) store.Operation {
	o.Format = f
	return o
}

func finished(code lwm2m.Code, diagnostic string) store.Operation {
	return store.Operation{Op: lwm2m.OpFinish, Code: code, Diagnostic: diagnostic}
}

// stopped is a session of the device "meter" that ended with these operations.
func stopped(cause store.Cause, operations ...store.Operation) store.Session {
	return store.Session{
		ID: "s1", Endpoint: "meter", Known: true, Proof: store.ProofIdentity, Identity: "id", Transport: "coaps", Remote: "192.0.2.1:5683",
		Stage: store.StageWrite, Cause: cause, Detail: "the detail", Operations: operations,
	}
}

// tried is an attempt in the name of the device "meter" that proved nothing.
func tried(cause store.Cause) store.Session {
	s := stopped(cause)
	s.Proof, s.Stage = store.ProofNone, store.StageHandshake
	return s
}

// foreign is an attempt of a peer that belongs to no device.
func foreign(cause store.Cause, endpoint, identity string) store.Session {
	s := tried(cause)
	s.Known, s.Endpoint, s.Identity = false, lwm2m.EndpointName(endpoint), identity
	return s
}

func claiming(name lwm2m.EndpointName, s store.Session) store.Session {
	s.Claimed = name
	return s
}

// queued is a session of a device that waits for its turn.
func queued(detail string) store.Session {
	s := stopped("")
	s.Stage, s.Detail = store.StageQueued, detail
	return s
}

// waits is a session of a device that waits for approval, and over one in which it did.
func waits() store.Session {
	s := foreign("", "meter", "f1")
	s.Stage, s.Pending, s.Detail, s.Started = store.StageParked, "k7wq2mxe", "", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return s
}

func over(cause store.Cause) store.Session {
	s := waits()
	s.Cause = cause
	return s
}

func profiled(name string, s store.Session) store.Session {
	s.Profile = name
	return s
}

// waitingFor are facts about a pending device that has no record.
func waitingFor(change func(*store.PendingDevice)) explain.Facts {
	p := store.PendingDevice{ID: "k7wq2mxe", Endpoint: "meter", Named: true, Transport: "coaps", Kind: store.CredentialCertificateName, Identity: "meter", Names: []string{"meter"}}
	if change != nil {
		change(&p)
	}
	return explain.Facts{Looked: true, Pending: &p}
}

func detailed(detail string, s store.Session) store.Session {
	s.Detail = detail
	return s
}

func of(v store.Variant, s store.Session) store.Session {
	s.Variant = v
	return s
}

func plainly(s store.Session) store.Session {
	s.Transport = "coap"
	return s
}

// knowing are facts about the device "meter" with a profile.
func knowing(change func(*explain.Facts)) explain.Facts {
	f := explain.Facts{Looked: true, Device: &store.Device{Endpoint: "meter"}, Profile: &store.Profile{Name: "p", Accounts: []store.Account{{Name: "main"}}}}
	if change != nil {
		change(&f)
	}
	return f
}

func withProfile(change func(*store.Profile)) explain.Facts {
	return knowing(func(f *explain.Facts) { change(f.Profile) })
}

// What is said of each way to fail, by cause, operation, path, code and what else is
// known. What the foreign clients do is in docs/interop.md.
func TestExplanations(t *testing.T) {
	omits := withProfile(func(p *store.Profile) { p.Device.EmptyResources = "omit" })
	extra := withProfile(func(p *store.Profile) {
		p.Accounts[0].ServerResources = map[lwm2m.ResourceID]store.Literal{26: {}}
		p.Accounts[0].SecurityResources = map[lwm2m.ResourceID]store.Literal{15: {}}
	})
	const changed = lwm2m.CodeChanged
	tests := []struct {
		name   string
		facts  explain.Facts
		s      store.Session
		words  []string
		unsaid []string
	}{
		// Done.
		{"done", knowing(nil), stopped(store.CauseDone), []string{"confirmed Bootstrap-Finish", "Nothing to do", "lwbs device get meter --reveal"}, []string{"emptyResources"}},
		{"done by Leshan 1.5 without empty Resources", omits, stopped(store.CauseDone), []string{"confirmed Bootstrap-Finish", "Leshan 1.5", "emptyResources: omit", "set it to write"}, nil},
		{"running", knowing(nil), stopped("", wrote("/0/1", changed)), []string{"is running", "2.04 Changed to write /0/1", "Wait"}, nil},
		{"has what it needs", knowing(nil), stopped(store.CauseIdle), []string{"asked for nothing", "Nothing.", "/1/x/9"}, []string{"hold-off"}},
		{"ended the association unused", knowing(nil), stopped(store.CauseClosedUnused), []string{"without asking for anything", "device's log", "server's certificate"}, []string{"hold-off"}},
		{"asked for nothing", knowing(nil), stopped(store.CauseNoRequest), []string{"asked for nothing", "Most likely", "hold-off"}, nil},

		// A Write refused: what the device does not know.
		{"4.04 to the first account", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeNotFound)), []string{"wants another Instance", "one LwM2M Server beside the Bootstrap-Server", "writes: resource"}, []string{"out of the objects"}},
		{"4.04 to the first account with more Resources", extra, stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeNotFound)), []string{"Most likely it does not know a Resource", "take those out of the account"}, []string{"out of the objects"}},
		{"4.04 to the second account", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", changed), wrote("/0/2", lwm2m.CodeNotFound)), []string{"Most likely it has no room for one more Instance of Object 0", "have one account"}, []string{"out of the objects"}},
		{"4.04 to the Server, nothing known", explain.Facts{}, stopped(store.CauseRefused, wrote("/0/1", changed), wrote("/1/0", lwm2m.CodeNotFound)), []string{"does not know a Resource", "no room"}, []string{"out of the objects"}},
		{"4.04 to a Resource of the account", extra, stopped(store.CauseRefused, wrote("/1/0/26", lwm2m.CodeNotFound)), []string{"does not know Resource /1/0/26", "take Resource 26 out of the account"}, nil},
		{"4.04 to another Object, by Leshan", knowing(nil), stopped(store.CauseRefused, wrote("/11/0", lwm2m.CodeNotFound)), []string{"does not know Object 11", "take /11/0 out of the objects"}, []string{"room"}},
		{"4.04 to OSCORE, by Leshan", knowing(nil), stopped(store.CauseRefused, wrote("/21/0", lwm2m.CodeNotFound)), []string{"does not know Object 21", "take oscore out of the account"}, []string{"out of the objects"}},
		{"4.04 to access control", knowing(nil), stopped(store.CauseRefused, wrote("/2/0", lwm2m.CodeNotFound)), []string{"accessControl: none"}, []string{"out of the objects"}},

		// What it does not like.
		{"4.00 to the account", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeBadRequest)), []string{"/0/1", "16 bytes", "emptyResources in the profile to omit"}, nil},
		{"4.00 to the account that omits", omits, stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeBadRequest)), []string{"emptyResources in the profile to write"}, nil},
		{"4.00 to the Server", knowing(nil), stopped(store.CauseRefused, wrote("/1/0", lwm2m.CodeBadRequest)), []string{"a Resource or a value of /1/0"}, []string{"emptyResources"}},
		{"4.00 to the key", knowing(nil), stopped(store.CauseRefused, wrote("/0/1/5", lwm2m.CodeBadRequest)), []string{"/0/1/5", "too long", "keyLength", "lwbs device set meter --account-key-file ACCOUNT=FILE"}, nil},
		{"4.00 to the URI", knowing(nil), stopped(store.CauseRefused, wrote("/0/1/0", lwm2m.CodeBadRequest)), []string{"address", "uri in the profile"}, nil},
		{"4.00 to the security mode", knowing(nil), stopped(store.CauseRefused, wrote("/0/1/2", lwm2m.CodeBadRequest)), []string{"security mode"}, nil},
		{"4.00 to Resource 0/x/15, by Wakaama", extra, stopped(store.CauseRefused, wrote("/0/1/15", lwm2m.CodeBadRequest)), []string{"/0/1/15", "take Resource 15 out of the account"}, nil},
		{"4.00 to another Object", knowing(nil), stopped(store.CauseRefused, wrote("/3/0/14", lwm2m.CodeBadRequest)), []string{"/3/0/14", "take /3/0/14 out of the objects"}, nil},
		{"4.15", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeUnsupportedFormat)), []string{"content formats", "(tlv)", "lwbs device set meter --format FORMAT"}, []string{"16 bytes"}},
		{"4.06 to a Write, by Wakaama", knowing(nil), stopped(store.CauseRefused, wrote("/1/0", lwm2m.CodeNotAcceptable)), []string{"Wakaama", "content formats", "a value of /1/0"}, []string{"Bootstrap-Finish: the device found"}},

		// What it may not, or cannot.
		{"4.05 to Security, by Leshan 1.5", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeMethodNotAllowed)), []string{"does not let a Bootstrap-Server write /0/1", "cannot be bootstrapped"}, []string{"out of the objects"}},
		{"4.05 to another Object", knowing(nil), stopped(store.CauseRefused, wrote("/11/0", lwm2m.CodeMethodNotAllowed)), []string{"take /11/0 out of the objects"}, nil},
		{"4.01", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeUnauthorized)), []string{"not take this server for its Bootstrap-Server any more"}, nil},
		{"4.03", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeForbidden)), []string{"not take this server for its Bootstrap-Server any more"}, nil},
		{"4.02", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeBadOption)), []string{"an option of the request", "content format"}, []string{"block", "room"}},
		{"4.02 to blocks", knowing(nil), stopped(store.CauseRefused, sized(1400, wrote("/0/1", lwm2m.CodeBadOption))), []string{"block-wise transfer", "1400 bytes", "blockSize"}, []string{"room"}},
		{"4.02 to small blocks", withProfile(func(p *store.Profile) { p.Device.BlockSize = 32 }), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeBadOption)), []string{"block-wise transfer", "60 bytes"}, nil},
		{"4.08", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeRequestIncomplete)), []string{"the request was whole"}, []string{"lost a block"}},
		{"4.08 to blocks", knowing(nil), stopped(store.CauseRefused, sized(1400, wrote("/0/1", lwm2m.CodeRequestIncomplete))), []string{"lost a block", "block-wise"}, []string{"more than the device can take"}},
		{"4.13", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeRequestTooLarge)), []string{"60 bytes are more than the device can take", "maxPayload"}, nil},
		{"4.09", knowing(nil), stopped(store.CauseRefused, wrote("/3/0", lwm2m.Code(4<<5|9))), []string{"4.09", "log", "take /3/0 out"}, nil},
		{"5.00 to the account, by Zephyr", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeInternalServerError)), []string{"Most likely it has no room", "two Security Instances", "16 bytes"}, nil},
		{"5.00 to another Object", knowing(nil), stopped(store.CauseRefused, wrote("/3/0", lwm2m.CodeInternalServerError)), []string{"cannot store a value"}, []string{"Security"}},
		{"5.01", knowing(nil), stopped(store.CauseRefused, wrote("/11/0", lwm2m.CodeNotImplemented)), []string{"does not implement this write", "take /11/0 out of the objects", "newer firmware"}, []string{"room"}},
		{"5.01 to the account", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeNotImplemented)), []string{"does not implement this write", "cannot be bootstrapped"}, []string{"room"}},
		{"5.03", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeServiceUnavailable)), []string{"busy", "comes again by itself"}, []string{"room"}},
		{"5.04", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.Code(5<<5|4))), []string{"failed by itself, with 5.04"}, []string{"room"}},
		{"2.05 to a Write", knowing(nil), stopped(store.CauseRefused, wrote("/0/1", lwm2m.CodeContent)), []string{"no meaning as the answer to a Bootstrap-Write"}, nil},
		{"no operation", knowing(nil), stopped(store.CauseRefused), []string{"lwbs session get s1"}, nil},

		// Finish refused.
		{"4.06 by Leshan 2, which misses what is empty", omits, stopped(store.CauseFinishRefused, wrote("/0/1", changed), finished(lwm2m.CodeNotAcceptable, "[value MUST NOT be null]")), []string{"What it says itself is above", "set emptyResources to write"}, []string{"binding"}},
		{"4.06 with nothing omitted", knowing(nil), stopped(store.CauseFinishRefused, wrote("/0/1", changed), finished(lwm2m.CodeNotAcceptable, "")), []string{"takes for mandatory and the profile does not write", "does not tell which it has", "more accounts", "Its log tells which"}, []string{"binding", "emptyResources", "oscore", "delete"}},
		{"4.06 with accounts that were not deleted", withProfile(func(p *store.Profile) { p.Delete.Mode = store.DeleteNone }), stopped(store.CauseFinishRefused, finished(lwm2m.CodeNotAcceptable, "")), []string{"account from before", "set delete to discovered"}, nil},
		{"4.06 by a device that tells of its accounts", knowing(nil), stopped(store.CauseFinishRefused, store.Operation{Op: lwm2m.OpDiscover, Code: lwm2m.CodeContent}, finished(lwm2m.CodeNotAcceptable, "")), []string{"more accounts"}, []string{"from before"}},
		{"4.06, nothing known", explain.Facts{}, stopped(store.CauseFinishRefused, wrote("/0/1", changed), finished(lwm2m.CodeNotAcceptable, "")), []string{"mandatory Resource that is missing", "emptyResources: write"}, []string{"binding"}},
		{"4.06 with OSCORE, by Leshan 2", knowing(nil), stopped(store.CauseFinishRefused, wrote("/21/0", changed), finished(lwm2m.CodeNotAcceptable, "")), []string{"hmacAlgorithm"}, nil},
		{"4.00 to Finish", knowing(nil), stopped(store.CauseFinishRefused, finished(lwm2m.CodeBadRequest, "")), []string{"not bootstrapping any more", "lwbs session get s1"}, nil},
		{"4.06 by old Wakaama, which took SenML JSON for text", knowing(nil), stopped(store.CauseFinishRefused,
			inFormat(lwm2m.FormatSenMLJSON, wrote("/0/1", lwm2m.CodeBadRequest)), inFormat(lwm2m.FormatSenMLJSON, wrote("/0/1/0", changed)), finished(lwm2m.CodeNotAcceptable, "")),
			[]string{"first: that it does not know senml-json", "plain text", "set format to tlv"}, nil},
		{"4.06 by a device that takes single Resources in TLV", knowing(nil), stopped(store.CauseFinishRefused, wrote("/0/1", lwm2m.CodeBadRequest), wrote("/0/1/0", changed), finished(lwm2m.CodeNotAcceptable, "")), nil, []string{"plain text"}},
		{"4.04 by Zephyr before 2.0", knowing(nil), stopped(store.CauseFinishRefused, finished(lwm2m.CodeNotFound, "")), []string{"does not know Bootstrap-Finish", "Zephyr before 2.0"}, []string{"mandatory"}},
		{"5.01 to Finish", knowing(nil), stopped(store.CauseFinishRefused, finished(lwm2m.CodeNotImplemented, "")), []string{"does not know Bootstrap-Finish"}, []string{"mandatory"}},
		{"5.00 to Finish", knowing(nil), stopped(store.CauseFinishRefused, finished(lwm2m.CodeInternalServerError, "")), []string{"could not store it"}, []string{"mandatory"}},

		// Silence.
		{"silent at a large Write", knowing(nil), stopped(store.CauseSilent, store.Operation{Op: lwm2m.OpDiscover, Code: lwm2m.CodeContent}, store.Operation{Op: lwm2m.OpWrite, Bytes: 310}), []string{"310 bytes", "smaller blockSize"}, nil},
		{"silent at a small Write", knowing(nil), stopped(store.CauseSilent, store.Operation{Op: lwm2m.OpDiscover, Code: lwm2m.CodeContent}, store.Operation{Op: lwm2m.OpWrite, Bytes: 80}), []string{"radio link", "that operation makes it fail"}, []string{"blockSize"}},
		{"silent at once", knowing(nil), stopped(store.CauseSilent, store.Operation{Op: lwm2m.OpDiscover}), []string{"that of a Bootstrap-Server"}, []string{"forged"}},
		{"silent at once over plain CoAP", knowing(nil), plainly(tried(store.CauseSilent)), []string{"A peer stopped answering", "NAT or a firewall", "forged"}, []string{"radio"}},
		{"not answered so far", knowing(nil), plainly(tried("")), []string{"has not answered Bootstrap-Discover so far", "nothing counts against the device"}, []string{"The session is running"}},
		{"RST", knowing(nil), stopped(store.CauseReset), []string{"Restart the device"}, nil},
		{"RST over plain CoAP", knowing(nil), plainly(stopped(store.CauseReset)), []string{"another one has its address"}, []string{"Restart the device"}},
		{"superseded", knowing(nil), stopped(store.CauseSuperseded), []string{"addresses alternate", "two devices"}, nil},
		{"rate-limited", knowing(nil), stopped(store.CauseRateLimited), []string{"LwM2M Server", "two devices have the same name"}, nil},

		// Who it is.
		{"identity that no device has", explain.Facts{Looked: true}, foreign(store.CauseIdentityUnknown, "", "id-X"), []string{`"id-X"`, "no device record has this PSK identity", "lwbs device add NAME --profile PROFILE --psk-identity id-X"}, []string{"Nothing proves"}},
		{"identity that is nearly another", explain.Facts{Looked: true, Near: []store.NearDevice{{Endpoint: "meter", Identity: "id-x"}}}, foreign(store.CauseIdentityUnknown, "", "id-X"), []string{`Device "meter" has "id-x"`, "lwbs device set meter --psk-identity id-X"}, nil},
		{"identity that a device has by now", explain.Facts{Looked: true, Holder: "meter"}, foreign(store.CauseIdentityUnknown, "", "id-X"), []string{"come again", `by now "meter" has this identity`}, []string{"device add"}},
		{"wrong key", knowing(nil), tried(store.CauseKeyDiffers), []string{"two keys differ", "lwbs device get meter --reveal", "lwbs device set meter --psk-identity id --psk-key-file FILE --psk-key-format hex", "Nothing proves that this was the device"}, []string{"network"}},
		{"wrong key, again and again", knowing(nil), detailed("(3 times since 10:00:00 UTC)", tried(store.CauseKeyDiffers)), []string{"two keys differ (3 times since 10:00:00 UTC)."}, nil},
		{"wrong key of a device that is gone", explain.Facts{Looked: true}, tried(store.CauseKeyDiffers), []string{"no such device any more"}, []string{"lwbs device set"}},
		{"handshake without a proof", knowing(nil), tried(store.CauseHandshakeFailed), []string{`identity "id", which is known`, "Most likely datagrams were lost", "key-differs"}, []string{"keys differ"}},
		{"handshake without a name", explain.Facts{Looked: true}, foreign(store.CauseHandshakeFailed, "", ""), []string{"before the peer named an identity", "DTLS 1.2", "port scan"}, []string{"plain CoAP"}},
		{"silent after the server's certificate, as Mbed TLS", explain.Facts{Looked: true}, detailed(`handshake timed out, after it was shown the certificate of "CN=bs"`, of(store.VariantAfterCertificate, foreign(store.CauseHandshakeFailed, "", ""))), []string{"does not trust the certificate of this server", "Mbed TLS", "its dates"}, []string{"port scan"}},
		{"refuses the server's certificate", explain.Facts{Looked: true}, foreign(store.CauseServerRefused, "", ""), []string{"broke the DTLS handshake off because of this server's certificate", "host name"}, nil},

		{"device that waits for its turn", knowing(nil), queued("waits for its turn: 12 before it, about 3 s (profile \"p\", 4 a second)"), []string{"The device waits for its turn: 12 before it, about 3 s (profile \"p\", 4 a second).", "Nothing: its turn comes"}, []string{"log of the server"}},
		{"device that was told to come again", knowing(nil), stopped(store.CauseDeferred), []string{"only so many devices a second", "its place is kept for 15 minutes", "lwbs lwm2m-server set NAME --rate N", "device.patience"}, nil},
		{"device that waits", waitingFor(nil), waits(), []string{"waits for approval since 2026-01-02 03:04:05 UTC, as k7wq2mxe", "lwbs pending approve k7wq2mxe --profile PROFILE", "lwbs pending reject k7wq2mxe"}, []string{"at most four minutes", "--endpoint"}},
		{"device that waits, with a profile of its group", waitingFor(nil), profiled("p", waits()), []string{"lwbs pending approve k7wq2mxe --profile p"}, []string{"PROFILE"}},
		{"device that waits under a name that it may not have", waitingFor(func(p *store.PendingDevice) { p.Names = []string{"serial"} }), waits(), []string{"lwbs pending approve k7wq2mxe --endpoint meter --profile PROFILE"}, nil},
		{"device that waits over plain CoAP", waitingFor(nil), plainly(waits()), []string{"nothing proves who it is"}, []string{"certificate"}},
		{"device that waits, with a record by now", knowing(nil), waits(), []string{"by now", "lwbs device get meter"}, []string{"pending approve"}},
		{"device that was not approved", waitingFor(nil), over(store.CauseNotApproved), []string{"was not approved in time", "lwbs pending approve k7wq2mxe --profile PROFILE", "comes again"}, nil},
		{"the same, approved since", knowing(nil), over(store.CauseNotApproved), []string{"come again"}, []string{"pending approve"}},
		{"the same, forgotten since", explain.Facts{Looked: true}, over(store.CauseNotApproved), []string{"lwbs device add --from-session s1 --profile PROFILE"}, []string{"pending approve"}},
		{"device that was rejected", waitingFor(nil), over(store.CauseRejected), []string{"An operator rejected", "lwbs pending approve k7wq2mxe"}, nil},
		{"name that no device has", explain.Facts{Looked: true}, foreign(store.CauseEndpointUnknown, "meter-X", ""), []string{`calls itself "meter-X"`, "no device record of this name", "lwbs device add meter-X --profile PROFILE"}, []string{"rename"}},
		{"name that is nearly another", explain.Facts{Looked: true, Near: []store.NearDevice{{Endpoint: "meter-x"}}}, foreign(store.CauseEndpointUnknown, "meter-X", ""), []string{`a device "meter-x"`, "lwbs device rename meter-x meter-X"}, nil},
		{"name that a device has by now", knowing(nil), foreign(store.CauseEndpointUnknown, "meter", ""), []string{"come again"}, []string{"device add"}},
		{"another name than its record", knowing(nil), claiming("meter-X", stopped(store.CauseEndpointUnknown)), []string{`calls itself "meter-X"`, `to "meter"`, "lwbs device rename meter meter-X"}, []string{"device add"}},
		{"the same, nothing known", explain.Facts{}, claiming("meter-X", stopped(store.CauseEndpointUnknown)), []string{"lwbs device rename meter meter-X"}, nil},
		{"the same, renamed since", knowing(nil), claiming("meter", stopped(store.CauseEndpointUnknown)), []string{"come again"}, []string{"lwbs device rename"}},
		{"the same, added since", knowing(func(f *explain.Facts) { f.Claimed = true }), claiming("meter-X", stopped(store.CauseEndpointUnknown)), []string{"one record at a time", "lwbs device delete meter-X, then lwbs device rename meter meter-X"}, nil},
		{"the same, its own record is gone", explain.Facts{Looked: true}, claiming("meter-X", stopped(store.CauseEndpointUnknown)), []string{`no record of "meter" any more`, "lwbs device add meter-X"}, []string{"rename"}},
		{"the name of another device", knowing(func(f *explain.Facts) { f.Claimed = true }), claiming("meter-B", stopped(store.CauseIdentityMismatch)), []string{`calls itself "meter-B"`, `it should be "meter"`, "lwbs device get meter-B --reveal", "one record at a time", "lwbs device delete meter-B"}, []string{"add the identity"}},
		{"the name of another device, which is gone", knowing(nil), claiming("meter-B", stopped(store.CauseIdentityMismatch)), []string{"lwbs device rename meter meter-B"}, []string{"lwbs device delete"}},
		{"a credential that was taken away", knowing(nil), tried(store.CauseIdentityMismatch), []string{"was taken out of its record", "lwbs device get meter --reveal"}, nil},
		{"a credential that another device has by now", knowing(func(f *explain.Facts) { f.Holder = "other" }), tried(store.CauseIdentityMismatch), []string{`By now "other" has this credential`}, nil},
		{"a certificate that no record names", knowing(nil), func() store.Session {
			s := tried(store.CauseIdentityMismatch)
			s.Identity = strings.Repeat("ab", 32)
			return s
		}(), []string{"lwbs device set meter --certificate-fingerprint abab"}, nil},
		{"a certificate of another name", knowing(nil), tried(store.CauseCertificateName), []string{"lwbs device set meter --certificate-name NAME", "--tls-endpoint-from"}, nil},
		{"a certificate of another device's name", knowing(func(f *explain.Facts) { f.Claimed = true }), claiming("meter-B", stopped(store.CauseCertificateName)), []string{"lwbs device set meter --certificate-name none, then lwbs device set meter-B --certificate-name NAME"}, nil},
		{"a certificate of itself", knowing(nil), tried(store.CauseCertificateUnknown), []string{"A peer has a certificate", "lwbs device set meter --certificate-fingerprint", "Nothing proves"}, nil},

		{"plain CoAP", knowing(nil), plainly(tried(store.CauseNoSecRefused)), []string{"without encryption", "lwbs device set meter --no-sec", "secretsOverNoSec: true", "Nothing proves"}, nil},
		{"plain CoAP, secrets permitted", withProfile(func(p *store.Profile) { p.SecretsOverNoSec = true }), plainly(tried(store.CauseNoSecRefused)), []string{"--no-sec"}, []string{"secretsOverNoSec"}},
		{"plain CoAP, permitted since", knowing(func(f *explain.Facts) { f.Device.NoSec = true }), plainly(tried(store.CauseNoSecRefused)), []string{"come again"}, []string{"--no-sec"}},
		{"disabled", knowing(func(f *explain.Facts) { f.Device.Disabled = true }), stopped(store.CauseDisabled), []string{"lwbs device enable meter", "only after a restart"}, nil},
		{"disabled, enabled since", knowing(nil), stopped(store.CauseDisabled), []string{"enabled by now"}, []string{"lwbs device enable"}},
		{"registers here", knowing(nil), detailed("the request was POST /rd, by which a client registers with an LwM2M Server", of(store.VariantRegisters, stopped(store.CauseOtherRequest))), []string{"takes this server for its LwM2M Server", "0/x/1 true"}, nil},
		{"asks for what reads like that", knowing(nil), detailed("the request was GET /by which a client registers with an LwM2M Server", stopped(store.CauseOtherRequest)), []string{"only POST /bs"}, []string{"takes this server"}},
		{"asks for something else", knowing(nil), detailed("the request was GET /x", stopped(store.CauseOtherRequest)), []string{"The device asked for something else", "only POST /bs and GET /bspack"}, nil},
		{"a network", explain.Facts{Looked: true}, func() store.Session {
			s := foreign(store.CauseIdentityUnknown, "", "")
			s.Network = "192.0.2.0/24"
			return s
		}(), []string{"192.0.2.0/24", "identity-unknown", "scan or an attack"}, []string{"device add"}},

		// Names are words of a shell.
		{"a name with a space", explain.Facts{Looked: true}, foreign(store.CauseEndpointUnknown, "it's a meter", ""), []string{`lwbs device add 'it'\''s a meter' --profile`}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.facts.Explain(tt.s)
			text := e.Happened + " " + e.Remedy
			for _, words := range tt.words {
				if !strings.Contains(text, words) {
					t.Errorf("no %q in\n%s\n%s", words, e.Happened, e.Remedy)
				}
			}
			for _, words := range tt.unsaid {
				if strings.Contains(text, words) {
					t.Errorf("%q in\n%s\n%s", words, e.Happened, e.Remedy)
				}
			}
			if strings.Contains(text, "%!") || strings.Contains(text, "..") || strings.Contains(text, "  ") {
				t.Errorf("odd: %s", text)
			}
		})
	}
}

// Every code that an answer may have is explained for every Object, whatever is known.
func TestEveryCodeIsExplained(t *testing.T) {
	for _, facts := range []explain.Facts{{}, knowing(nil)} {
		for _, path := range []string{"/0/1", "/0/1/5", "/1/0", "/1/0/7", "/2/0", "/21/0", "/3/0", "/3/0/14", "/33000/2/1"} {
			for code := range lwm2m.Code(6 << 5) {
				for _, cause := range []store.Cause{store.CauseRefused, store.CauseFinishRefused} {
					o := wrote(path, code)
					e := facts.Explain(stopped(cause, o))
					if e.Stage == "" || e.Happened == "" || e.Remedy == "" || strings.Contains(e.Remedy, "%!") {
						t.Errorf("%s %s %v: %+v", cause, path, code, e)
					}
					if o.Path.Object() != 0 && slices.Contains(strings.Fields(e.Remedy), "/0/1") {
						t.Errorf("%s %s %v is explained by another path: %s", cause, path, code, e.Remedy)
					}
				}
			}
		}
	}
}
