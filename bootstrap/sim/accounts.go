package sim

import "lwbs/lwm2m"

// An Account is a Security and a Server Instance that belong together.
type Account = lwm2m.ServerAccount

// accounts returns the complete ones held.
func (o *objects) accounts() (out []Account) {
	for _, s := range o.security() {
		if s.BootstrapServer {
			continue
		}
		for _, p := range o.paths() {
			if p.Object() != lwm2m.ObjectServer {
				continue
			}
			if server, err := lwm2m.ServerFrom(o.held[p]); err == nil && server.ShortServerID == s.ShortServerID {
				out = append(out, Account{Security: s, Server: server})
			}
		}
	}
	return out
}

// consistent reports whether the client can work with what it holds: its one
// Bootstrap-Server Account, and a Server for each other Security Instance.
func (o *objects) consistent() bool {
	given := o.given()
	return o.hasBootstrapServer() && given > 0 && given == len(o.accounts()) && given == o.usable()
}

// acceptable reports whether the client answers Finish with 2.04.
func (o *objects) acceptable() bool {
	own := o.stack.Finishes
	empty := o.given() == 0 && o.hasBootstrapServer()
	return own.Unchecked || own.EmptyIsFine && empty || o.consistent()
}

// hasBootstrapServer reports whether there is one Bootstrap-Server Account, and no other.
func (o *objects) hasBootstrapServer() bool { return len(o.security())-o.given() == 1 }

// given counts the Security Instances of LwM2M Servers.
func (o *objects) given() (n int) {
	for _, s := range o.security() {
		if !s.BootstrapServer {
			n++
		}
	}
	return n
}

// usable counts the accounts that have all that the stack wants of them.
func (o *objects) usable() (n int) {
	for _, a := range o.accounts() {
		if o.has(lwm2m.ObjectSecurity, a.Security.ID) && o.has(lwm2m.ObjectServer, a.Server.ID) {
			n++
		}
	}
	return n
}

// has reports whether an Instance has the Resources that the stack wants.
func (o *objects) has(object lwm2m.ObjectID, id lwm2m.InstanceID) bool {
	in := o.held[lwm2m.InstancePath(object, id)]
	for _, r := range o.stack.Finishes.Wants[object] {
		if _, ok := in.Resource(r); !ok {
			return false
		}
	}
	return true
}
