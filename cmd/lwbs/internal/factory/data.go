package factory

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// ErrHidden: the form has no place for a key that is not shown.
var ErrHidden = errors.New("this form is of no use without the key: add --reveal")

// asJSON is an object with the members endpoint, server, mode (psk or nosec), and with DTLS
// identity, where that is text, identityHex, keyLength in bytes, and key in hexadecimal where it
// is shown.
func asJSON(d Device) ([]byte, error) {
	out := struct {
		Endpoint    lwm2m.EndpointName `json:"endpoint"`
		Server      string             `json:"server"`
		Mode        string             `json:"mode"`
		Identity    string             `json:"identity,omitempty"`
		IdentityHex string             `json:"identityHex,omitempty"`
		KeyLength   int                `json:"keyLength,omitempty"`
		Key         string             `json:"key,omitempty"`
	}{Endpoint: d.Endpoint, Server: d.Server.ServerURI, Mode: "nosec"}
	if d.secure() {
		out.Mode, out.KeyLength = "psk", d.KeyLength
		out.IdentityHex = hex.EncodeToString(d.Server.PublicKeyOrIdentity)
		if utf8.Valid(d.Server.PublicKeyOrIdentity) {
			out.Identity = string(d.Server.PublicKeyOrIdentity)
		}
		if !d.Server.SecretKey.IsZero() {
			out.Key = d.key()
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	return append(b, '\n'), err
}

func senMLCBOR(d Device) ([]byte, error) { return instance(d, lwm2m.FormatSenMLCBOR) }

func senMLJSON(d Device) ([]byte, error) {
	b, err := instance(d, lwm2m.FormatSenMLJSON)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// instance is the Security Instance of the Bootstrap-Server Account, with empty Resources 3 to 5
// where they have no value, as most clients need them.
func instance(d Device, f lwm2m.Format) ([]byte, error) {
	if d.secure() && d.Server.SecretKey.IsZero() {
		return nil, ErrHidden
	}
	in, err := d.Server.Instance(true)
	if err != nil {
		return nil, err
	}
	at := lwm2m.InstancePath(lwm2m.ObjectSecurity, in.ID)
	return content.Encode(f, at, []lwm2m.Object{{ID: lwm2m.ObjectSecurity, Instances: []lwm2m.Instance{in}}})
}
