package explain

import (
	"fmt"
	"regexp"
	"strings"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// whoseText tells what happened, for causes that are about the identity of the peer; empty for
// others.
func whoseText(s store.Session) string {
	switch s.Cause {
	case store.CauseIdentityUnknown:
		return fmt.Sprintf("A peer wanted to authenticate as %q; no device record has this PSK identity", s.Identity)
	case store.CauseKeyDiffers:
		if !s.Known && s.Group != "" {
			return fmt.Sprintf("A peer named the PSK identity %q, which group %q would enrol, and what it sent to prove its key does not fit: its key does not follow from that of the group", s.Identity, s.Group)
		}
		return fmt.Sprintf("A peer named the PSK identity %q, which is known, and what it sent to prove its key does not fit: the two keys differ", s.Identity)
	case store.CauseHandshakeFailed:
		if s.Identity != "" && s.Known {
			return fmt.Sprintf("A peer named the identity %q, which is known, and the DTLS handshake ended before anything showed whether it has the key", s.Identity)
		}
	case store.CauseAssociationUnknown:
		return unknownAssociationText(s)
	case store.CauseEndpointUnknown:
		if s.Claimed == "" {
			return fmt.Sprintf("A peer calls itself %q; there is no device record of this name", s.Endpoint)
		}
		return fmt.Sprintf("The device calls itself %q; there is no device record of this name", s.Claimed)
	case store.CauseIdentityMismatch, store.CauseCertificateName:
		if s.Claimed != "" {
			return fmt.Sprintf("The device calls itself %q, whose record does not take the credential that it has", s.Claimed)
		}
		if s.Cause == store.CauseIdentityMismatch {
			return fmt.Sprintf("A peer calls itself %q, and it authenticated with %q, which the record of that device does not have", s.Endpoint, s.Identity)
		}
	case store.CauseBadRequest, store.CauseOtherRequest:
		if s.Proof == store.ProofIdentity {
			return strings.Replace(occurrences[s.Cause], "The peer", "The device", 1)
		}
	}
	return ""
}

func identityRemedy(f Facts, s store.Session) string {
	correct := "correct the identity in the device; every character counts, capitals and a prefix such as urn:imei: too"
	add := fmt.Sprintf("lwbs device add NAME --profile PROFILE --psk-identity %s --psk-key-file FILE --psk-key-format hex", word(s.Identity))
	group := groupRemedy(f, s, s.Identity)
	switch {
	case f.Holder != "":
		return fmt.Sprintf("Let the device come again: by now %q has this identity.", f.Holder)
	case group != "":
		return group
	case len(f.Near) > 0:
		d := f.Near[0]
		identity := d.Identity
		if identity == "" {
			identity = string(d.Endpoint)
		}
		return fmt.Sprintf("Device %q has %q, which is nearly the same. If it is that one, %s; or give its record this identity: lwbs device set %s --psk-identity %s. Else add the device: %s.",
			d.Endpoint, identity, correct, word(d.Endpoint), word(s.Identity), add)
	}
	return fmt.Sprintf("Add a device with this identity: %s; or %s.", add, correct)
}

func keyRemedy(f Facts, s store.Session) string {
	if group := groupRemedy(f, s, s.Identity); group != "" && f.Device == nil {
		return group
	}
	if f.Looked && f.Device == nil {
		return "Nothing: there is no such device any more."
	}
	set := "lwbs device set " + word(s.Endpoint)
	if s.Identity != string(s.Endpoint) {
		set += " --psk-identity " + word(s.Identity)
	}
	return fmt.Sprintf("Compare the key in the device with the one in the record, which lwbs device get %s --reveal shows. Most often a key of hexadecimal digits was entered as text in one place, or one of the two was replaced. To take that of the device: %s --psk-key-file FILE --psk-key-format hex.",
		word(s.Endpoint), set) + resetKeyRemedy(f, s)
}

// changedKeyRemedy is for a device that was told by close_notify to make a new association with its
// new key. Many clients ignore close_notify.
func changedKeyRemedy(f Facts, s store.Session) string {
	return "If this is the device, and not another peer that has its former key: restart it, or let it bootstrap once more, so that it makes a new association. If that ends as key-differs, it does not have the new key. " +
		keyRemedy(f, s)
}

func handshakeRemedy(_ Facts, s store.Session) string {
	const network = "that UDP passes in both directions, datagrams of 1,300 bytes too"
	switch {
	case s.Variant == store.VariantAfterCertificate:
		return "Most likely the device does not trust the certificate of this server and breaks off without a word, as Mbed TLS does. " + remedies[store.CauseServerRefused] +
			" Else see " + network + ", and that the device waits long enough."
	case s.Identity != "" && s.Known:
		return "Most likely datagrams were lost, or the device gave up: see " + network + ", and that the device waits long enough for a handshake. It may have been restarted, too. A wrong key is told as key-differs."
	}
	return "See that the device uses DTLS 1.2 with a pre-shared key or a certificate, that it waits long enough for a handshake, and " + network + ". A port scan leaves the same trace."
}

func endpointRemedy(f Facts, s store.Session) string {
	if s.Claimed != "" {
		return namesRemedy(f, s)
	}
	add := fmt.Sprintf("lwbs device add %s --profile PROFILE", word(s.Endpoint))
	switch {
	case f.Device != nil:
		return "Let the device come again: by now there is a record of this name."
	case f.Group != nil || s.Group != "":
		return groupRemedy(f, s, string(s.Endpoint))
	case len(f.Near) > 0:
		return fmt.Sprintf("There is a device %q, which is nearly the same: if it is that one, correct the name in the device, or rename the record: lwbs device rename %s %s. Else add it: %s.",
			f.Near[0].Endpoint, word(f.Near[0].Endpoint), word(s.Endpoint), add)
	}
	return fmt.Sprintf("Add the device under exactly this name (%s), or correct the name in the device.", add)
}

func mismatchRemedy(f Facts, s store.Session) string {
	switch {
	case s.Claimed != "":
		return namesRemedy(f, s)
	case f.Holder == s.Endpoint && f.Holder != "":
		return "Let the device come again: by now its record has this credential."
	case f.Holder != "":
		return fmt.Sprintf("By now %q has this credential. Correct the endpoint name in the device, if it is that one; else give it the key of %q.", f.Holder, s.Endpoint)
	case fingerprint.MatchString(s.Identity):
		return fmt.Sprintf("Give the device the certificate that its record names; or name this one: lwbs device set %s --certificate-fingerprint %s.", word(s.Endpoint), s.Identity)
	}
	return fmt.Sprintf("The credential was taken out of its record after the device had authenticated. Give the device the one that the record has now (lwbs device get %s --reveal).", word(s.Endpoint))
}

// fingerprint matches an identity that is the fingerprint of a certificate.
var fingerprint = regexp.MustCompile(`^[0-9a-f]{64}$`)

// namesRemedy is for a device that has the credential of one record and the name of
// another, or of none.
func namesRemedy(f Facts, s store.Session) string {
	owner, claimed := string(s.Endpoint), string(s.Claimed)
	switch exists := f.Claimed || !f.Looked && s.Cause != store.CauseEndpointUnknown; {
	case s.Claimed == s.Endpoint:
		return "Let the device come again: by now its record has the name that it gives."
	case f.Looked && f.Device == nil && exists:
		return fmt.Sprintf("There is no record of %q any more. Give the device the credential of %q: lwbs device get %s --reveal shows it.", owner, claimed, word(claimed))
	case f.Looked && f.Device == nil:
		return fmt.Sprintf("There is no record of %q any more. Add the device: lwbs device add %s --profile PROFILE.", owner, word(claimed))
	case exists:
		return fmt.Sprintf("Most likely the endpoint name in the device is wrong: it should be %q. Or it is %q and was given the credential of another device: give it its own, which lwbs device get %s --reveal shows. A credential is in one record at a time: if that of %q is to be called %q, delete the other first: lwbs device delete %s, then lwbs device rename %s %s. Look for a second device, whose credential was exchanged with this one's.",
			owner, claimed, word(claimed), owner, claimed, word(claimed), word(owner), word(claimed))
	}
	return fmt.Sprintf("Correct the endpoint name in the device to %q; or let the record have the name that it gives, with its keys and history: lwbs device rename %s %s.", owner, word(owner), word(claimed))
}

func certificateNameRemedy(f Facts, s store.Session) string {
	const where = " Where in a certificate the name stands is for lwbs serve --tls-endpoint-from to say."
	if s.Claimed == "" {
		return fmt.Sprintf("Correct the endpoint name in the device; or let the record take a name of the certificate: lwbs device set %s --certificate-name NAME.", word(s.Endpoint)) + where
	}
	return namesRemedy(f, s) + fmt.Sprintf(" Or let the record of %q take the name in the certificate, after that of %q has given it up: lwbs device set %s --certificate-name none, then lwbs device set %s --certificate-name NAME.",
		s.Claimed, s.Endpoint, word(s.Endpoint), word(s.Claimed)) + where
}

// nameCertificate is how the certificate of an attempt is named in the record.
func nameCertificate(s store.Session) string {
	ep := "NAME"
	if s.Known {
		ep = word(s.Endpoint)
	}
	return fmt.Sprintf("lwbs device set %s --certificate-fingerprint %s", ep, s.Identity)
}

func unknownCertificateRemedy(_ Facts, s store.Session) string {
	return "If it is the right one, name it in the record: " + nameCertificate(s) + ", with those that are to stay. Else give the device one that the server's CA has issued."
}

func untrustedRemedy(_ Facts, s store.Session) string {
	return "Add the CA that issued it to the file of lwbs serve --tls-client-ca; or let the device send the certificates between its own and the CA, if there are any; or name this one certificate in the record: " + nameCertificate(s) + "."
}

func usageRemedy(_ Facts, s store.Session) string {
	return "Issue a certificate with the key usage digitalSignature and the extended key usage clientAuth; or name this one certificate in the record, where its use is not asked for: " + nameCertificate(s) + "."
}

func noSecRemedy(f Facts, s store.Session) string {
	if f.Device != nil && f.Device.NoSec {
		return "Let the device come again: by now its record permits plain CoAP."
	}
	text := fmt.Sprintf("Give the device a coaps:// address of this server and its key; or permit plain CoAP, if the network is one to trust: lwbs device set %s --no-sec", word(s.Endpoint))
	if f.Profile == nil || !f.Profile.SecretsOverNoSec {
		text += ", and secretsOverNoSec: true in its profile where that has secrets"
	}
	return text + "."
}

func disabledRemedy(f Facts, s store.Session) string {
	switch {
	case f.Looked && f.Device == nil:
		return "Nothing: there is no such device any more."
	case s.Variant == store.VariantGroupDenied:
		return deniedRemedy(f, s)
	case f.Device != nil && !f.Device.Disabled:
		return "Let the device come again: it is enabled by now."
	}
	return fmt.Sprintf("Enable the device, if it is to be bootstrapped: lwbs device enable %s.", word(s.Endpoint))
}

func otherRequestRemedy(_ Facts, s store.Session) string {
	if s.Variant == store.VariantRegisters {
		return "The device takes this server for its LwM2M Server. Mark the account with this address in the device as that of a Bootstrap-Server (Resource 0/x/1 true), or give it the address of the LwM2M Server."
	}
	return "Look into the device's log and at the path in its Bootstrap-Server URI: only POST /bs and GET /bspack are answered here, whatever stands before them."
}

// word is a name as one word of a command line.
func word[T ~string](name T) string {
	text := outcome.Printable(string(name), outcome.MaxIdentity)
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=][-A-Za-z0-9_./:@%+,=]*$`)
