package bootstrap

import "fmt"

// A Finding is something wrong with a profile, or with a device under its profile.
type Finding struct {
	// Place is where, in the words of the profile document: "accounts[0].uri",
	// "objects[1].resources[14]"; of a device: "device.accounts[main].key".
	Place string

	// Message says what is wrong, in one line without a final stop, and never with
	// a secret in it.
	Message string

	// Warning is set where a device can be bootstrapped all the same.
	Warning bool
}

// String is the place and the message.
func (f Finding) String() string {
	if f.Place == "" {
		return f.Message
	}
	return fmt.Sprintf("%s: %s", f.Place, f.Message)
}
