package device

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/store"
)

// printDevice prints a device. Changes are what its profile gives otherwise than what it holds, for people.
func printDevice(out io.Writer, d admin.Device, changes string) error {
	t := output.NewTable(out)
	row := func(key, format string, args ...any) { t.Row(key, fmt.Sprintf(format, args...)) }
	row("endpoint", "%s", output.Name(d.Endpoint))
	row("profile", "%s", output.Name(d.Profile))
	if d.Group != "" {
		row("group", "%s", output.Name(d.Group))
	}
	row("revision", "%d, of %s", d.Revision, output.Clock(d.Updated))
	row("state", "%s", view.StateText(d.State))
	if h := d.Holds; h != nil {
		row("was given", "profile %s revision %d, since %s", output.Name(h.Profile), h.Revision, output.Clock(h.Since))
	}
	for _, reason := range d.Due {
		row("due", "%s", dueText(reason, changes))
	}
	row("plain CoAP", "%s", map[bool]string{true: "permitted", false: "refused"}[d.NoSec])
	for _, cr := range d.Credentials {
		row("bootstraps with", "%s", credentialText(cr))
	}
	for _, account := range slices.Sorted(maps.Keys(d.Accounts)) {
		a := d.Accounts[account]
		delivered := "not delivered yet"
		if !a.Delivered.IsZero() {
			delivered = "delivered " + output.Clock(a.Delivered)
		}
		row("account "+output.Name(account), "%s, %s", accountText(a), delivered)
	}
	for _, r := range d.Rotations {
		row("rotating", "%s", rotationText(r))
	}
	for _, path := range slices.SortedFunc(maps.Keys(d.Secrets), lwm2m.Path.Compare) {
		row("secret "+path.String(), "%s", secretText(path, d.Secrets[path]))
	}
	for _, variable := range slices.Sorted(maps.Keys(d.Vars)) {
		row("variable "+output.Name(variable), "%s", output.Text(d.Vars[variable]))
	}
	if len(d.Tags) > 0 {
		row("tags", "%s", output.Names(d.Tags))
	}
	if d.Format != 0 {
		row("format", "%v", d.Format)
	}
	if d.Note != "" {
		row("note", "%s", output.Text(d.Note))
	}
	if len(d.Written) > 0 {
		row("holds", "%s", writtenText(d.Written))
	}
	for _, h := range d.HandedOver {
		row("handed over", "%s", handedOverText(h))
	}
	for _, m := range d.Outbox {
		row("to tell", "%s", messageText(m))
	}
	if d.Running != nil {
		row("running", "%s", runningOf(*d.Running))
	}
	row("last session", "%s", lastOf(d))
	if d.Unproved != nil {
		row("under its name", "%s", unprovedOf(d))
	}
	return t.Flush()
}

// credentialText describes a credential that a device may authenticate with.
func credentialText(c admin.Credential) string {
	switch c.Kind {
	case store.CredentialCertificate:
		return "certificate " + c.Identity + " (SHA-256)" + expiresText(c.Expires)
	case store.CredentialCertificateName:
		if c.Group != "" {
			return fmt.Sprintf("any certificate of a CA of group %s for %q", output.Name(c.Group), c.Identity) + expiresText(c.Expires)
		}
		return fmt.Sprintf("any certificate of a trusted CA for %q", c.Identity) + expiresText(c.Expires)
	}
	if c.Group != "" {
		which := ""
		if c.GroupKey > 0 {
			which = fmt.Sprintf(" number %d", c.GroupKey)
		}
		return fmt.Sprintf("%s identity %q, key %s, derived from key%s of group %s", c.Kind, c.Identity, keyText(c.Key, c.KeyLength), which, output.Name(c.Group))
	}
	return fmt.Sprintf("%s identity %q, key %s%s", c.Kind, c.Identity, keyText(c.Key, c.KeyLength), pendingText(c))
}

// expiresText tells when a certificate expires; empty where that is unknown.
func expiresText(at time.Time) string {
	switch left := time.Until(at); {
	case at.IsZero():
		return ""
	case left <= 0:
		return ", expired on " + output.Clock(at)
	case left < admin.ExpiresSoon:
		return fmt.Sprintf(", expires in %s, on %s", output.Counted(int(left/(24*time.Hour)), "day", "days"), output.Clock(at))
	}
	return ", valid until " + output.Clock(at)
}

// dueText says why a device is due.
func dueText(reason profile.DueReason, changes string) string {
	switch reason {
	case profile.DueProfile:
		return "its profile gives something else" + changes
	case profile.DueRecord:
		return "its record gives something else since it was edited"
	case profile.DueRotation:
		return "other keys were asked for: lwbs rotation get has more"
	case profile.DueAge:
		return "a key is older than rotateAfter of its profile"
	}
	return string(reason)
}

// rotationText tells of a key that is being replaced.
func rotationText(r admin.Rotation) string {
	return fmt.Sprintf("%s: %s", keyName(r.Account), stageText(r))
}

// keyName is a key that can be replaced, for people.
func keyName(account string) string {
	if account == store.BootstrapServerAccount {
		return "key to bootstrap with"
	}
	return "key of account " + output.Name(account)
}

// stageText tells how far the replacement of a key has come.
func stageText(r admin.Rotation) string {
	since := ""
	if !r.Since.IsZero() {
		since = " " + output.Clock(r.Since)
	}
	switch {
	case r.Stage == admin.RotationAsked:
		return "asked for" + since + ": another is made when the device bootstraps"
	case r.Replaces != "":
		return fmt.Sprintf("made%s, identity %q: %q is accepted, too, until the device comes with it", since, r.Identity, r.Replaces)
	case r.Identity != "":
		return fmt.Sprintf("made%s, identity %q: the device has not come with it", since, r.Identity)
	}
	return "made" + since + ": the device has not accepted it in a bootstrap that succeeded"
}

// accountText describes the keys of an account.
func accountText(a admin.Account) string {
	var parts []string
	if a.Identity != "" {
		parts = append(parts, fmt.Sprintf("identity %q", a.Identity))
	}
	if len(a.Certificate) > 0 {
		parts = append(parts, fmt.Sprintf("certificate or public key %s (SHA-256)", store.Fingerprint(a.Certificate))+expiresText(a.Expires))
	}
	if a.KeyLength > 0 || a.MasterSecretLength == 0 {
		parts = append(parts, "key "+keyText(a.Key, a.KeyLength))
	}
	if a.MasterSecretLength > 0 {
		parts = append(parts, "OSCORE master secret "+keyText(a.MasterSecret, a.MasterSecretLength))
	}
	return strings.Join(parts, ", ")
}

// handedOverText tells what an LwM2M Server knows of a device.
func handedOverText(h admin.HandedOver) string {
	text := fmt.Sprintf("account %s to %s", output.Name(h.Account), output.Name(h.Server))
	if h.Identity != "" {
		text += fmt.Sprintf(", identity %q", h.Identity)
	}
	if h.Endpoint != "" {
		text += ", under its former name " + output.Name(h.Endpoint)
	}
	if !h.Acknowledged {
		return text + ": begun " + output.Clock(h.At) + ", and not acknowledged"
	}
	return text + ", " + output.Clock(h.At)
}

// messageText tells of a message that waits.
func messageText(m admin.Message) string {
	text := fmt.Sprintf("%s, %s, since %s", output.Name(m.Receiver), m.Type, output.Clock(m.Queued))
	if m.Tries > 0 {
		text += fmt.Sprintf(", failed %s: %s", output.Counted(m.Tries, "time", "times"), output.Text(m.Error))
	}
	return text
}

// writtenText lists the Instances that a device was given and, as far as is known, still holds.
func writtenText(written []store.WrittenInstance) string {
	parts := make([]string, len(written))
	for i, w := range written {
		parts[i] = w.Path.String()
		if w.Account != "" {
			parts[i] += " of " + output.Name(w.Account)
		}
		if w.Unconfirmed {
			parts[i] += " (perhaps)"
		}
	}
	return strings.Join(parts, ", ")
}

// pendingText says that the device has not authenticated with a credential yet.
func pendingText(c admin.Credential) string {
	switch {
	case !c.Pending:
		return ""
	case c.Replaces == "":
		return ", pending"
	}
	return fmt.Sprintf(", pending: replaces %q once the device authenticates with it", c.Replaces)
}

func keyText(key string, length int) string {
	if key == "" {
		return fmt.Sprintf("of %d bytes", length)
	}
	return fmt.Sprintf("%s (hexadecimal, %d bytes)", key, length)
}

// lastOf describes the last session of a device.
func lastOf(d admin.Device) string {
	switch {
	case d.Last != nil:
		return fmt.Sprintf("%s %s", output.Clock(d.Last.Started), d.Last.Cause)
	case d.Running != nil:
		return "none before"
	case d.Unproved != nil:
		return "none with its credential"
	}
	return "never seen by this database"
}

// runningOf describes how far a running session has come.
func runningOf(s store.Session) string {
	return fmt.Sprintf("since %s, for %s: %s", output.Clock(s.Started), view.Age(s), explain.Session(s).Stage)
}

// unprovedOf describes the last attempt under the name of a device that may not be its own.
func unprovedOf(d admin.Device) string {
	s := *d.Unproved
	who := "nothing proves that it was the device"
	if s.Endpoint != d.Endpoint {
		who = fmt.Sprintf("by %s", output.Name(s.Endpoint))
	}
	return fmt.Sprintf("%s %s, %s", output.Clock(view.When(s)), s.Cause, who)
}

// stateNow describes the latest known state of a device, for lists.
func stateNow(d admin.Device) string {
	switch {
	case d.Running != nil:
		return "running: " + explain.Session(*d.Running).Stage
	case d.Last == nil && d.Unproved != nil:
		return fmt.Sprintf("%s %s (not proved)", output.Clock(view.When(*d.Unproved)), d.Unproved.Cause)
	case d.Last == nil:
		return "never seen"
	}
	return lastOf(d)
}
