package admin

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

// A keyIndex remembers which device has which key, by a hash that means nothing outside
// this process. The zero keyIndex is ready for use.
type keyIndex struct {
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

// supplies reports whether set brings a key along.
func (set DeviceSettings) supplies() bool {
	return set.PSK != nil && len(set.PSK.Key) > 0 || len(set.AccountKeys)+len(set.AccountMasterSecrets) > 0
}

// sharedKeys are warnings about keys of d, which was edited by set, that it uses twice or
// has in common with another device.
func (l *Local) sharedKeys(ctx context.Context, d store.Device, set DeviceSettings) (warnings []string) {
	keys := keysOf(d)
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	warnings = l.compare(ctx, d, set, keys)
	l.keys.remember(d.Endpoint, keys)
	return warnings
}

// wouldShareKeys is what sharedKeys would return for a record that is not kept.
func (l *Local) wouldShareKeys(ctx context.Context, d store.Device, set DeviceSettings) []string {
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	return l.compare(ctx, d, set, keysOf(d))
}

// compare warns of the keys of d that are there twice. It is called with the lock held.
func (l *Local) compare(ctx context.Context, d store.Device, set DeviceSettings, keys []usedKey) (warnings []string) {
	if set.supplies() && l.keys.owners == nil {
		l.compareAll(ctx, d.Endpoint)
	}
	for i, k := range keys {
		for _, other := range keys[:i] {
			if set.supplies() && k.key.Equal(other.key) {
				warnings = append(warnings, fmt.Sprintf("%s is %s, too", k.what, other.what))
			}
		}
		owner := l.keys.owners[l.keys.hash(k.key)]
		if set.supplies() && owner != "" && owner != d.Endpoint && l.has(ctx, owner, k.key) {
			warnings = append(warnings, fmt.Sprintf("%s is one of device %q, too: whoever has that device can play this one", k.what, owner))
		}
	}
	return warnings
}

// compareAll remembers the keys of the devices that there are, but for one. It is called
// with the lock held. Where it cannot read them it remembers fewer: the edit is done all the
// same.
func (l *Local) compareAll(ctx context.Context, except lwm2m.EndpointName) {
	l.keys.seed, l.keys.owners = maphash.MakeSeed(), make(map[uint64]lwm2m.EndpointName)
	page, err := l.Store.Devices(ctx, store.DeviceQuery{Limit: maxCompared})
	if err != nil {
		return
	}
	for _, d := range page {
		if d.Endpoint != except {
			l.keys.remember(d.Endpoint, keysOf(d))
		}
	}
}

// has reports whether a device has a key: it may have another by now.
func (l *Local) has(ctx context.Context, ep lwm2m.EndpointName, key lwm2m.Secret) bool {
	d, err := l.Store.Device(ctx, ep)
	return err == nil && slices.ContainsFunc(keysOf(d), func(k usedKey) bool { return k.key.Equal(key) })
}

func (x *keyIndex) hash(key lwm2m.Secret) uint64 {
	if x.owners == nil {
		return 0
	}
	return maphash.Bytes(x.seed, key.Reveal())
}

// remember notes the keys of a device, once keys are compared at all. Of several devices
// that have one, the last is remembered.
func (x *keyIndex) remember(ep lwm2m.EndpointName, keys []usedKey) {
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
