package admin

import (
	"context"
	"errors"
	"slices"

	"lwbs/store"
)

// RunningSessions implements [API].
func (l *Local) RunningSessions(context.Context) ([]store.Session, error) {
	if l.Active == nil {
		return []store.Session{}, nil
	}
	return append([]store.Session{}, l.Active()...), nil
}

// sessionNow returns the session with an ID, as it stands where it is running.
func (l *Local) sessionNow(ctx context.Context, id string) (store.Session, error) {
	running, _ := l.RunningSessions(ctx)
	s, err := l.Store.Session(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	if at := slices.IndexFunc(running, func(s store.Session) bool { return s.ID == id }); at >= 0 {
		return running[at], nil
	}
	return s, err
}
