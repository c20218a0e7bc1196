package rows

import (
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// A userRow is the stored form of a User, with the hash of the password sealed: whoever has the file and not its
// key cannot guess passwords.
type userRow struct {
	Name        string         `json:"name"`
	Revision    store.Revision `json:"revision"`
	Role        string         `json:"role"`
	Password    []byte         `json:"password,omitempty"`
	PasswordSet time.Time      `json:"passwordSet,omitzero"`
	Disabled    bool           `json:"disabled,omitempty"`
	Note        string         `json:"note,omitempty"`
	Created     time.Time      `json:"created"`
	Updated     time.Time      `json:"updated"`
}

// userPlace binds a sealed hash to its user.
func userPlace(name string) string {
	return "lwbs/1\x00" + store.KindUser + "\x00" + name + "\x00password"
}

// EncodeUser returns the stored bytes of a user.
func EncodeUser(k *seal.Keyring, u store.User) ([]byte, error) {
	return encodeRow(userRow{
		Name: u.Name, Revision: u.Revision, Role: u.Role, Password: k.Seal(u.Password.Reveal(), userPlace(u.Name)), PasswordSet: u.PasswordSet,
		Disabled: u.Disabled, Note: u.Note, Created: u.Created, Updated: u.Updated,
	})
}

// DecodeUser reads what EncodeUser wrote. With a nil Keyring the hash is empty. Its error wraps ErrCorrupt,
// ErrNewer or ErrNoKey.
func DecodeUser(k *seal.Keyring, b []byte) (store.User, error) {
	var row userRow
	if _, err := decodeRow(b, &row); err != nil {
		return store.User{}, err
	}
	u := store.User{
		Name: row.Name, Revision: row.Revision, Role: row.Role, PasswordSet: row.PasswordSet,
		Disabled: row.Disabled, Note: row.Note, Created: row.Created, Updated: row.Updated,
	}
	if k == nil {
		return u, nil
	}
	hash, err := k.Open(row.Password, userPlace(row.Name))
	u.Password = lwm2m.NewSecret(hash)
	return u, err
}

// A tokenRow is the stored form of a Token.
type tokenRow struct {
	Name     string         `json:"name"`
	Revision store.Revision `json:"revision"`
	Role     string         `json:"role"`
	User     string         `json:"user,omitempty"`
	Hash     []byte         `json:"hash"`
	Expires  time.Time      `json:"expires,omitzero"`
	LastUsed time.Time      `json:"lastUsed,omitzero"`
	LastFrom string         `json:"lastFrom,omitempty"`
	Note     string         `json:"note,omitempty"`
	Created  time.Time      `json:"created"`
	Updated  time.Time      `json:"updated"`
}

// EncodeToken returns the stored bytes of a token.
func EncodeToken(t store.Token) ([]byte, error) { return encodeRow(tokenRow(t)) }

// DecodeToken reads what EncodeToken wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodeToken(b []byte) (store.Token, error) {
	var row tokenRow
	_, err := decodeRow(b, &row)
	return store.Token(row), err
}

// A webSessionRow is the stored form of a WebSession.
type webSessionRow struct {
	Key     string    `json:"key"`
	Name    string    `json:"name"`
	Way     string    `json:"way"`
	Role    string    `json:"role,omitempty"`
	Terms   string    `json:"terms,omitempty"`
	Address string    `json:"address,omitempty"`
	Created time.Time `json:"created"`
	Seen    time.Time `json:"seen"`
}

// EncodeWebSession returns the stored bytes of a web session.
func EncodeWebSession(w store.WebSession) ([]byte, error) { return encodeRow(webSessionRow(w)) }

// DecodeWebSession reads what EncodeWebSession wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodeWebSession(b []byte) (store.WebSession, error) {
	var row webSessionRow
	_, err := decodeRow(b, &row)
	return store.WebSession(row), err
}
