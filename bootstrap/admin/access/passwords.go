package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Passwords checks and makes passwords of users. It limits tries, and the work for them. Its methods may be called
// concurrently.
type Passwords struct {
	users  store.Access
	tries  *tries
	hashes *hasher
	log    *slog.Logger
}

// NewPasswords returns the Passwords of the users in a store. Log gets tries that were refused.
func NewPasswords(users store.Access, log *slog.Logger) *Passwords {
	return &Passwords{users: users, tries: newTries(), hashes: newHasher(), log: log}
}

// Hash returns what is stored of a password that a user gets. Errors: store.ErrInvalid, ErrBusy.
func (p *Passwords) Hash(ctx context.Context, user, password string) (lwm2m.Secret, error) {
	if err := CheckPassword(user, password); err != nil {
		return lwm2m.Secret{}, err
	}
	return p.hashes.make(ctx, password)
}

// Check returns the user with a name and a password. Source is where the try comes from. It takes as long for a user
// that does not exist as for a wrong password, and its error is the same. Errors: ErrWrong, ErrTries, ErrBusy.
func (p *Passwords) Check(ctx context.Context, source, name, password string) (store.User, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if len(name) > store.MaxUserName || len(password) > MaxPassword || name == "" {
		return store.User{}, ErrWrong // no user has either; whoever sends it knows so
	}
	giveBack, wait := p.tries.take(name, source, time.Now())
	if wait > 0 {
		p.log.Warn("password refused: too many tries", "user", name, "from", source, "wait", wait)
		return store.User{}, &TriesError{wait}
	}
	u, err := p.users.User(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrInvalid) {
		giveBack(false)
		return store.User{}, err
	}
	ok, err := p.hashes.verify(ctx, u.Password, password)
	switch {
	case errors.Is(err, ErrBusy) || err != nil && ctx.Err() != nil:
		giveBack(false)
		return store.User{}, err
	case err != nil:
		return store.User{}, fmt.Errorf("user %q: %w", name, err)
	case !ok || u.Disabled:
		p.log.Warn("password refused", "user", name, "from", source)
		return store.User{}, ErrWrong
	}
	giveBack(true)
	return u, nil
}

// Change gives a user another password in the place of the old one, which ends the web sessions of the user. Errors:
// those of Check, store.ErrInvalid, and store.ErrConflict where the user was edited meanwhile.
func (p *Passwords) Change(ctx context.Context, source, name, old, password string) (store.User, error) {
	if err := CheckPassword(name, password); err != nil {
		return store.User{}, err
	}
	if old == password {
		return store.User{}, fmt.Errorf("%w: the new password is the old one", store.ErrInvalid)
	}
	u, err := p.Check(ctx, source, name, old)
	switch {
	case errors.Is(err, ErrWrong):
		return store.User{}, fmt.Errorf("user %q: %w", name, errOld)
	case err != nil:
		return store.User{}, err
	}
	if u.Password, err = p.hashes.make(ctx, password); err != nil {
		return store.User{}, err
	}
	u.PasswordSet = time.Now().UTC().Round(0)
	return p.users.PutUser(ctx, u)
}

// recallPage is how many entries of the audit are read at a time.
const recallPage = 1000

// Recall reads from the audit from where users logged in by a password within the last 30 days: after a restart, too,
// others cannot lock them out there. It reads the newest log-ins, at most as many as sources are remembered.
func (p *Passwords) Recall(ctx context.Context, log store.AuditLog, now time.Time) error {
	q := store.AuditQuery{Action: "log-in", Since: now.Add(-knownFor), Limit: recallPage}
	var all []store.AuditEntry
	for len(all) < maxBuckets {
		page, err := log.Audit(ctx, q)
		if err != nil {
			return err
		}
		if all = append(all, page...); len(page) < recallPage {
			break
		}
		q.Before = page[len(page)-1].ID
	}
	for _, e := range slices.Backward(all) { // the newest are forgotten last
		if e.Way == WayPassword && e.Address != "" {
			p.tries.recall(e.Name, e.Address, e.At)
		}
	}
	return nil
}

// errOld is ErrWrong of one whose name is known.
var errOld error = oldError{}

type oldError struct{}

func (oldError) Error() string { return "the old password is wrong" }
func (oldError) Unwrap() error { return ErrWrong }

// OwnUser is the user whose password a principal may change who knows it; empty where a name is to be given, as whoever
// can open the socket or the database may change that of each user. The error wraps ErrForbidden where there is none.
func (p Principal) OwnUser() (string, error) {
	switch {
	case p.Way == WaySocket || p.Way == WayDatabase:
		return "", nil
	case p.Way == WayPassword || p.Way == WayCertificate || strings.HasPrefix(p.Way, WayToken+" "):
		return p.Name, nil
	}
	return "", fmt.Errorf("%w: %s is no user with a password here: it authenticates by %s", ErrForbidden, p.Name, p.Way)
}
