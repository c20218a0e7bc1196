package lwm2m

import (
	"fmt"
	"time"
)

// A SecurityMode is how a Client and a server secure their communication (OMA
// registry, Object 0 version 1.2, Resource 2).
type SecurityMode int

// The security modes.
const (
	SecurityPSK         SecurityMode = 0
	SecurityRPK         SecurityMode = 1
	SecurityCertificate SecurityMode = 2
	SecurityNoSec       SecurityMode = 3
	SecurityEST         SecurityMode = 4
)

var securityModeNames = [...]string{"PSK", "RPK", "Certificate", "NoSec", "EST"}

// String is the usual short name.
func (m SecurityMode) String() string {
	if m >= 0 && int(m) < len(securityModeNames) {
		return securityModeNames[m]
	}
	return fmt.Sprintf("security mode %d", int(m))
}

// A SecurityInstance is one Object Instance of LwM2M Security (Object 0): how to
// reach one server, and the credentials to use there.
//
// Spec: OMA registry, Object 0 version 1.2.
type SecurityInstance struct {
	ID InstanceID

	// ServerURI is Resource 0, such as "coaps://dm.example.com:5684"; at most 255
	// bytes.
	ServerURI string

	// BootstrapServer is Resource 1: whether the server is the Bootstrap-Server.
	BootstrapServer bool

	// Mode is Resource 2.
	Mode SecurityMode

	// PublicKeyOrIdentity is Resource 3: the PSK identity, the Client's public key
	// (SubjectPublicKeyInfo, DER) or its certificate (DER); empty for NoSec.
	PublicKeyOrIdentity []byte

	// ServerPublicKey is Resource 4: the server's public key or certificate, DER;
	// empty for PSK and NoSec.
	ServerPublicKey []byte

	// SecretKey is Resource 5: the PSK, or the private key as PKCS#8 DER; empty for
	// NoSec.
	SecretKey Secret

	// ShortServerID is Resource 10; zero, which leaves it out, for the
	// Bootstrap-Server only.
	ShortServerID ShortServerID

	// ClientHoldOffTime is Resource 11, in whole seconds: how long the Client waits
	// before it bootstraps by itself. Written for the Bootstrap-Server only.
	ClientHoldOffTime time.Duration

	// BootstrapServerAccountTimeout is Resource 12, in whole seconds: how long after
	// a successful bootstrap the Client keeps its Bootstrap-Server Account. Zero
	// leaves it out: no limit.
	BootstrapServerAccountTimeout time.Duration

	// OSCORESecurityMode is Resource 17: the OSCORE Instance to use; nil for none.
	OSCORESecurityMode *ObjectLink

	// Extra holds every other Resource.
	Extra []Resource
}

func (s *SecurityInstance) fields() []field {
	ofServer := func() bool { return !s.BootstrapServer }
	ofBootstrapServer := func() bool { return s.BootstrapServer }
	return []field{
		stringField(0, &s.ServerURI),
		boolField(1, &s.BootstrapServer),
		integerField(2, &s.Mode),
		opaqueField(3, &s.PublicKeyOrIdentity),
		opaqueField(4, &s.ServerPublicKey),
		secretField(5, &s.SecretKey),
		optionalField(integerField(10, &s.ShortServerID), ofServer),
		optionalField(secondsField(11, &s.ClientHoldOffTime), ofBootstrapServer),
		optionalField(secondsField(12, &s.BootstrapServerAccountTimeout),
			func() bool { return s.BootstrapServerAccountTimeout != 0 }),
		linkField(17, &s.OSCORESecurityMode),
	}
}

// Instance returns the Resources of s by ID. With empty, Resources 3, 4 and 5 without a value are
// written with length zero, as most Clients need; without it they are left out, as some need. Its
// error is a [*ValueError].
func (s SecurityInstance) Instance(empty bool) (Instance, error) {
	resources, err := resourcesOf(s.fields(), s.Extra)
	if err != nil {
		return Instance{}, err
	}
	in := Instance{ID: s.ID}
	for _, r := range resources {
		if !empty && r.ID >= 3 && r.ID <= 5 && r.Value.Len() == 0 {
			continue
		}
		in.Resources = append(in.Resources, r)
	}
	return in, nil
}

// SecurityFrom reads an Instance of Object 0. Its error is a [*ValueError].
func SecurityFrom(in Instance) (SecurityInstance, error) {
	s := SecurityInstance{ID: in.ID}
	extra, err := fillFields(in, s.fields())
	s.Extra = extra
	return s, err
}
