package store

import (
	"slices"
	"time"

	"lwbs/lwm2m"
)

// A HandedOver is what one LwM2M Server was told of a device, or was about to be told: it may know the
// device. It is on the record from before the server is told, so that it is there whenever the process
// is killed.
type HandedOver struct {
	Server   string // name of the LwM2MServer
	Account  string // in the profile
	Endpoint lwm2m.EndpointName

	// Identity is what the server knows the device by beside Endpoint: the PSK identity, as it is on the
	// wire; empty in other modes.
	Identity string

	// Digest is over all that the server was told, which it has acknowledged; empty where it may not have
	// been told. It is secret: a short key could be guessed from it.
	Digest lwm2m.Secret

	// At is when it was acknowledged; before that, when the server was to be told.
	At time.Time
}

// MaxHandedOver is how many of them a record has. Above it the oldest makes room, and its server is told
// to forget the device.
const MaxHandedOver = 2 * MaxAccounts

// Same reports whether a newer one takes the place of h: it is of the same account, and the server would
// know the device by the same names.
func (h HandedOver) Same(newer HandedOver) bool {
	return h.Server == newer.Server && h.Account == newer.Account && h.Endpoint == newer.Endpoint && h.Identity == newer.Identity
}

// WithHandedOver returns all with h in the place of the one that it follows.
func WithHandedOver(all []HandedOver, h HandedOver) []HandedOver {
	out := slices.DeleteFunc(slices.Clone(all), h.Same)
	if n := len(out) - MaxHandedOver + 1; n > 0 {
		out = out[n:]
	}
	return append(out, h)
}

// covers reports whether a server of this kind that is told to forget lost would forget what kept says it
// knows, too.
func (kept HandedOver) covers(lost HandedOver, kind LwM2MServerKind) bool {
	if kept.Server != lost.Server {
		return false
	}
	if kind.ByIdentity() {
		return kept.Identity == lost.Identity
	}
	return kept.Endpoint == lost.Endpoint
}

// ByIdentity reports whether servers of this kind know devices by their identities only, and not by their
// endpoint names.
func (k LwM2MServerKind) ByIdentity() bool { return k == KindPSKFile }

// Forgotten are those of old that are not in next any more, and that their servers are to forget, each
// once. The servers are those that exist, by name.
func Forgotten(old, next []HandedOver, servers map[string]LwM2MServer) (out []HandedOver) {
	for _, lost := range old {
		server, found := servers[lost.Server]
		if !found || server.OnDelete == OnDeleteKeep {
			continue
		}
		same := func(kept HandedOver) bool { return kept.covers(lost, server.Kind) }
		if !slices.ContainsFunc(next, same) && !slices.ContainsFunc(out, same) {
			out = append(out, lost)
		}
	}
	return out
}
