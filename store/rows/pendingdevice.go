package rows

import (
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

type pendingRow struct {
	ID        string               `json:"pending"`
	Endpoint  lwm2m.EndpointName   `json:"endpoint,omitempty"`
	Named     bool                 `json:"named,omitempty"`
	Transport string               `json:"transport"`
	Kind      store.CredentialKind `json:"kind,omitempty"`
	Identity  []byte               `json:"identity,omitempty"` // bytes: it need not be UTF-8
	Names     []string             `json:"names,omitempty"`
	Group     string               `json:"group,omitempty"`
	Profile   string               `json:"profile,omitempty"`
	Remote    string               `json:"remote"`
	First     time.Time            `json:"first"`
	Last      time.Time            `json:"last"`
	Count     int                  `json:"count"`
	Rejected  time.Time            `json:"rejected,omitzero"`
}

// EncodePendingDevice returns the stored bytes of a pending device. Its error wraps ErrInvalid.
func EncodePendingDevice(p store.PendingDevice) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return encodeRow(pendingRow{
		ID: p.ID, Endpoint: p.Endpoint, Named: p.Named, Transport: p.Transport, Kind: p.Kind, Identity: []byte(p.Identity), Names: p.Names,
		Group: p.Group, Profile: p.Profile, Remote: p.Remote, First: p.First.UTC(), Last: p.Last.UTC(), Count: p.Count, Rejected: p.Rejected.UTC(),
	})
}

// DecodePendingDevice reads what EncodePendingDevice wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodePendingDevice(b []byte) (store.PendingDevice, error) {
	var row pendingRow
	if _, err := decodeRow(b, &row); err != nil {
		return store.PendingDevice{}, err
	}
	return store.PendingDevice{
		ID: row.ID, Endpoint: row.Endpoint, Named: row.Named, Transport: row.Transport, Kind: row.Kind, Identity: string(row.Identity), Names: row.Names,
		Group: row.Group, Profile: row.Profile, Remote: row.Remote, First: row.First, Last: row.Last, Count: row.Count, Rejected: row.Rejected,
	}, nil
}
