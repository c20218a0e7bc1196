package access

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// againEvery is how often the principal of a request that lasts is authenticated again.
const againEvery = 15 * time.Second

// Guard returns h for requests whose principal has at least the role that needed returns. The zero Role lets
// everybody in. Refuse answers the others: its error wraps ErrUnauthenticated or ErrForbidden, or is one of the
// store. The context of a request that lasts ends within 15 s when its principal may no longer send it, such as
// after a log-out.
func (m *Manager) Guard(needed func(*http.Request) Role, h http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		least := needed(r)
		p, err := m.permitted(r, least)
		switch {
		case err != nil && least == 0 && errors.Is(err, ErrUnauthenticated):
			h.ServeHTTP(w, r)
			return
		case err != nil:
			refuse(w, r, err)
			return
		}
		ctx, cancel := context.WithCancel(With(r.Context(), p))
		defer cancel()
		again := time.AfterFunc(againEvery, func() {
			tick := time.NewTicker(againEvery)
			defer tick.Stop()
			for {
				if _, err := m.permitted(r, least); err != nil {
					cancel()
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
		defer again.Stop()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// permitted returns who sends a request, if that one has the role.
func (m *Manager) permitted(r *http.Request, least Role) (Principal, error) {
	p, err := m.Authenticate(r)
	if err == nil && !p.Role.Allows(least) {
		err = &ForbiddenError{p, least}
	}
	return p, err
}
