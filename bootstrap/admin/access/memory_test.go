package access_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"lwbs/store"
)

// A memory is a [store.Access] in memory.
type memory struct {
	mu       sync.Mutex
	users    map[string]store.User
	tokens   map[string]store.Token
	sessions map[string]store.WebSession
	audit    []store.AuditEntry
	failing  error // of every method
}

func newMemory() *memory {
	return &memory{users: make(map[string]store.User), tokens: make(map[string]store.Token), sessions: make(map[string]store.WebSession)}
}

func (m *memory) edit(ctx context.Context, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := errors.Join(ctx.Err(), m.failing)
	if err == nil {
		err = do()
	}
	if a := store.AuditOf(ctx); err == nil && a != nil && a.Claim() {
		m.audit = append(m.audit, a.Entry)
		a.Settle(store.AuditID(len(m.audit)))
	}
	return err
}

func (m *memory) entries() []store.AuditEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.audit)
}

func get[T any](m *memory, from map[string]T, key string) (v T, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := from[key]
	if !ok {
		err = store.ErrNotFound
	}
	return v, errors.Join(err, m.failing)
}

func (m *memory) PutUser(ctx context.Context, u store.User) (store.User, error) {
	return u, m.edit(ctx, func() error {
		if err := u.Validate(); err != nil {
			return err
		}
		old, ok := m.users[u.Name]
		if ok && old.Revision != u.Revision {
			return store.ErrConflict
		}
		if u.Disabled || string(old.Password.Reveal()) != string(u.Password.Reveal()) {
			m.drop(u.Name)
		}
		u.Revision++
		m.users[u.Name] = u
		return nil
	})
}

func (m *memory) drop(user string) {
	maps.DeleteFunc(m.sessions, func(_ string, w store.WebSession) bool { return w.Role == "" && w.Name == user })
}

func (m *memory) User(_ context.Context, name string) (store.User, error) {
	return get(m, m.users, name)
}

func (m *memory) Users(context.Context) ([]store.User, error) { return nil, nil }

func (m *memory) DeleteUser(ctx context.Context, name string, _ store.Revision) error {
	return m.edit(ctx, func() error {
		delete(m.users, name)
		m.drop(name)
		maps.DeleteFunc(m.tokens, func(_ string, t store.Token) bool { return t.User == name })
		return nil
	})
}

func (m *memory) PutToken(ctx context.Context, t store.Token) (store.Token, error) {
	return t, m.edit(ctx, func() error { m.tokens[t.Name] = t; return t.Validate() })
}

func (m *memory) Token(_ context.Context, name string) (store.Token, error) {
	return get(m, m.tokens, name)
}

func (m *memory) Tokens(context.Context) ([]store.Token, error) { return nil, nil }

func (m *memory) TouchToken(ctx context.Context, name string, at time.Time, from string) error {
	return m.edit(ctx, func() error {
		t, ok := m.tokens[name]
		if !ok {
			return store.ErrNotFound
		}
		t.LastUsed, t.LastFrom = at, from
		m.tokens[name] = t
		return nil
	})
}

func (m *memory) DeleteToken(ctx context.Context, name string, _ store.Revision) error {
	return m.edit(ctx, func() error { delete(m.tokens, name); return nil })
}

func (m *memory) PutWebSession(ctx context.Context, w store.WebSession, rev store.Revision) error {
	return m.edit(ctx, func() error {
		if w.Role == "" && m.users[w.Name].Revision != rev {
			return store.ErrConflict
		}
		m.sessions[w.Key] = w
		return w.Validate()
	})
}

func (m *memory) WebSession(_ context.Context, key string) (store.WebSession, error) {
	return get(m, m.sessions, key)
}

func (m *memory) TouchWebSession(ctx context.Context, key string, at time.Time) error {
	return m.edit(ctx, func() error {
		w, ok := m.sessions[key]
		if !ok {
			return store.ErrNotFound
		}
		w.Seen = at
		m.sessions[key] = w
		return nil
	})
}

func (m *memory) DeleteWebSessions(ctx context.Context, name, way string) (n int, err error) {
	return n, m.edit(ctx, func() error {
		maps.DeleteFunc(m.sessions, func(_ string, w store.WebSession) bool { return w.Name == name && w.Way == way })
		return nil
	})
}

func (m *memory) DeleteWebSession(ctx context.Context, key string) error {
	return m.edit(ctx, func() error { delete(m.sessions, key); return nil })
}
