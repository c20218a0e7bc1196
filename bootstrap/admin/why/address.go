package why

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// maxFromAddress is how many attempts, the newest first, are looked at for those that came
// from one address; and as many of unknown devices.
const maxFromAddress = 10_000

// addressOf reads an IP address as "lwbs session list" shows it: with a port and a scheme, or
// without. The port does not matter: most devices have another each time.
func addressOf(name string) (a netip.Addr, ok bool) {
	for _, scheme := range []string{store.TransportPlain, store.TransportDTLS} {
		name = strings.TrimPrefix(name, scheme+"://")
	}
	if p, err := netip.ParseAddrPort(name); err == nil {
		return p.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

// fromAddress gathers the last attempts that came from the address which the name is.
func (i *inquiry) fromAddress(ctx context.Context, a netip.Addr) error {
	i.why.Address = a.String()
	i.runningFrom(a)
	var found []store.Session
	whole := true
	for _, unknown := range []bool{false, true} {
		some, all, err := i.sessionsFrom(ctx, a, store.SessionQuery{Unknown: unknown, Limit: unknownPage})
		if err != nil {
			return err
		}
		found, whole = append(found, some...), whole && all
	}
	slices.SortFunc(found, func(a, b store.Session) int { return cmp.Compare(b.ID, a.ID) })
	found = slices.CompactFunc(found, func(a, b store.Session) bool { return a.ID == b.ID })
	for _, s := range found[:min(len(found), i.limit)] {
		r, err := i.explain(ctx, s)
		if err != nil {
			return err
		}
		i.why.Attempts = append(i.why.Attempts, r)
	}
	if !whole {
		i.why.Notes = append(i.why.Notes, fmt.Sprintf("The last %d attempts were looked at, and as many of unknown devices.", maxFromAddress))
	}
	return nil
}

// sessionsFrom are the newest of those that q selects which came from an address, as many as
// are to be explained; all is whether everything was looked at where there are fewer.
func (i *inquiry) sessionsFrom(ctx context.Context, a netip.Addr, q store.SessionQuery) (found []store.Session, all bool, err error) {
	for seen := 0; seen < maxFromAddress; {
		page, err := i.store.Sessions(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, s := range page {
			if cameFrom(s, a) {
				found = append(found, s)
			}
		}
		if seen += len(page); len(page) < q.Limit || len(found) >= i.limit {
			return found, true, nil
		}
		q.Before = page[len(page)-1].ID
	}
	return found, false, nil
}

// cameFrom reports whether an attempt came from an address, or is one of those that are told
// of together for its network.
func cameFrom(s store.Session, a netip.Addr) bool {
	if n, err := netip.ParsePrefix(s.Network); err == nil {
		return n.Contains(a)
	}
	from, err := netip.ParseAddr(outcome.HostOf(s.Remote))
	return err == nil && from.Unmap().WithZone("") == a
}
