package explain

import (
	"fmt"
	"time"

	"lwbs/store"
)

// isParked reports whether the device of a session waits for approval.
func isParked(s store.Session) bool { return s.Cause == "" && s.Stage == store.StageParked }

// parkedText tells of a session whose device waits for approval.
func parkedText(s store.Session) string {
	text := "An unknown device"
	if s.Endpoint != "" {
		text = fmt.Sprintf("An unknown device that calls itself %q", s.Endpoint)
	}
	text += fmt.Sprintf(" waits for approval since %s, as %s", s.Started.UTC().Format(time.DateTime+" UTC"), s.Pending)
	if s.Group != "" {
		text += fmt.Sprintf("; it authenticated as %q, by a key or a CA of group %q", s.Identity, s.Group)
	} else if s.Transport == store.TransportPlain {
		text += "; it came over plain CoAP, where nothing proves who it is"
	} else if s.Identity != "" {
		text += fmt.Sprintf("; it authenticated with the certificate %s, which a trusted CA vouches for", s.Identity)
	}
	return text + "."
}

// approvalRemedy is for a device that waits for approval, or that did.
func approvalRemedy(f Facts, s store.Session) string {
	switch {
	case f.Device != nil && isParked(s):
		return "There is a record of this name by now: where that takes what the device came with, the session goes on within a second. Else see the record: lwbs device get " + word(s.Endpoint) + "."
	case f.Device != nil:
		return "Let the device come again: by now there is a record of this name."
	case f.Looked && f.Pending == nil && s.Endpoint != "" && s.Transport == store.TransportPlain:
		return fmt.Sprintf("It is not on the list of pending devices any more. Add it: lwbs device add %s --profile PROFILE --no-sec.", word(s.Endpoint))
	case f.Looked && f.Pending == nil && s.Group != "":
		return fmt.Sprintf("It is not on the list of pending devices any more. Let it come again, or add it: lwbs device add %s --group %s.", word(s.Endpoint), word(s.Group))
	case f.Looked && f.Pending == nil:
		return fmt.Sprintf("It is not on the list of pending devices any more. Add it as it came: lwbs device add --from-session %s --profile PROFILE.", s.ID)
	}
	approve := approveCommand(f, s)
	switch {
	case isParked(s):
		return fmt.Sprintf("Approve it, and this session goes on at once: %s. Else lwbs pending reject %s.", approve, s.Pending)
	case s.Cause == store.CauseRejected:
		return fmt.Sprintf("Nothing, if it is none of yours. If it is after all, approve it: %s. It is served when it comes again.", approve)
	}
	return fmt.Sprintf("Approve it, if it is one of yours: %s. It is served when it comes again. More time to approve it: lwbs serve --park-time.", approve)
}

// approveCommand approves the pending device of s.
func approveCommand(f Facts, s store.Session) string {
	command := "lwbs pending approve " + s.Pending
	profile := s.Profile
	if f.Pending != nil && f.Pending.NameUnproved() {
		command += " --endpoint " + word(f.Pending.Endpoint)
	}
	if profile == "" {
		return command + " --profile PROFILE"
	}
	return command + " --profile " + word(profile)
}
