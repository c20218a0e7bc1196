package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// serverNamed returns the records of LwM2M Servers.
func (l *Local) serverNamed(ctx context.Context) func(name string) (store.LwM2MServer, error) {
	return func(name string) (store.LwM2MServer, error) { return l.Store.LwM2MServer(ctx, name) }
}

// cached is server with each record read once.
func cached(server func(name string) (store.LwM2MServer, error)) func(name string) (store.LwM2MServer, error) {
	known := make(map[string]store.LwM2MServer)
	return func(name string) (store.LwM2MServer, error) {
		s, ok := known[name]
		if !ok {
			var err error
			if s, err = server(name); err != nil {
				return s, err
			}
			known[name] = s
		}
		return s, nil
	}
}

// assigned is p as the device ep is given it; p itself where it is assigned no LwM2M Server.
func (l *Local) assigned(ctx context.Context, p store.Profile, ep lwm2m.EndpointName) store.Profile {
	of, err := profile.Assign(p, ep, l.serverNamed(ctx))
	if err != nil {
		return p
	}
	return of
}

// knowServersOf reports what is wrong with the LwM2M Servers that account j of a profile names: they do not exist, or
// devices could not be assigned to them.
func (l *Local) knowServersOf(ctx context.Context, j int, a store.Account) (found []profile.Finding, err error) {
	key, open := "handOver", false
	if len(a.Servers) > 0 {
		key = "servers"
	}
	fail := func(format string, args ...any) {
		found = append(found, profile.Finding{Place: fmt.Sprintf("accounts[%d].%s", j, key), Message: fmt.Sprintf(format, args...)})
	}
	for _, name := range a.ServerNames() {
		s, err := l.Store.LwM2MServer(ctx, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			fail("there is no LwM2M Server %q: add it with lwbs lwm2m-server add, or mend the name", name)
		case err != nil:
			return nil, err
		case key == "handOver" && s.Kind == store.KindNone:
			fail("LwM2M Server %q is of kind none, and cannot be told", name)
		case key == "servers" && a.URI == "" && s.DeviceURI == "":
			fail("the account has no uri, and LwM2M Server %q no URI for devices: lwbs lwm2m-server set %s --device-uri URI", name, name)
		}
		open = open || !s.Draining
	}
	if key == "servers" && !open {
		fail("each of the LwM2M Servers is being drained: lwbs lwm2m-server undrain one of them")
	}
	return found, nil
}

// assignable reports an edit of an LwM2M Server by which devices could be assigned none: it is drained and no other of an
// account is left, or has no URI for devices any more that an account needs.
func (l *Local) assignable(ctx context.Context, s store.LwM2MServer, set LwM2MServerSettings) error {
	drains := set.Draining != nil && *set.Draining
	if !drains && (set.DeviceURI == nil || *set.DeviceURI != "") || s.Revision == 0 {
		return nil
	}
	all, err := l.Store.LwM2MServers(ctx)
	if err != nil {
		return err
	}
	open := make(map[string]bool, len(all))
	for _, other := range all {
		open[other.Name] = !other.Draining && other.Name != s.Name
	}
	q := store.ProfileQuery{Limit: profilesRead}
	for {
		page, err := l.Store.Profiles(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range page {
			for _, a := range p.Accounts {
				switch {
				case !slices.Contains(a.Servers, s.Name):
				case drains && !slices.ContainsFunc(a.Servers, func(name string) bool { return open[name] }):
					return fmt.Errorf("LwM2M Server %q: %w: account %q of profile %q has no other server to assign devices to (%s): add one to it, or undrain one", s.Name, store.ErrInvalid, a.Name, p.Name, strings.Join(a.Servers, ", "))
				case a.URI == "" && s.DeviceURI == "":
					return fmt.Errorf("LwM2M Server %q: %w: account %q of profile %q gives its devices the device URI of this server", s.Name, store.ErrInvalid, a.Name, p.Name)
				}
			}
		}
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].Name
	}
}

// profilesRead is how many profiles are read at a time.
const profilesRead = 100
