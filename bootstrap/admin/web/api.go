package web

import (
	"lwbs/store"
)

// reference shows what programs may ask for.
func (p *Pages) reference(r *request) error {
	if p.api == nil {
		return store.ErrNotFound
	}
	return r.show("api", view{Title: "API", Nav: "api", Body: p.api})
}
