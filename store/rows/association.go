package rows

import (
	"encoding/hex"
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

type associationRow struct {
	ID    string    `json:"association"` // hexadecimal
	Heard time.Time `json:"heard"`
	State []byte    `json:"state"`
}

// associationPlace binds the sealed state to its key.
func associationPlace(key store.AssociationKey) string {
	return "lwbs/1\x00association\x00" + key.String()
}

// EncodeAssociation returns the bytes to keep of an association. Its error wraps ErrInvalid.
func EncodeAssociation(k *seal.Keyring, a store.Association) ([]byte, error) {
	switch n := a.State.Len(); {
	case n == 0:
		return nil, fmt.Errorf("%w: an association needs a state", store.ErrInvalid)
	case a.Heard.Unix() < 0:
		return nil, fmt.Errorf("%w: an association of before 1970", store.ErrInvalid)
	case n > store.MaxAssociation:
		return nil, store.AtMost(n, "bytes of association", store.MaxAssociation)
	}
	return encodeRow(associationRow{
		ID: hex.EncodeToString(a.ID[:]), Heard: a.Heard.UTC(),
		State: k.Seal(a.State.Reveal(), associationPlace(a.AssociationKey)),
	})
}

// DecodeAssociation reads what EncodeAssociation wrote; with a nil Keyring all but the state,
// which is empty then. Its error wraps ErrCorrupt, ErrNewer or ErrNoKey.
func DecodeAssociation(k *seal.Keyring, b []byte) (a store.Association, err error) {
	var row associationRow
	if _, err = decodeRow(b, &row); err != nil {
		return a, err
	}
	id, err := hex.DecodeString(row.ID)
	if err != nil || len(id) != len(a.ID) {
		return a, fmt.Errorf("%w: it has no ID", store.ErrCorrupt)
	}
	a.AssociationKey = store.AssociationKey{Heard: row.Heard, ID: [16]byte(id)}
	if k == nil {
		return a, nil
	}
	state, err := k.Open(row.State, associationPlace(a.AssociationKey))
	if err != nil {
		return store.Association{}, err
	}
	a.State = lwm2m.NewSecret(state)
	return a, nil
}
