package lwm2m

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxID is the number that LwM2M reserves: it is never the identifier of an
// Object, an Instance, a Resource or a Server.
//
// Spec: Core 1.1.1 §7.1 (MAX_ID).
const MaxID = 65535

// Identifiers of the data model, each 0 to 65534.
type (
	ObjectID           uint16
	InstanceID         uint16
	ResourceID         uint16
	ResourceInstanceID uint16
)

// The Objects that bootstrapping is about.
const (
	ObjectSecurity      ObjectID = 0
	ObjectServer        ObjectID = 1
	ObjectAccessControl ObjectID = 2
	ObjectDevice        ObjectID = 3
	ObjectOSCORE        ObjectID = 21
)

// A ShortServerID pairs the Security and the Server Object Instance of one LwM2M
// Server Account; 1 to 65534. Zero stands for "none", as for a Bootstrap-Server.
type ShortServerID uint16

// Valid reports whether id may name an LwM2M Server.
func (id ShortServerID) Valid() bool { return id != 0 && id != MaxID }

// MaxEndpointName is the longest Endpoint Client Name accepted, in bytes: what one
// Uri-Query option holds after "ep=" (RFC 7252 §5.10).
const MaxEndpointName = 252

// An EndpointName is an Endpoint Client Name: how a device calls itself. UTF-8, 1
// to [MaxEndpointName] bytes, a URN by recommendation only (Core 1.1.1 §7.3).
type EndpointName string

// Validate reports why ep cannot be an Endpoint Client Name, nil when it can.
func (ep EndpointName) Validate() error {
	switch {
	case ep == "":
		return errors.New("endpoint name is empty")
	case len(ep) > MaxEndpointName:
		return fmt.Errorf("endpoint name has %d bytes, at most %d are possible", len(ep), MaxEndpointName)
	case !utf8.ValidString(string(ep)):
		return errors.New("endpoint name is not valid UTF-8")
	}
	for i, r := range string(ep) {
		if unicode.IsControl(r) {
			return fmt.Errorf("endpoint name has the control character %U at byte %d", r, i)
		}
	}
	return nil
}
