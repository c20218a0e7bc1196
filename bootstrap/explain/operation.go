package explain

import (
	"fmt"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// smallPayload is the largest payload that no device known is too small for, in bytes:
// Zephyr's engine takes messages of 304 bytes unless it was built for more.
const smallPayload = 200

func doneRemedy(f Facts, s store.Session) string {
	text := "Nothing to do. If the device does not register, look into the log of the LwM2M Server, and compare the identity, the key and the address there with what the device was given"
	if s.Endpoint != "" {
		text += fmt.Sprintf(" (lwbs device get %s --reveal)", word(s.Endpoint))
	}
	text += "."
	if f.Profile != nil && f.Profile.Device.EmptyResources == grammar.EmptyOmit {
		text += " Some clients, such as Leshan 1.5, confirm everything and then miss the Resources that emptyResources: omit leaves out: set it to write in the profile."
	}
	return text
}

func silentRemedy(_ Facts, s store.Session) string {
	const link = "Look at the radio link and the power supply of the device: it may sleep, or have lost its network. Most devices come again by themselves."
	o := last(s)
	switch {
	case s.Proof == store.ProofNone && s.Known:
		return "No answer came from the address that the request came from. Most likely a NAT or a firewall keeps the requests of this server from the device, or the address was forged: over plain CoAP any peer can send a request in the name of a device."
	case o.Op == lwm2m.OpWrite && o.Bytes > smallPayload:
		return link + fmt.Sprintf(" The request had %d bytes: where larger datagrams are lost, or the device has no room for one, a smaller blockSize in the profile gets through.", o.Bytes)
	case o.Op == lwm2m.OpDiscover && len(s.Operations) == 1:
		return link + " If it never answers the first request, it does not expect any: see that its account with this address is that of a Bootstrap-Server."
	}
	return link + " If it always stops at the same operation, that operation makes it fail."
}

func resetRemedy(_ Facts, s store.Session) string {
	const restart = "Restart the device: it has lost its bootstrap session, as after a reboot. If it always happens at the same operation, its firmware lacks that operation."
	if s.Transport == store.TransportPlain {
		return "Most likely the device was restarted, or another one has its address now; it will come again by itself. If it always happens at the same operation, its firmware lacks that operation."
	}
	return restart
}

// refusedRemedy says what to do about the write that ended a session.
func refusedRemedy(f Facts, s store.Session) string {
	o := last(s)
	switch class := o.Code.Class(); {
	case len(s.Operations) == 0 || o.Code == 0 || o.Tolerated:
		return "Look which operation was refused (lwbs session get " + word(s.ID) + "), and take out of the profile what the device does not know."
	case class == 4:
		return clientErrorRemedy(f, s, o)
	case class == 5:
		return serverErrorRemedy(o)
	}
	return fmt.Sprintf("The code %v has no meaning as the answer to a Bootstrap-Write: the device's firmware is at fault. Its log tells whether it took the write.", o.Code)
}

// clientErrorRemedy is for a write that was answered with 4.xx.
func clientErrorRemedy(f Facts, s store.Session, o store.Operation) string {
	switch o.Code {
	case lwm2m.CodeBadRequest:
		return badValueRemedy(f, s, o)
	case lwm2m.CodeNotFound:
		return notFoundRemedy(f, s, o)
	case lwm2m.CodeUnsupportedFormat:
		return formatRemedy(f, s)
	case lwm2m.CodeNotAcceptable:
		return "The device says so of a value that it does not take, or of a format that it cannot read (Wakaama has no other word for either). " + badValueRemedy(f, s, o) + " " + formatRemedy(f, s)
	case lwm2m.CodeMethodNotAllowed, lwm2m.CodeUnauthorized, lwm2m.CodeForbidden:
		return fmt.Sprintf("The device does not let a Bootstrap-Server write %v, or it does not take this server for its Bootstrap-Server any more: then it has restarted, or waited too long, and comes again by itself. If it is always so, %s.", o.Path, takeOut(o.Path))
	case lwm2m.CodeBadOption:
		if !inBlocks(f, o) {
			return "The device does not understand an option of the request, which had no more than its path and its content format. " + formatRemedy(f, s)
		}
		return "The device does not understand an option of the request. " + blockRemedy(o)
	case lwm2m.CodeRequestIncomplete:
		if !inBlocks(f, o) {
			return "The device says that blocks are missing, and the request was whole: its block-wise transfer is at fault. A restart may help, else its firmware needs mending."
		}
		return "The device lost a block of the request, or keeps none. " + blockRemedy(o)
	case lwm2m.CodeRequestTooLarge:
		return fmt.Sprintf("The %d bytes are more than the device can take. Set a smaller blockSize or maxPayload in the profile, shorten keys and certificates, or write fewer Resources.", o.Bytes)
	}
	return fmt.Sprintf("The device's log tells what it means by %v. If it is always so, %s.", o.Code, takeOut(o.Path))
}

// serverErrorRemedy is for a write that was answered with 5.xx.
func serverErrorRemedy(o store.Operation) string {
	switch o.Code {
	case lwm2m.CodeNotImplemented:
		return fmt.Sprintf("The device's firmware does not implement this write. If it is always so, %s; or the device needs a newer firmware.", takeOut(o.Path))
	case lwm2m.CodeServiceUnavailable:
		return "The device is busy with something else, such as storing keys in its modem, and comes again by itself. If it is always so, its log tells what it waits for."
	case lwm2m.CodeInternalServerError:
		text := "The device failed by itself. Most likely it has no room: many hold two Security Instances, which is one LwM2M Server beside the Bootstrap-Server, and keys and identities of 16 bytes"
		if o.Path.Object() != lwm2m.ObjectSecurity && o.Path.Object() != lwm2m.ObjectServer {
			text = "The device failed by itself. Most likely it has no room, or cannot store a value"
		}
		return text + ". Else it cannot read what was sent and has no other word for that. Its log tells more; with writes: resource in the profile each Resource is written by itself, and the history names the one at fault."
	}
	return fmt.Sprintf("The device failed by itself, with %v. Its log tells more.", o.Code)
}

// badValueRemedy is for a write whose content the device does not like.
func badValueRemedy(f Facts, s store.Session, o store.Operation) string {
	if o.Path.Depth() < 3 {
		text := fmt.Sprintf("The device does not like a Resource or a value of %v. Take optional Resources out of the profile until it accepts; see that keys and identities fit into the device (many hold 16 bytes)", o.Path)
		if f.Profile == nil || o.Path.Object() == lwm2m.ObjectSecurity {
			other := "the other choice"
			if f.Profile != nil {
				other = map[bool]string{true: "write", false: grammar.EmptyOmit}[f.Profile.Device.EmptyResources == grammar.EmptyOmit]
			}
			text += "; set emptyResources in the profile to " + other
		}
		return text + "."
	}
	switch r := o.Path.Resource(); {
	case o.Path.Object() != lwm2m.ObjectSecurity:
	case r == 0:
		return fmt.Sprintf("The device does not take the address in %v: it may be too long for it, or of a kind that it does not know; some want numbers in place of a host name. Change uri in the profile.", o.Path)
	case r == 3 || r == 5:
		return fmt.Sprintf("The device does not take the value of %v, of %d bytes with what belongs to it. Most likely it is too long: many hold 16 bytes. For a shorter key set keyLength in the profile and give this device a new one: lwbs device set %s --account-key-file ACCOUNT=FILE. For a shorter identity: identity in the profile.", o.Path, o.Bytes, word(s.Endpoint))
	case r == 1 || r == 2 || r == 10:
		return fmt.Sprintf("The device does not take the value of %v: it may not know this security mode, or have this Short Server ID already. Change security, uri or shortServerID in the profile.", o.Path)
	}
	return fmt.Sprintf("The device does not take %v, or not this value. Correct it in the profile; or, if it is optional, %s.", o.Path, takeOut(o.Path))
}

// notFoundRemedy is for a write to something that the device says it does not have.
func notFoundRemedy(f Facts, s store.Session, o store.Operation) string {
	object := o.Path.Object()
	account := object == lwm2m.ObjectSecurity || object == lwm2m.ObjectServer
	switch {
	case account && o.Path.Depth() >= 3:
		return fmt.Sprintf("The device does not know Resource %v. If it is optional, %s; no device may lack those that every account has.", o.Path, takeOut(o.Path))
	case account:
		took := slices.ContainsFunc(s.Operations, func(w store.Operation) bool {
			return w.Op == lwm2m.OpWrite && w.Code.Success() && w.Path.Object() == object
		})
		room := fmt.Sprintf("it has no room for one more Instance of Object %d: many hold one LwM2M Server beside the Bootstrap-Server. Then let the profile have one account, and delete: discovered", object)
		unknown := "it does not know a Resource of it, such as those that came with later versions of LwM2M"
		if extra := extraResources(f.Profile, object); f.Profile == nil || extra {
			unknown += ": take those out of the account in the profile"
		} else if !took {
			unknown = "it wants another Instance"
		}
		if took {
			return fmt.Sprintf("Most likely %s. Else %s.", room, unknown)
		}
		return fmt.Sprintf("Most likely %s; or %s. With writes: resource in the profile each Resource is written by itself, and the history names the one at fault.", unknown, room)
	}
	return fmt.Sprintf("The device does not know Object %d%s: %s.", object, map[bool]string{true: ", or a Resource of it", false: ""}[o.Path.Depth() > 1], takeOut(o.Path))
}

// extraResources reports whether an account of p has Resources of an Object beyond those
// that every account has.
func extraResources(p *store.Profile, object lwm2m.ObjectID) bool {
	return p != nil && slices.ContainsFunc(p.Accounts, func(a store.Account) bool {
		if object == lwm2m.ObjectSecurity {
			return len(a.SecurityResources) > 0 || a.OSCORE != nil
		}
		return len(a.ServerResources) > 0
	})
}

// takeOut says how something is left out of a profile.
func takeOut(path lwm2m.Path) string {
	switch object := path.Object(); {
	case object == lwm2m.ObjectAccessControl:
		return "say accessControl: none in the profile, if the device can do without"
	case object == lwm2m.ObjectOSCORE:
		return "take oscore out of the account in the profile; the LwM2M Server must do without it, too"
	case object != lwm2m.ObjectSecurity && object != lwm2m.ObjectServer:
		return fmt.Sprintf("take %v out of the objects of the profile", path)
	case path.Depth() >= 3:
		return fmt.Sprintf("take Resource %d out of the account in the profile", path.Resource())
	}
	return "the device cannot be bootstrapped: its documentation tells how it is given an account"
}

// formatRemedy is for a device that reads none of the formats that were tried.
func formatRemedy(f Facts, s store.Session) string {
	var tried []string
	for _, o := range s.Operations {
		if o.Op == lwm2m.OpWrite && o.Format != 0 && !slices.Contains(tried, o.Format.String()) {
			tried = append(tried, o.Format.String())
		}
	}
	text := "The device reads none of the content formats that were tried"
	if len(tried) > 0 {
		text += " (" + strings.Join(tried, ", ") + ")"
	}
	return text + fmt.Sprintf(". See its documentation for the one that it takes, and set format in the profile, or in the record of this device: lwbs device set %s --format FORMAT.", word(s.Endpoint))
}

// inBlocks reports whether a payload went in several blocks, by the profile as it is now.
func inBlocks(f Facts, o store.Operation) bool {
	var limits store.DeviceLimits
	if f.Profile != nil {
		limits = f.Profile.Device
	}
	return o.Bytes > limits.Block()
}

// blockRemedy is for a device that may not master block-wise transfer.
func blockRemedy(o store.Operation) string {
	return fmt.Sprintf("Most likely it does not master block-wise transfer (RFC 7959). The payload had %d bytes: set blockSize in the profile so that it goes in one message (1024 is the most), or write less: maxPayload divides a write by Resources.", o.Bytes)
}

// finishRemedy says what to do about a Finish that was refused.
func finishRemedy(f Facts, s store.Session) string {
	switch o := last(s); o.Code {
	case lwm2m.CodeNotAcceptable:
		return incompleteRemedy(f, s)
	case lwm2m.CodeBadRequest:
		return "Most likely the device is not bootstrapping any more: it was restarted, or the session was too slow for it (lwbs session get " + word(s.ID) + " shows how long each operation took). Then it comes again by itself. Else: " + lower(incompleteRemedy(f, s))
	case lwm2m.CodeNotFound, lwm2m.CodeMethodNotAllowed, lwm2m.CodeNotImplemented:
		return "The device's firmware does not know Bootstrap-Finish, as Zephyr before 2.0. It needs a newer one; no profile helps. Some use their account all the same: look whether it registers."
	case lwm2m.CodeInternalServerError, lwm2m.CodeServiceUnavailable:
		return "The device failed when it was to use what it was given: most likely it could not store it, or not connect with it. Its log tells which."
	}
	return "The device found the configuration wanting. " + incompleteRemedy(f, s)
}

// incompleteRemedy names why devices call a configuration incomplete or contradictory, the
// most frequent reason first.
func incompleteRemedy(f Facts, s store.Session) string {
	first := "a mandatory Resource that is missing: Leshan wants 0/x/3, 4 and 5 even where they are empty (emptyResources: write in the profile)"
	if f.Profile != nil {
		if f.Profile.Device.EmptyResources == grammar.EmptyOmit {
			first = "that the profile leaves 0/x/3, 4 or 5 out where they are empty, which Leshan does not take: set emptyResources to write in it"
		} else {
			first = "a Resource that the device takes for mandatory and the profile does not write"
		}
	}
	reasons := []string{first}
	if format := takenForText(s); format != 0 {
		reasons = []string{fmt.Sprintf("that it does not know %v, and took the Resources that were written one by one for plain text, after it had refused the whole: set format to tlv in the profile", format), first}
	}
	if slices.ContainsFunc(s.Operations, func(o store.Operation) bool { return o.Op == lwm2m.OpWrite && o.Path.Object() == lwm2m.ObjectOSCORE }) {
		reasons = append(reasons, "a value in oscore that it does not take, such as hmacAlgorithm with Leshan")
	}
	if text := leftOverText(f, s); text != "" {
		reasons = append(reasons, text)
	}
	reasons = append(reasons,
		"more accounts than it has room for",
		"that its own Bootstrap-Server Account lacks something, such as the hold-off time with Wakaama")
	own := "Its log tells which"
	if o := last(s); o.Diagnostic != "" {
		own = "What it says itself is above; its log may tell more"
	}
	return fmt.Sprintf("The device found the configuration incomplete or contradictory. %s. Likely reasons, the most frequent first: %s.", own, strings.Join(reasons, "; "))
}

// takenForText is the format in which the device refused an Instance and then took its
// Resources one by one, as old Wakaama does with a format that it does not know; zero where
// it did not. Every client reads TLV.
func takenForText(s store.Session) lwm2m.Format {
	for i, whole := range s.Operations {
		if whole.Op != lwm2m.OpWrite || whole.Path.Depth() != 2 || whole.Code.Success() || whole.Format == lwm2m.FormatTLV {
			continue
		}
		if slices.ContainsFunc(s.Operations[i:], func(o store.Operation) bool {
			return o.Op == lwm2m.OpWrite && o.Path.Depth() == 3 && whole.Path.Contains(o.Path) && o.Format == whole.Format && o.Code.Success()
		}) {
			return whole.Format
		}
	}
	return 0
}

// leftOverText is about accounts from before, which the session may not have deleted.
func leftOverText(f Facts, s store.Session) string {
	const text = "an account from before that is not whole"
	tells := slices.ContainsFunc(s.Operations, func(o store.Operation) bool { return o.Op == lwm2m.OpDiscover && o.Code.Success() })
	switch {
	case f.Profile == nil:
		return text + " (delete: discovered in the profile deletes those that the device tells of)"
	case f.Profile.Delete.Mode == store.DeleteAll:
		return ""
	case f.Profile.Delete.Mode != "" && f.Profile.Delete.Mode != store.DeleteDiscovered:
		return text + " (set delete to discovered in the profile, which deletes those that the device tells of)"
	case !tells:
		return text + ", since the device does not tell which it has"
	}
	return ""
}

// lower makes the first letter of a sentence small, so that it can follow a colon.
func lower(sentence string) string { return strings.ToLower(sentence[:1]) + sentence[1:] }
