package sim

import (
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
)

// A LinkForm is how a client writes its answer to Discover. The zero LinkForm is that of
// the specification, for the version of the device.
type LinkForm struct {
	// Root is what the answer begins with, such as `</>;lwm2m=1.0`. Where it is empty
	// the rest does not count.
	Root string

	// Objects makes it name each Object, beside its Instances.
	Objects bool

	// Versions are those of Objects that it names for that, too.
	Versions map[lwm2m.ObjectID]string

	// URIs makes it tell the server URIs of Security Instances.
	URIs bool

	// NoServerIDs makes it tell no Short Server IDs, as many stacks of LwM2M 1.0 do, and
	// NoContextIDs none of OSCORE Instances.
	NoServerIDs  bool
	NoContextIDs bool

	// Silent are the Objects that it does not speak of.
	Silent []lwm2m.ObjectID
}

// append appends d in that form.
func (f LinkForm) append(dst []byte, d link.Discovery) []byte {
	if f.Root == "" {
		return link.AppendDiscovery(dst, d)
	}
	dst = append(dst, f.Root...)
	for _, o := range d.Objects {
		if slices.Contains(f.Silent, o) {
			continue
		}
		instances := slices.DeleteFunc(slices.Clone(d.Instances), func(in link.DiscoveredInstance) bool { return in.Path.Object() != o })
		if l, named := f.object(o, len(instances)); named {
			dst = link.Append(append(dst, ','), l)
		}
		for i := range instances {
			if !f.URIs {
				instances[i].URI = ""
			}
			if f.NoServerIDs || f.NoContextIDs && o == lwm2m.ObjectOSCORE {
				instances[i].ShortServerID, instances[i].BadShortServerID = 0, false
			}
		}
		if len(instances) > 0 {
			dst = link.AppendDiscovery(append(dst, ','), link.Discovery{Instances: instances})
		}
	}
	return dst
}

// object returns the link of an Object with so many Instances, and whether there is one.
func (f LinkForm) object(o lwm2m.ObjectID, instances int) (l link.Link, named bool) {
	l.Target = lwm2m.ObjectPath(o).String()
	version, ok := f.Versions[o]
	if ok {
		l.Attributes = []link.Attribute{{Name: "ver", Value: version}}
	}
	return l, ok || f.Objects || instances == 0
}
