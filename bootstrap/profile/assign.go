package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An UnassignedError is why a device is assigned no LwM2M Server.
type UnassignedError struct{ text string }

func (e *UnassignedError) Error() string { return e.text }

func unassigned(format string, args ...any) error {
	return &UnassignedError{fmt.Sprintf(format, args...)}
}

// Assign returns p as the device ep is given it: in each account with several Servers it has the one that the device is
// assigned, with its URI where the account has none. Server returns the record of one. Errors are those of server, and an
// [*UnassignedError].
func Assign(p store.Profile, ep lwm2m.EndpointName, server func(name string) (store.LwM2MServer, error)) (store.Profile, error) {
	if !slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return len(a.Servers) > 0 }) {
		return p, nil
	}
	p.Accounts = slices.Clone(p.Accounts)
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if len(a.Servers) == 0 {
			continue
		}
		var among []store.LwM2MServer
		for _, name := range a.Servers {
			s, err := server(name)
			if err != nil {
				return p, err
			}
			among = append(among, s)
		}
		s, ok := Choose(ep, among)
		if !ok {
			return p, unassigned("account %q: each of its LwM2M Servers is being drained (%s): lwbs lwm2m-server undrain one of them", a.Name, strings.Join(a.Servers, ", "))
		}
		a.Assigned = s.Name
		if s.Kind != store.KindNone {
			a.HandOver = s.Name
		}
		if a.URI == "" {
			if s.DeviceURI == "" {
				return p, unassigned("account %q has no uri, and LwM2M Server %q no URI for devices: lwbs lwm2m-server set %s --device-uri URI", a.Name, s.Name, s.Name)
			}
			a.URI = strings.ReplaceAll(s.DeviceURI, "{{", `{{"{{"}}`)
		}
	}
	return p, nil
}

// AssignmentNotes tell, for the history, which LwM2M Servers a device is assigned.
func AssignmentNotes(p store.Profile) (notes []string) {
	for _, a := range p.Accounts {
		if a.Assigned != "" {
			notes = append(notes, fmt.Sprintf("account %q is at LwM2M Server %q, one of %d", a.Name, a.Assigned, len(a.Servers)))
		}
	}
	return notes
}

// Choose returns the server that a device is assigned: always the same one, each with a probability of its weight among
// all. When one is drained, added, removed or given another weight, only as many devices are assigned another one as
// that takes (weighted rendezvous hashing, Schindelhauer and Schomaker 2005). Those that are drained have none; ok
// is false where all are.
func Choose(ep lwm2m.EndpointName, among []store.LwM2MServer) (chosen store.LwM2MServer, ok bool) {
	best := math.Inf(-1)
	for _, s := range among {
		if s.Draining {
			continue
		}
		if score := scoreOf(ep, s); !ok || score > best || score == best && s.Name < chosen.Name {
			best, chosen, ok = score, s, true
		}
	}
	return chosen, ok
}

// scoreOf is -w/ln(u), for a u in (0, 1) that follows from the names of the device and the server.
func scoreOf(ep lwm2m.EndpointName, s store.LwM2MServer) float64 {
	sum := sha256.Sum256([]byte(string(ep) + "\x00" + s.Name))
	const steps = 1 << 53
	u := (float64(binary.BigEndian.Uint64(sum[:8])>>11) + 0.5) / steps
	return -float64(max(s.Weight, 1)) / math.Log(u)
}

// anyServer stands in for the URI of an LwM2M Server before there is a device that is assigned one.
const anyServer = "coaps://assigned.invalid:5684"

// uriOf is the template for Resource 0/x/0 of an account.
func uriOf(a *store.Account) string {
	if a.URI == "" && len(a.Servers) > 0 {
		return anyServer
	}
	return a.URI
}

// servers checks where an account leads.
func (c *wordChecker) servers(place string, a store.Account) {
	switch {
	case a.URI == "" && len(a.Servers) == 0:
		c.fail(place+".uri", "it is missing: the URI of the LwM2M Server, or servers with the names of several")
	case a.Assigned == "" && a.HandOver != "" && len(a.Servers) > 0:
		c.fail(place+".handOver", "servers says it too: an account is handed over to the one of them that the device is assigned")
	}
	for i, name := range a.Servers {
		if slices.Contains(a.Servers[:i], name) {
			c.fail(place+".servers", "%q is there twice; to have more devices assigned to it, give it more weight: lwbs lwm2m-server set %s --weight N", name, name)
		}
	}
}
