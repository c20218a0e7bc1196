package keyindex

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"lwbs/lwm2m"
	"lwbs/store"
)

// How many devices and keys are looked at for keys that two devices have. An index of all
// would make adding devices take more than twice as long (decision 18).
const (
	maxCompared   = 10_000 // devices that are there when the first key is compared
	maxRemembered = 65_536 // keys, of these and of those that were edited since
)

// Devices is the store that has them.
type Devices interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	Devices(ctx context.Context, q store.DeviceQuery) ([]store.Device, error)
}

// An Index remembers which device has which key, by a hash that means nothing outside
// this process. The zero Index is ready for use; its methods may be called concurrently.
type Index struct {
	mu     sync.Mutex
	seed   maphash.Seed
	owners map[uint64]lwm2m.EndpointName // guarded by mu; nil until a key is compared
}

// A usedKey is a key of a device, and what it is there for.
type usedKey struct {
	what string // "its key to bootstrap with", "its key of account main"
	key  lwm2m.Secret
}

// keysOf are the keys that no two devices should have in common.
func keysOf(d store.Device) (keys []usedKey) {
	for _, c := range d.Credentials {
		if !c.Key.IsZero() {
			keys = append(keys, usedKey{"its key to bootstrap with", c.Key})
		}
	}
	for _, account := range slices.Sorted(maps.Keys(d.Accounts)) {
		a := d.Accounts[account]
		if !a.Key.IsZero() {
			keys = append(keys, usedKey{fmt.Sprintf("its key of account %q", account), a.Key})
		}
		if !a.MasterSecret.IsZero() {
			keys = append(keys, usedKey{fmt.Sprintf("its master secret of account %q", account), a.MasterSecret})
		}
	}
	return keys
}

// Note notes the keys of d, which was edited, and returns warnings about those that it uses twice or has in
// common with another device. It compares them only where the edit brought a key along.
func (x *Index) Note(ctx context.Context, in Devices, d store.Device, brought bool) (warnings []string) {
	keys := keysOf(d)
	x.mu.Lock()
	defer x.mu.Unlock()
	if brought {
		warnings = x.compare(ctx, in, d, keys)
	}
	x.remember(d.Endpoint, keys)
	return warnings
}

// Shared is what Note would return for a record that is not kept.
func (x *Index) Shared(ctx context.Context, in Devices, d store.Device, brought bool) []string {
	if !brought {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.compare(ctx, in, d, keysOf(d))
}

// CompareAll remembers the keys of the devices that there are, as comparing a key for the first time does.
func (x *Index) CompareAll(ctx context.Context, in Devices) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.compareAll(ctx, in, "")
}

// Len is how many keys are remembered.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.owners)
}

// compare warns of the keys of d that are there twice. The caller holds mu.
func (x *Index) compare(ctx context.Context, in Devices, d store.Device, keys []usedKey) (warnings []string) {
	if x.owners == nil {
		x.compareAll(ctx, in, d.Endpoint)
	}
	for i, k := range keys {
		for _, other := range keys[:i] {
			if k.key.Equal(other.key) {
				warnings = append(warnings, fmt.Sprintf("%s is %s, too", k.what, other.what))
			}
		}
		owner := x.owners[x.hash(k.key)]
		if owner != "" && owner != d.Endpoint && has(ctx, in, owner, k.key) {
			warnings = append(warnings, fmt.Sprintf("%s is one of device %q, too: whoever has that device can play this one", k.what, owner))
		}
	}
	return warnings
}

// compareAll remembers the keys of the devices that there are, but for one. Where it cannot read them it
// remembers fewer: the edit is done all the same. The caller holds mu.
func (x *Index) compareAll(ctx context.Context, in Devices, except lwm2m.EndpointName) {
	x.seed, x.owners = maphash.MakeSeed(), make(map[uint64]lwm2m.EndpointName)
	page, err := in.Devices(ctx, store.DeviceQuery{Limit: maxCompared})
	if err != nil {
		return
	}
	for _, d := range page {
		if d.Endpoint != except {
			x.remember(d.Endpoint, keysOf(d))
		}
	}
}

// has reports whether a device has a key: it may have another by now.
func has(ctx context.Context, in Devices, ep lwm2m.EndpointName, key lwm2m.Secret) bool {
	d, err := in.Device(ctx, ep)
	return err == nil && slices.ContainsFunc(keysOf(d), func(k usedKey) bool { return k.key.Equal(key) })
}

func (x *Index) hash(key lwm2m.Secret) uint64 {
	if x.owners == nil {
		return 0
	}
	return maphash.Bytes(x.seed, key.Reveal())
}

// remember notes the keys of a device, once keys are compared at all. Of several devices
// that have one, the last is remembered.
func (x *Index) remember(ep lwm2m.EndpointName, keys []usedKey) {
	if x.owners == nil {
		return
	}
	for _, k := range keys {
		h := x.hash(k.key)
		if _, there := x.owners[h]; !there && len(x.owners) >= maxRemembered {
			for other := range x.owners { // any
				delete(x.owners, other)
				break
			}
		}
		x.owners[h] = ep
	}
}
