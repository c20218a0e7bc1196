package rows

import (
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// An lwm2mServerRow is the stored form of an LwM2MServer, with its secrets sealed.
type lwm2mServerRow struct {
	Name           string                `json:"name"`
	Revision       store.Revision        `json:"revision"`
	Kind           store.LwM2MServerKind `json:"kind"`
	Address        string                `json:"address"`
	Arguments      []string              `json:"arguments,omitempty"`
	User           string                `json:"user,omitempty"`
	Domain         string                `json:"domain,omitempty"`
	Secret         []byte                `json:"secret,omitempty"`
	Former         []byte                `json:"former,omitempty"`
	Headers        map[string][]byte     `json:"headers,omitempty"`
	CAs            [][]byte              `json:"cas,omitempty"`
	Timeout        store.Duration        `json:"timeout,omitempty"`
	AllowLinkLocal bool                  `json:"allowLinkLocal,omitempty"`
	DeviceURI      string                `json:"deviceURI,omitempty"`
	Weight         int                   `json:"weight,omitempty"`
	Draining       bool                  `json:"draining,omitempty"`
	Rate           int                   `json:"rate,omitempty"`
	OnDelete       store.OnDelete        `json:"onDelete,omitempty"`
	Events         []store.EventType     `json:"events,omitempty"`
	Note           string                `json:"note,omitempty"`
	Created        time.Time             `json:"created"`
	Updated        time.Time             `json:"updated"`
}

// lwm2mServerPlace binds a sealed secret to the record and field that it belongs to.
func lwm2mServerPlace(server, field string) string {
	return "lwbs/1\x00" + store.KindLwM2MServer + "\x00" + server + "\x00" + field
}

// EncodeLwM2MServer returns the stored bytes of an LwM2M Server. More than MaxLwM2MServer bytes are
// ErrInvalid.
func EncodeLwM2MServer(k *seal.Keyring, s store.LwM2MServer) ([]byte, error) {
	row := lwm2mServerRow{
		Name: s.Name, Revision: s.Revision, Kind: s.Kind, Address: s.Address, Arguments: s.Arguments, User: s.User, Domain: s.Domain,
		Secret: k.Seal(s.Secret.Reveal(), lwm2mServerPlace(s.Name, "secret")),
		Former: k.Seal(s.Former.Reveal(), lwm2mServerPlace(s.Name, "former")),
		CAs:    s.CAs, Timeout: s.Timeout, AllowLinkLocal: s.AllowLinkLocal, DeviceURI: s.DeviceURI, Weight: s.Weight, Draining: s.Draining, Rate: s.Rate,
		OnDelete: s.OnDelete, Events: s.Events, Note: s.Note, Created: s.Created, Updated: s.Updated,
	}
	if len(s.Headers) > 0 {
		row.Headers = make(map[string][]byte, len(s.Headers))
	}
	for name, value := range s.Headers {
		row.Headers[name] = k.Seal(value.Reveal(), lwm2mServerPlace(s.Name, "header\x00"+name))
	}
	members, err := encodeMembers(row, s.Unknown)
	if err != nil {
		return nil, err
	}
	b, err := encodeRow(members)
	if err == nil {
		err = store.AtMost(len(b), "bytes of LwM2M Server", store.MaxLwM2MServer)
	}
	return b, err
}

// DecodeLwM2MServer reads what EncodeLwM2MServer wrote. With a nil Keyring the secrets are empty. Its
// error wraps ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeLwM2MServer(k *seal.Keyring, b []byte) (store.LwM2MServer, error) {
	var row lwm2mServerRow
	unknown, err := decodeKeeping(b, &row)
	if err != nil {
		return store.LwM2MServer{}, err
	}
	s := store.LwM2MServer{
		Name: row.Name, Revision: row.Revision, Kind: row.Kind, Address: row.Address, Arguments: row.Arguments, User: row.User, Domain: row.Domain,
		CAs: row.CAs, Timeout: row.Timeout, AllowLinkLocal: row.AllowLinkLocal, DeviceURI: row.DeviceURI, Weight: row.Weight, Draining: row.Draining, Rate: row.Rate, OnDelete: row.OnDelete, Events: row.Events, Note: row.Note, Created: row.Created, Updated: row.Updated,
		Unknown: unknown,
	}
	open := func(sealed []byte, field string) lwm2m.Secret {
		if k == nil {
			return lwm2m.Secret{}
		}
		opened, wrong := k.Open(sealed, lwm2mServerPlace(row.Name, field))
		if err == nil {
			err = wrong
		}
		return lwm2m.NewSecret(opened)
	}
	s.Secret, s.Former = open(row.Secret, "secret"), open(row.Former, "former")
	if len(row.Headers) > 0 {
		s.Headers = make(map[string]lwm2m.Secret, len(row.Headers))
	}
	for name, sealed := range row.Headers {
		s.Headers[name] = open(sealed, "header\x00"+name)
	}
	return s, err
}
