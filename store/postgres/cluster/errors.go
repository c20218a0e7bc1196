package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"lwbs/store"
)

// ErrAgain is returned by what runs in an edit where another edit came between: it is tried again.
var ErrAgain = errors.New("another edit came between")

// Codes of errors, PostgreSQL 15 Appendix A.
const (
	codeSerialization  = "40001"
	codeDeadlock       = "40P01"
	codeUnique         = "23505"
	codeDiskFull       = "53100"
	codeTooManyClients = "53300"
	codeReadOnly       = "25006"
	codeShutdown       = "57P01"
	codeCrash          = "57P02"
	codeStarting       = "57P03"
	codeIdle           = "57P05"
	codeLockTimeout    = "55P03"
	classConnection    = "08"
	classPassword      = "28"
	codeNoDatabase     = "3D000"
)

// codeOf is the code with which the database has answered; empty where it has not.
func codeOf(err error) string {
	if answer := new(pgconn.PgError); errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// isAgain reports whether another edit came between.
func isAgain(err error) bool {
	switch codeOf(err) {
	case codeSerialization, codeDeadlock, codeUnique:
		return true
	}
	return errors.Is(err, ErrAgain)
}

// isLost reports whether the connection is of no use any more: it was cut, or its server stops or takes no edits.
func isLost(err error) bool {
	code := codeOf(err)
	switch code {
	case codeReadOnly, codeShutdown, codeCrash, codeStarting, codeIdle, codeTooManyClients:
		return true
	case "":
		return !isOurs(err)
	}
	return strings.HasPrefix(code, classConnection)
}

// isOurs reports an error that neither the database nor the network has made.
func isOurs(err error) bool {
	for _, ours := range []error{
		store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrIdentityTaken, store.ErrInUse, store.ErrGroupFull, store.ErrSchema, store.ErrNoKey,
		store.ErrCorrupt, store.ErrNewer, store.ErrFull, store.ErrOutboxFull, store.ErrVoid, store.ErrClosed, store.ErrInvalid, store.ErrUnreachable,
		ErrAgain, pgx.ErrNoRows, errRefused,
	} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// isFatal reports an error of connecting that another try does not mend.
func isFatal(err error) bool {
	code := codeOf(err)
	return strings.HasPrefix(code, classPassword) || code == codeNoDatabase
}

// adapt says an error in the words of package store.
func (db *DB) adapt(ctx context.Context, err error) error {
	switch code := codeOf(err); {
	case err == nil || isOurs(err):
		return err
	case db.closed.Load():
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case code == codeDiskFull:
		return fmt.Errorf("%w on the disk of the database: %s", store.ErrFull, oneLine(err))
	case isAgain(err):
		return fmt.Errorf("%w: other edits came between again and again: %s", store.ErrConflict, oneLine(err))
	case isLost(err) || isFatal(err):
		return fmt.Errorf("%w: %s: %s", store.ErrUnreachable, db.name, oneLine(err))
	}
	return fmt.Errorf("database %s: %s", db.name, oneLine(err))
}

// oneLine is an error of the library as one line without what the hosts and the user are, which the name has.
func oneLine(err error) string {
	if connecting := new(pgconn.ConnectError); errors.As(err, &connecting) {
		err = connecting.Unwrap()
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	return strings.ToValidUTF8(text[:min(len(text), 500)], "")
}
