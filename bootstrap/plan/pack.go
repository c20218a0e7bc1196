package plan

import (
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// MakePack returns what a pack holds: the content of the plan, which has no operations. Own is the
// Bootstrap-Server Account as the client told it, nil where it did not. Like [Make] it is a pure
// function. A pack never has the Bootstrap-Server Account in it: a client keeps its own where the
// pack has other Instances of Security (Core 1.2.2 §6.1.7.7).
//
// A client of LwM2M 1.2.0 cannot tell where that account is. For such a client /0/0 and /0/1 are
// left free, where clients have it, beside the Instance that the profile assumes.
//
// What the client was given before does not count: a pack replaces it.
func MakePack(p store.Profile, d store.Device, info lwm2m.BootstrapInfo, own *link.Discovery) (Plan, error) {
	pol := policyOf(p)
	pol.deletes = store.DeletePolicy{Mode: store.DeleteDiscovered} // a pack does so to each of its Objects
	l := newLayout(own, memory{}, pol)
	if !tellsBootstrapAccount(own) {
		l.protected = append(l.protected, 0, 1)
		l.quirks = []string{"does not tell where its Bootstrap-Server Account is"}
	}
	info.BootstrapServer = nil
	l.assign(&info)
	if err := l.survives(info); err != nil {
		return Plan{}, err
	}
	objects, err := info.Objects(pol.emptyResources)
	return Plan{Content: objects, Quirks: l.quirks, Given: memoryOf(p, d).describe(info)}, err
}

// UnfitForPack says what in p a pack cannot hold, or what the client would have to confirm; empty
// where a pack can hold all of it.
func UnfitForPack(p store.Profile) string {
	for _, a := range p.Accounts {
		if a.HandOver != "" {
			return fmt.Sprintf("account %q is handed over to an LwM2M Server, which is done when a client has accepted it, and a client never confirms that it took a pack", a.Name)
		}
		if a.Key == store.KeyRenew {
			return fmt.Sprintf("the key of account %q is renewed at every bootstrap, and a client never confirms that it took a pack", a.Name)
		}
	}
	for _, o := range p.Objects {
		if slices.Contains(gatewayObjects, o.Path.Object()) {
			return fmt.Sprintf("Object %d is that of a gateway, which a pack never holds", o.Path.Object())
		}
	}
	if p.BootstrapsPerSecond > 0 {
		return "its devices wait for their turn (bootstrapsPerSecond), and no client waits for a pack"
	}
	if p.BootstrapServer != nil {
		return "the Bootstrap-Server Account is replaced, which a pack never holds"
	}
	return ""
}

// gatewayObjects are those that a gateway has for its end devices (Core 1.2.2 §6.1.7.7).
var gatewayObjects = []lwm2m.ObjectID{25, 26}
