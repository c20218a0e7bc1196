package group

import (
	"fmt"
	"io"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
)

// print prints a group.
func print(out io.Writer, g admin.Group) error {
	t := output.NewTable(out)
	row := func(key, format string, args ...any) { t.Row(key, fmt.Sprintf(format, args...)) }
	row("group", "%s", output.Name(g.Name))
	row("profile", "%s", output.Name(g.Profile))
	row("revision", "%d, of %s", g.Revision, output.Clock(g.Updated))
	row("state", "%s", stateText(g))
	row("devices", "%s", devicesText(g))
	for _, pattern := range g.Match {
		row("matches", "%s", output.Text(pattern))
	}
	for i, k := range g.Keys {
		row(map[bool]string{true: "key", false: "former key"}[i == 0], "%s", keyText(k))
	}
	if len(g.Keys) > 0 {
		row("keys of devices", "%d bytes, by %s", g.DeviceKeyLength, g.Derivation)
	}
	for _, ca := range g.CAs {
		row("CA", "%s, valid until %s", output.Text(ca.Subject), output.Clock(ca.Expires))
	}
	for _, list := range g.RevocationLists {
		row("revoked", "%s of %s", output.Counted(list.Revoked, "certificate", "certificates"), output.Text(list.Issuer))
	}
	if !g.Until.IsZero() {
		row("until", "%s", output.Clock(g.Until))
	}
	if len(g.Tags) > 0 {
		row("tags", "%s", output.Names(g.Tags))
	}
	for _, ep := range g.Denied {
		row("denies", "%s", output.Name(ep))
	}
	if g.Note != "" {
		row("note", "%s", output.Text(g.Note))
	}
	return t.Flush()
}

// stateText says whether a group enrols devices.
func stateText(g admin.Group) string {
	switch g.State {
	case admin.GroupOpen:
		if g.Approve {
			return "open: its devices wait for approval, lwbs pending list shows them"
		}
		return "open: it enrols devices"
	case admin.GroupDisabled:
		return "disabled: it enrols no devices; those that it has go on"
	case admin.GroupEnded:
		return "ended: it enrols no devices since its end date; those that it has go on"
	case admin.GroupFull:
		return "full: it enrols no devices until one is deleted or --max-devices is higher; those that it has go on"
	case admin.GroupEmpty:
		return "keyless: it enrols no devices, as it has no key and no CA, or no pattern"
	}
	return string(g.State)
}

func devicesText(g admin.Group) string {
	if g.MaxDevices == 0 {
		return fmt.Sprint(g.Devices)
	}
	return fmt.Sprintf("%d of %d", g.Devices, g.MaxDevices)
}

// means says what devices of a group authenticate with.
func means(g admin.Group) string {
	var parts []string
	if len(g.Keys) > 0 {
		parts = append(parts, output.Counted(len(g.Keys), "key", "keys"))
	}
	if len(g.CAs) > 0 {
		parts = append(parts, output.Counted(len(g.CAs), "CA", "CAs"))
	}
	return strings.Join(parts, ", ")
}

func keyText(k admin.GroupKey) string {
	text := fmt.Sprintf("number %d, of %d bytes, of %s", k.ID, k.Length, output.Clock(k.Created))
	if k.Key != "" {
		text = fmt.Sprintf("number %d, %s (hexadecimal, %d bytes), of %s", k.ID, k.Key, k.Length, output.Clock(k.Created))
	}
	if k.Devices != nil {
		text += fmt.Sprintf("; %s came last with it", output.Counted(*k.Devices, "device", "devices"))
	}
	return text
}
