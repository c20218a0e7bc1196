package profile

import (
	"errors"
	"fmt"
)

// A Finding is something wrong with a profile, or with a device under its profile.
type Finding struct {
	// Place is where, in the words of a profile's JSON: "accounts[0].uri",
	// "accounts[0].serverResources[2]", "objects[1].resources[14]"; of a device:
	// "device.accounts[main].key".
	Place string `json:"place,omitempty"`

	// Message says what is wrong, in one line without a final stop, and never with
	// a secret in it.
	Message string `json:"message"`

	// Warning is set where a device can be bootstrapped in spite of it.
	Warning bool `json:"warning,omitempty"`

	// Variable is the name of the variable that a template asks for and that the device
	// does not have; empty where it is about something else.
	Variable string `json:"variable,omitempty"`

	// lenient is set on an error that does not end a session.
	lenient bool

	// fatal is set on a warning about a device that is given nothing.
	fatal bool

	// template is set where a template could not be filled in.
	template bool
}

// templateFinding is an error of [render] at a place.
func templateFinding(place string, err error) Finding {
	f := Finding{Place: place, Message: err.Error()}
	var failed *templateError
	if errors.As(err, &failed) {
		f.template, f.Variable = true, failed.variable
	}
	return f
}

// String is the place and the message.
func (f Finding) String() string {
	if f.Place == "" {
		return f.Message
	}
	return fmt.Sprintf("%s: %s", f.Place, f.Message)
}
