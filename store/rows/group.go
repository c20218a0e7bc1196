package rows

import (
	"strconv"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// A groupRow is the stored form of a Group, with its keys sealed.
type groupRow struct {
	Name            string               `json:"name"`
	Revision        store.Revision       `json:"revision"`
	Profile         string               `json:"profile"`
	Tags            []string             `json:"tags,omitempty"`
	Match           []string             `json:"match,omitempty"`
	Derivation      store.Derivation     `json:"derivation,omitempty"`
	KeyLength       int                  `json:"keyLength,omitempty"`
	Keys            []groupKeyRow        `json:"keys,omitempty"`
	CAs             [][]byte             `json:"cas,omitempty"`
	RevocationLists [][]byte             `json:"revocationLists,omitempty"`
	Denied          []lwm2m.EndpointName `json:"denied,omitempty"`
	Approve         bool                 `json:"approve,omitempty"`
	Disabled        bool                 `json:"disabled,omitempty"`
	MaxDevices      int                  `json:"maxDevices,omitempty"`
	Until           time.Time            `json:"until,omitzero"`
	Note            string               `json:"note,omitempty"`
	Created         time.Time            `json:"created"`
	Updated         time.Time            `json:"updated"`
}

type groupKeyRow struct {
	ID      int       `json:"id"`
	Key     []byte    `json:"key"`
	Created time.Time `json:"created"`
}

// groupPlace binds a sealed key to the group that it belongs to.
func groupPlace(group string, id int) string {
	return "lwbs/1\x00group\x00" + group + "\x00key\x00" + strconv.Itoa(id)
}

// EncodeGroup returns the stored bytes of a group. More than MaxGroup bytes are ErrInvalid.
func EncodeGroup(k *seal.Keyring, g store.Group) ([]byte, error) {
	row := groupRow{
		Name: g.Name, Revision: g.Revision, Profile: g.Profile, Tags: g.Tags, Match: g.Match, Derivation: g.Derivation, KeyLength: g.KeyLength,
		CAs: g.CAs, RevocationLists: g.RevocationLists, Denied: g.Denied, Approve: g.Approve, Disabled: g.Disabled, MaxDevices: g.MaxDevices, Until: g.Until,
		Note: g.Note, Created: g.Created, Updated: g.Updated,
	}
	for _, key := range g.Keys {
		row.Keys = append(row.Keys, groupKeyRow{key.ID, k.Seal(key.Key.Reveal(), groupPlace(g.Name, key.ID)), key.Created})
	}
	members, err := encodeMembers(row, g.Unknown)
	if err != nil {
		return nil, err
	}
	b := withSum(members)
	return b, store.AtMost(len(b), "bytes of group", store.MaxGroup)
}

// DecodeGroup reads what EncodeGroup wrote. With a nil Keyring the keys are empty. Its error wraps
// ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeGroup(k *seal.Keyring, b []byte) (store.Group, error) {
	var row groupRow
	unknown, err := decodeKeeping(b, &row)
	if err != nil {
		return store.Group{}, err
	}
	g := store.Group{
		Name: row.Name, Revision: row.Revision, Profile: row.Profile, Tags: row.Tags, Match: row.Match, Derivation: row.Derivation, KeyLength: row.KeyLength,
		CAs: row.CAs, RevocationLists: row.RevocationLists, Denied: row.Denied, Approve: row.Approve, Disabled: row.Disabled, MaxDevices: row.MaxDevices, Until: row.Until,
		Note: row.Note, Created: row.Created, Updated: row.Updated, Unknown: unknown,
	}
	for _, key := range row.Keys {
		var opened []byte
		if k != nil {
			if opened, err = k.Open(key.Key, groupPlace(row.Name, key.ID)); err != nil {
				return g, err
			}
		}
		g.Keys = append(g.Keys, store.GroupKey{ID: key.ID, Key: lwm2m.NewSecret(opened), Created: key.Created})
	}
	return g, nil
}
