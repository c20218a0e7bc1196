package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// CountText tells of a count: 12 devices: 10 done, 2 failed.
func CountText(count admin.DeviceCount) string {
	text := output.Counted(count.Devices, "device", "devices")
	var parts []string
	for _, state := range admin.DeviceStates() {
		if n := count.States[state]; n > 0 {
			text := fmt.Sprintf("%d %s", n, StateText(state))
			if state == admin.DeviceDue {
				text += dueCounts(count)
			}
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return text
	}
	text += ": " + strings.Join(parts, ", ")
	if count.Rotating > 0 {
		text += fmt.Sprintf("; %d rotating", count.Rotating)
	}
	return text
}

// dueCounts tells for what reasons devices are due.
func dueCounts(count admin.DeviceCount) string {
	var parts []string
	for _, reason := range profile.DueReasons {
		if n := count.Due[reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d by %s", n, reason))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// StateAndDue is a state as a table has it, with the reasons of a device that is due.
func StateAndDue(d admin.Device) string {
	if d.State != admin.DeviceDue || len(d.Due) == 0 {
		return StateText(d.State)
	}
	words := make([]string, len(d.Due))
	for i, reason := range d.Due {
		words[i] = string(reason)
	}
	return fmt.Sprintf("%s (%s)", d.State, strings.Join(words, ", "))
}

// StateText is a state as a table has it.
func StateText(s admin.DeviceState) string {
	if s == admin.DeviceNever {
		return "never came"
	}
	return string(s)
}

// PrintKeys prints the keys that an edit has generated, and where each is to be put.
func PrintKeys(w io.Writer, d admin.Device) {
	for _, cr := range d.Credentials {
		if cr.Group != "" && cr.Kind == store.CredentialPSK && d.Revision == 1 {
			fmt.Fprintf(w, "\nput into the device, for the Bootstrap-Server:\n  identity  %s\n  key       derived from that of group %s: lwbs device get %s --reveal shows it, and a factory has it by lwbs key derive\n", output.Text(cr.Identity), output.Name(cr.Group), output.Name(d.Endpoint))
		}
		if cr.Key != "" {
			fmt.Fprintf(w, "\nput into the device, for the Bootstrap-Server:\n  identity  %s\n  key       %s   (hexadecimal, %d bytes)\n", output.Text(cr.Identity), cr.Key, cr.KeyLength)
		}
	}
	PrintAccountKeys(w, d)
}

// PrintAccountKeys prints the keys of accounts that an edit has generated, and where each is to be put.
func PrintAccountKeys(w io.Writer, d admin.Device) {
	for _, account := range slices.Sorted(maps.Keys(d.Accounts)) {
		a := d.Accounts[account]
		if a.Key != "" {
			fmt.Fprintf(w, "\nput into the LwM2M Server of account %s:\n  identity  %s\n  key       %s   (hexadecimal, %d bytes)\n", output.Name(account), output.Text(a.Identity), a.Key, a.KeyLength)
		}
		if a.MasterSecret != "" {
			fmt.Fprintf(w, "\nput into the LwM2M Server of account %s, for OSCORE:\n  master secret  %s   (hexadecimal, %d bytes)\n", output.Name(account), a.MasterSecret, a.MasterSecretLength)
		}
	}
}
