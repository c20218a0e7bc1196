package admin

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A User is a user of the pages and of the API from elsewhere, as an operator sees it. The hash of the password is
// never shown.
type User struct {
	Name        string         `json:"name"`
	Revision    store.Revision `json:"revision"`
	Role        string         `json:"role"`
	HasPassword bool           `json:"hasPassword"`
	PasswordSet time.Time      `json:"passwordSet,omitzero"`
	Disabled    bool           `json:"disabled,omitempty"`
	Note        string         `json:"note,omitempty"`
	Created     time.Time      `json:"created"`
	Updated     time.Time      `json:"updated"`

	// Password is one that was generated, for the one time that it is shown.
	Password string `json:"password,omitempty"`
}

// UserSettings are what an edit of a user changes: whatever is not nil or false.
type UserSettings struct {
	Role *access.Role `json:"role,omitempty"`

	// Password becomes the password, GeneratePassword makes one, which the answer has, and DropPassword leaves the
	// user without one, who then authenticates by a client certificate or tokens only.
	Password         *access.Plaintext `json:"password,omitempty"`
	GeneratePassword bool              `json:"generatePassword,omitempty"`
	DropPassword     bool              `json:"dropPassword,omitempty"`

	Disabled *bool   `json:"disabled,omitempty"`
	Note     *string `json:"note,omitempty"`
}

// A Token is an API token, as an operator sees it. Its secret is never shown again.
type Token struct {
	Name     string         `json:"name"`
	Revision store.Revision `json:"revision"`
	Role     string         `json:"role"`
	User     string         `json:"user,omitempty"`
	Expires  time.Time      `json:"expires,omitzero"`
	LastUsed time.Time      `json:"lastUsed,omitzero"`
	LastFrom string         `json:"lastFrom,omitempty"`
	Note     string         `json:"note,omitempty"`
	Created  time.Time      `json:"created"`

	// Token is the text of a new one, for the one time that it is shown.
	Token string `json:"token,omitempty"`
}

// TokenSettings say what a new token is.
type TokenSettings struct {
	Role    access.Role `json:"role"`
	User    string      `json:"user,omitempty"`   // whose it is; empty for no one's
	Expires time.Time   `json:"expires,omitzero"` // zero for never
	Note    string      `json:"note,omitempty"`
}

func userOf(u store.User) User {
	return User{
		Name: u.Name, Revision: u.Revision, Role: u.Role, HasPassword: u.Password.Len() > 0, PasswordSet: u.PasswordSet,
		Disabled: u.Disabled, Note: u.Note, Created: u.Created, Updated: u.Updated,
	}
}

func tokenOf(t store.Token) Token {
	return Token{
		Name: t.Name, Revision: t.Revision, Role: t.Role, User: t.User, Expires: t.Expires, LastUsed: t.LastUsed, LastFrom: t.LastFrom,
		Note: t.Note, Created: t.Created,
	}
}

// AddUser implements [API].
func (l *Local) AddUser(ctx context.Context, name string, set UserSettings) (User, error) {
	if set.Role == nil {
		return User{}, fmt.Errorf("user %q: %w: it needs a role", name, store.ErrInvalid)
	}
	return l.putUser(ctx, store.User{Name: name}, set)
}

// SetUser implements [API].
func (l *Local) SetUser(ctx context.Context, name string, rev store.Revision, set UserSettings) (User, error) {
	read := func() (store.User, store.Revision, error) {
		u, err := l.Store.User(ctx, name)
		return u, u.Revision, err
	}
	return revise(fmt.Sprintf("user %q", name), rev, read, func(u store.User) (User, error) { return l.putUser(ctx, u, set) })
}

// putUser applies set to u and stores it.
func (l *Local) putUser(ctx context.Context, u store.User, set UserSettings) (User, error) {
	ways := 0
	for _, is := range []bool{set.Password != nil, set.GeneratePassword, set.DropPassword} {
		if is {
			ways++
		}
	}
	if ways > 1 {
		return User{}, fmt.Errorf("user %q: %w: a password is given, generated or dropped, and only one of these", u.Name, store.ErrInvalid)
	}
	if set.Role != nil {
		u.Role = set.Role.String()
	}
	if set.Disabled != nil {
		u.Disabled = *set.Disabled
	}
	if set.Note != nil {
		u.Note = *set.Note
	}
	generated := ""
	if set.GeneratePassword {
		generated = access.NewPassword()
		set.Password = new(access.Plaintext(generated))
	}
	if err := u.Validate(); err != nil { // before the work for a password
		return User{}, err
	}
	switch {
	case set.DropPassword:
		u.Password, u.PasswordSet = lwm2m.Secret{}, time.Time{}
	case set.Password != nil:
		if err := l.setPassword(ctx, &u, *set.Password); err != nil {
			return User{}, fmt.Errorf("user %q: %w", u.Name, err)
		}
	}
	stored, err := l.Store.PutUser(ctx, u)
	if err != nil {
		return User{}, err
	}
	out := userOf(stored)
	out.Password = generated
	return out, nil
}

// setPassword gives a user another password.
func (l *Local) setPassword(ctx context.Context, u *store.User, password access.Plaintext) (err error) {
	u.PasswordSet = time.Now().UTC().Round(0)
	u.Password, err = l.passwords().Hash(ctx, u.Name, string(password))
	return err
}

func (l *Local) passwords() *access.Passwords {
	l.ownPasswords.Do(func() {
		if l.Passwords == nil {
			l.Passwords = access.NewPasswords(l.Store, slog.New(slog.DiscardHandler))
		}
	})
	return l.Passwords
}

// A PasswordChange is another password in the place of one that is known.
type PasswordChange struct {
	// User is whose; empty for the one who asks, and needed over the socket.
	User string `json:"user,omitempty"`

	Old access.Plaintext `json:"old"`
	New access.Plaintext `json:"new"`
}

// ChangePassword implements [API].
func (l *Local) ChangePassword(ctx context.Context, c PasswordChange) (User, error) {
	p, known := access.From(ctx)
	name, source := c.User, "this machine"
	if known {
		own, err := p.OwnUser()
		switch {
		case err != nil:
			return User{}, err
		case own != "":
			source = p.Address
			if name != "" && name != own {
				return User{}, fmt.Errorf("%w: %s changes an own password only: an administrator sets that of others", access.ErrForbidden, own)
			}
			name = own
		}
	}
	if name == "" {
		return User{}, fmt.Errorf("%w: it is not said whose password is to be changed", store.ErrInvalid)
	}
	u, err := l.passwords().Change(ctx, source, name, string(c.Old), string(c.New))
	return userOf(u), err
}

// User implements [API].
func (l *Local) User(ctx context.Context, name string) (User, error) {
	u, err := l.Store.User(ctx, name)
	return userOf(u), err
}

// Users implements [API].
func (l *Local) Users(ctx context.Context) ([]User, error) {
	all, err := l.Store.Users(ctx)
	out := make([]User, 0, len(all))
	for _, u := range all {
		out = append(out, userOf(u))
	}
	return out, err
}

// DeleteUser implements [API].
func (l *Local) DeleteUser(ctx context.Context, name string, rev store.Revision) error {
	return l.Store.DeleteUser(ctx, name, rev)
}

// CreateToken implements [API].
func (l *Local) CreateToken(ctx context.Context, name string, set TokenSettings) (Token, error) {
	t := store.Token{Name: name, Role: set.Role.String(), User: set.User, Expires: set.Expires.UTC(), Note: set.Note}
	if set.Expires.IsZero() {
		t.Expires = time.Time{}
	}
	switch now := time.Now(); {
	case set.Role == 0:
		return Token{}, fmt.Errorf("token %q: %w: it needs a role", name, store.ErrInvalid)
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return Token{}, fmt.Errorf("token %q: %w: it would have expired already, on %s", name, store.ErrInvalid, t.Expires.Format(time.RFC3339))
	}
	text, hash := access.NewToken(name)
	t.Hash = hash
	stored, err := l.Store.PutToken(ctx, t)
	if err != nil {
		return Token{}, err
	}
	out := tokenOf(stored)
	out.Token = string(text.Reveal())
	return out, nil
}

// Tokens implements [API].
func (l *Local) Tokens(ctx context.Context) ([]Token, error) {
	all, err := l.Store.Tokens(ctx)
	out := make([]Token, 0, len(all))
	for _, t := range all {
		out = append(out, tokenOf(t))
	}
	return out, err
}

// RevokeToken implements [API].
func (l *Local) RevokeToken(ctx context.Context, name string, rev store.Revision) error {
	return l.Store.DeleteToken(ctx, name, rev)
}

// Audit implements [API].
func (l *Local) Audit(ctx context.Context, q store.AuditQuery) ([]store.AuditEntry, error) {
	all, err := l.Store.Audit(ctx, q)
	return append([]store.AuditEntry{}, all...), err
}

// Whoami implements [API].
func (l *Local) Whoami(ctx context.Context) (access.Principal, error) {
	p, ok := access.From(ctx)
	if !ok {
		return p, access.ErrUnauthenticated
	}
	return p, nil
}
