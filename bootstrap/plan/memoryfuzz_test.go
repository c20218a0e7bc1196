package plan_test

import (
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// Whatever a client claims to have, and whatever is remembered of it, no plan touches a Security Instance
// that may be its Bootstrap-Server Account. That is one that the client names without a Short Server ID and
// that was never written, or that the account was in. Of those that it names so, one is always left.
func FuzzMemorySparesTheBootstrapAccount(f *testing.F) {
	f.Add(`</0/0>,</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", uint8(0), int8(-1))
	f.Add(`</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", uint8(0), int8(0))
	f.Add(`</0/0>,</0/1>,</0/2>`, "/0/0 main 101, /0/1 other 102", uint8(2), int8(2))
	f.Add(`</1/0>`, "/0/0 main 101, /1/0 main 101", uint8(4), int8(-1))
	f.Add("", "/0/0 main 101, /0/1 b 102", uint8(0), int8(1))
	modes := []string{store.DeleteDiscovered, store.DeleteNone, store.DeleteReplaced}
	f.Fuzz(func(t *testing.T, links, before string, mode uint8, own int8) {
		p := planProfile()
		p.Delete = store.DeletePolicy{Mode: modes[int(mode)%len(modes)]}
		info, _ := profile.Resolve(p, store.Device{Endpoint: "dev-1"}, nil)
		d := store.Device{Endpoint: "dev-1"}
		for i, entry := range strings.Split(before, ", ") {
			words := strings.Fields(entry)
			if len(words) < 2 || i > 20 {
				continue
			}
			if path, err := lwm2m.ParsePath(words[0]); err == nil {
				d.Written.Instances = append(d.Written.Instances, store.WrittenInstance{Path: path, Account: words[1], Server: 101})
			}
		}
		if own >= 0 {
			d.Written.BootstrapInstance = new(lwm2m.InstanceID(own))
		}
		var found *link.Discovery
		var candidates []lwm2m.InstanceID
		if links != "" {
			found = new(link.ParseDiscovery([]byte(links)))
			candidates = found.BootstrapSecurity()
		}
		got, err := plan.Make(p, d, info, found)
		if err != nil {
			return
		}
		touched := make(map[lwm2m.InstanceID]bool)
		for _, o := range got.Operations {
			if o.Path.Object() != lwm2m.ObjectSecurity || o.Path.Depth() < 2 {
				continue
			}
			id := o.Path.Instance()
			touched[id] = true
			written := slices.ContainsFunc(d.Written.Instances, func(w store.WrittenInstance) bool { return w.Path == lwm2m.InstancePath(lwm2m.ObjectSecurity, id) })
			if slices.Contains(candidates, id) && (!written || own >= 0 && id == lwm2m.InstanceID(own)) {
				t.Errorf("%q, %q, %d: %s %v", links, before, own, o.Op, o.Path)
			}
			if len(candidates) == 0 && (id == p.BootstrapInstance || own >= 0 && id == lwm2m.InstanceID(own)) {
				t.Errorf("%q, %q, %d: %s %v, and the client tells nothing", links, before, own, o.Op, o.Path)
			}
		}
		if len(candidates) > 0 && !slices.ContainsFunc(candidates, func(id lwm2m.InstanceID) bool { return !touched[id] }) {
			t.Errorf("%q, %q, %d: none of %v is left", links, before, own, candidates)
		}
	})
}
