package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// Limits of who may administer the server from elsewhere.
const (
	MaxUsers              = 1000
	MaxTokens             = 1000
	MaxUserName           = 64 // bytes of the name of a user or a token
	MaxWebSessions        = 1000
	MaxWebSessionsOfOne   = 32  // of one user
	MaxPasswordHash       = 512 // bytes
	MaxAuditText          = 512 // bytes of each text of an AuditEntry; a longer one is cut
	maxRoleName           = 32
	webSessionKeyLength   = 64 // hexadecimal digits of SHA-256
	maxPrincipalName      = 255
	maxPrincipalWay       = 96
	maxPrincipalAddress   = 128
	maxTerms              = 64
	tokenHashLength       = 32
	userNameSigns         = ".-_@+"
	tokenNameSigns        = ".-"
	lowerLettersAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// A User may administer the server from elsewhere, by a password or a client certificate with the name of the
// user.
type User struct {
	// Name is 1 to MaxUserName lower-case letters, digits and the signs . - _ @ +, and begins with a letter or
	// digit.
	Name     string
	Revision Revision

	Role string // by its name

	// Password is the hash of the password as package access makes it; empty for none.
	Password lwm2m.Secret

	// PasswordSet is when the password was set; zero where there is none.
	PasswordSet time.Time

	// Disabled users cannot authenticate in any way.
	Disabled bool

	// Note is free text of the operator.
	Note string

	Created time.Time // set by the store
	Updated time.Time // set by the store
}

// Validate reports why u cannot be stored. Its error wraps ErrInvalid.
func (u User) Validate() error {
	switch {
	case !isAccessName(u.Name, userNameSigns):
		return fmt.Errorf("%w: %.70q cannot be the name of a user: want 1 to %d lower-case letters, digits and the signs . - _ @ +, a letter or digit first", ErrInvalid, u.Name, MaxUserName)
	case u.Role == "" || len(u.Role) > maxRoleName:
		return fmt.Errorf("%w: %.40q cannot be the role of a user", ErrInvalid, u.Role)
	case !utf8.ValidString(u.Note):
		return fmt.Errorf("%w: the note is not UTF-8", ErrInvalid)
	}
	if err := AtMost(u.Password.Len(), "bytes of the hash of a password", MaxPasswordHash); err != nil {
		return err
	}
	return AtMost(len(u.Note), "bytes of the note", MaxNote)
}

// isAccessName reports whether a name has only lower-case letters, digits and the signs, and begins with a letter
// or digit.
func isAccessName(name, signs string) bool {
	return name != "" && len(name) <= MaxUserName && strings.Trim(name, lowerLettersAndDigits+signs) == "" && !strings.ContainsAny(name[:1], signs)
}

// A Token is a secret with which a program authenticates.
type Token struct {
	// Name is as of a User, without _ @ +.
	Name     string
	Revision Revision

	Role string // by its name

	// User is whose token it is: it then may do no more than the user, and goes with the user. Empty for none.
	User string

	// Hash is the SHA-256 of the secret.
	Hash []byte

	Expires  time.Time // from when on it is no longer accepted; zero for never
	LastUsed time.Time // to about a minute; zero for never
	LastFrom string    // the IP address that it was used from last
	Note     string

	Created time.Time // set by the store
	Updated time.Time // set by the store
}

// Validate reports why t cannot be stored. Its error wraps ErrInvalid.
func (t Token) Validate() error {
	switch {
	case !isAccessName(t.Name, tokenNameSigns):
		return fmt.Errorf("%w: %.70q cannot be the name of a token: want 1 to %d lower-case letters, digits and the signs . and -, a letter or digit first", ErrInvalid, t.Name, MaxUserName)
	case t.Role == "" || len(t.Role) > maxRoleName:
		return fmt.Errorf("%w: %.40q cannot be the role of a token", ErrInvalid, t.Role)
	case len(t.Hash) != tokenHashLength:
		return fmt.Errorf("%w: the hash of a token has %d bytes", ErrInvalid, len(t.Hash))
	case t.User != "" && !isAccessName(t.User, userNameSigns):
		return fmt.Errorf("%w: %.70q cannot be a user", ErrInvalid, t.User)
	case len(t.LastFrom) > maxPrincipalAddress:
		return AtMost(len(t.LastFrom), "bytes of an address", maxPrincipalAddress)
	case !utf8.ValidString(t.Note):
		return fmt.Errorf("%w: the note is not UTF-8", ErrInvalid)
	}
	return AtMost(len(t.Note), "bytes of the note", MaxNote)
}

// A WebSession is one log-in of a person in a browser.
type WebSession struct {
	// Key is the SHA-256 of the cookie, in lower-case hexadecimal digits.
	Key string

	// Name and Way are whose it is and how that one authenticated, as in a principal of package access. Role is
	// by its name where no User has it, else empty.
	Name string
	Way  string
	Role string

	// Terms are those of the configuration that Role comes from; empty where a User has it.
	Terms string

	Address string    // the IP address that it was made from
	Created time.Time // when it began
	Seen    time.Time // when it was used last, to about a minute
}

// Validate reports why w cannot be stored. Its error wraps ErrInvalid.
func (w WebSession) Validate() error {
	switch {
	case len(w.Key) != webSessionKeyLength || strings.Trim(w.Key, "0123456789abcdef") != "":
		return fmt.Errorf("%w: the key of a web session is no SHA-256", ErrInvalid)
	case w.Name == "" || w.Way == "" || !utf8.ValidString(w.Name):
		return fmt.Errorf("%w: a web session of no one", ErrInvalid)
	case len(w.Name) > maxPrincipalName || len(w.Way) > maxPrincipalWay || len(w.Role) > maxRoleName || len(w.Terms) > maxTerms || len(w.Address) > maxPrincipalAddress:
		return fmt.Errorf("%w: the names of a web session are too long", ErrInvalid)
	}
	return nil
}

// An Access stores who may administer the server from elsewhere. Its methods are as those of a [Store].
type Access interface {
	// PutUser is PutDevice for users; ErrInvalid also where there are MaxUsers. Where the edit changes the
	// password or disables the user, it ends the web sessions of the user.
	PutUser(ctx context.Context, u User) (User, error)

	// User returns one record. Error: ErrNotFound.
	User(ctx context.Context, name string) (User, error)

	// Users returns all records, in the order of their names.
	Users(ctx context.Context) ([]User, error)

	// DeleteUser removes the record with this revision, zero for any, and the tokens and web sessions of the
	// user. Errors: ErrNotFound, ErrConflict.
	DeleteUser(ctx context.Context, name string, rev Revision) error

	// PutToken is PutDevice for tokens; ErrNotFound also where its User does not exist, ErrInvalid also where
	// there are MaxTokens.
	PutToken(ctx context.Context, t Token) (Token, error)

	// Token returns one record. Error: ErrNotFound.
	Token(ctx context.Context, name string) (Token, error)

	// Tokens returns all records, in the order of their names.
	Tokens(ctx context.Context) ([]Token, error)

	// TouchToken notes that a token was used. It changes neither its revision nor when it was updated. Error:
	// ErrNotFound.
	TouchToken(ctx context.Context, name string, at time.Time, from string) error

	// DeleteToken removes the record with this revision, zero for any. Errors: ErrNotFound, ErrConflict.
	DeleteToken(ctx context.Context, name string, rev Revision) error

	// PutWebSession stores a session. Where one user, or all together, then have more than the limits, those
	// that were used least recently go. Where Role is empty, it is stored only while the User of the name has
	// this revision: else ErrNotFound or ErrConflict.
	PutWebSession(ctx context.Context, w WebSession, rev Revision) error

	// WebSession returns one by its key. Error: ErrNotFound.
	WebSession(ctx context.Context, key string) (WebSession, error)

	// TouchWebSession notes that a session was used. Error: ErrNotFound.
	TouchWebSession(ctx context.Context, key string, at time.Time) error

	// DeleteWebSessions removes all sessions of a name and a way, and returns how many.
	DeleteWebSessions(ctx context.Context, name, way string) (int, error)

	// DeleteWebSession removes one by its key; that there is none is no error.
	DeleteWebSession(ctx context.Context, key string) error
}
