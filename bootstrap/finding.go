package bootstrap

import "fmt"

// A Finding is something wrong with a profile, or with a device under its profile.
type Finding struct {
	// Place is where, in the words of a profile's JSON: "accounts[0].uri",
	// "accounts[0].serverResources[2]", "objects[1].resources[14]"; of a device:
	// "device.accounts[main].key".
	Place string `json:"place,omitempty"`

	// Message says what is wrong, in one line without a final stop, and never with
	// a secret in it.
	Message string `json:"message"`

	// Warning is set where a device can be bootstrapped all the same.
	Warning bool `json:"warning,omitempty"`
}

// String is the place and the message.
func (f Finding) String() string {
	if f.Place == "" {
		return f.Message
	}
	return fmt.Sprintf("%s: %s", f.Place, f.Message)
}
