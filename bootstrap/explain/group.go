package explain

import (
	"fmt"

	"lwbs/store"
)

// groupRemedy says what to do where a group has the name of a peer without a record; empty where none
// has. The name is its PSK identity, or the name that it gave.
func groupRemedy(f Facts, s store.Session, name string) string {
	if f.Group == nil {
		if s.Group != "" {
			return fmt.Sprintf("No group has this name any more: lwbs group list shows those there are. Else add the device: lwbs device add %s --profile PROFILE.", word(name))
		}
		return ""
	}
	g := word(f.Group.Name)
	add := fmt.Sprintf("lwbs device add %s --group %s", word(name), g)
	switch f.Refuses {
	case store.VariantGroupDenied:
		return fmt.Sprintf("If the device is to be enrolled: lwbs group allow %s %s.", g, word(name))
	case store.VariantGroupDisabled:
		return fmt.Sprintf("If the group is to enrol devices: lwbs group enable %s. For this device alone: %s.", g, add)
	case store.VariantGroupEnded:
		return fmt.Sprintf("If the group is to enrol devices again: lwbs group set %s --until TIME. For this device alone: %s.", g, add)
	case store.VariantGroupFull:
		return fmt.Sprintf("Look whether all its devices are yours: lwbs device list --group %s. If they are: lwbs group set %s --max-devices NUMBER, with more than %d. For this device alone: %s.", g, g, f.Group.MaxDevices, add)
	case store.VariantGroupRecord:
		return fmt.Sprintf("There is a record %q, which does not take a key or certificate of the group. If this is that device, such as after a reset to what the factory gave it, let its record take them: lwbs device set %s --group %s.", name, word(name), g)
	}
	if s.Variant == store.VariantGroupName {
		return "Give the device its PSK identity as its endpoint name, or the key of its endpoint name, with that as its identity: lwbs key derive."
	}
	if s.Cause == store.CauseKeyDiffers {
		return fmt.Sprintf("Give the device the key that follows from that of group %s: lwbs key derive %s, with the derivation and the length that lwbs group get %s shows. Most often the key of another group was used, or its text in place of its bytes.", g, word(name), g)
	}
	return fmt.Sprintf("Let the device come again: group %s enrols it by now.", g)
}

// resetKeyRemedy is for a device of a group with another key than its record: it may have been reset.
func resetKeyRemedy(f Facts, s store.Session) string {
	if f.Device == nil || f.Device.Group == "" || s.Identity != string(s.Endpoint) {
		return ""
	}
	for _, c := range f.Device.Credentials {
		if c.Kind == store.CredentialPSK && c.Group != "" {
			return ""
		}
	}
	return fmt.Sprintf(" If it was reset to what the factory gave it, it has the key that follows from that of its group, and its record has one of its own: lwbs device set %s --psk none --group %s.",
		word(s.Endpoint), word(f.Device.Group))
}

// deniedRemedy is for a device that its group denies.
func deniedRemedy(f Facts, s store.Session) string {
	if f.Device == nil || f.Device.Group == "" {
		return "Nothing: it is in no group any more."
	}
	if f.Group != nil && !f.Group.Denies(f.Device.Endpoint) {
		return "Let the device come again: its group does not deny it any more."
	}
	return fmt.Sprintf("If it is to be bootstrapped: lwbs group allow %s %s.", word(f.Device.Group), word(s.Endpoint))
}
