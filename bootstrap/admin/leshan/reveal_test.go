package leshan_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/leshan"
)

// Keys are shown once that is noted, and not where it cannot be; what shows none is not noted.
func TestKeysAreShownOnceThatIsNoted(t *testing.T) {
	var noted []string
	var fails error
	d := newDemo(t, func(c *leshan.Config) {
		c.Reveal = func(ctx context.Context, action, target string) error {
			p, ok := access.From(ctx)
			if !ok || p.Name != "leshan-api" || p.Address == "" {
				t.Errorf("it is by %+v", p)
			}
			noted = append(noted, action+" "+target)
			return fails
		}
	})
	for _, token := range []string{readToken, writeToken, revealToken} {
		if w := d.ask(token, http.MethodGet, "/api/security/clients/dev", ""); w.Code == http.StatusInternalServerError {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if len(noted) != 1 || noted[0] != "security/clients reveal dev" {
		t.Errorf("noted is %q", noted)
	}
	fails = errors.New("the disk is full")
	if w := d.ask(revealToken, http.MethodGet, "/api/security/clients", ""); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}
