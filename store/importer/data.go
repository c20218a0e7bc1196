package importer

import (
	"cmp"
	"hash/maphash"
	"slices"

	"lwbs/store"
)

// Data is the data of another server. It is read twice, an entry at a time: once for the profiles, which
// follow from all entries, and to see that the files can be read; then for the entries. Its memory grows
// by about 100 bytes an entry.
type Data struct {
	// Profiles are what entries become besides devices, in the order of their names.
	Profiles []Profile

	read    func(each func(draft) error) error // calls each with all drafts, in the same order each time
	options Options
	doubles *doubles
	shapes  *shapes
}

// A Profile is one that entries are given.
type Profile struct {
	store.Profile
	Entries, Devices int // that have it; an entry for any device is no device
}

func newData(read func(each func(draft) error) error, peer string, o Options) (*Data, error) {
	d := &Data{
		read: read, options: o, shapes: newShapes(),
		doubles: &doubles{seed: maphash.MakeSeed(), names: make(map[uint64]int32), identities: make(map[uint64]int32), firsts: make(map[int32]string)},
	}
	err := d.each(func(dr *draft) error {
		if dr.Outcome == Imported {
			d.shapes.note(shapeOf(dr))
		}
		return nil
	})
	if err == nil {
		d.Profiles = d.shapes.name(cmp.Or(o.Prefix, peer))
	}
	return d, err
}

// each calls do with all drafts, decided but for their profiles.
func (d *Data) each(do func(*draft) error) error {
	n := int32(0)
	return d.read(func(dr draft) error {
		d.doubles.refuse(n, &dr)
		if n++; dr.Outcome == "" {
			dr.Outcome = Imported
			dr.Device.Tags = slices.Clone(d.options.Tags)
			permit(&dr, d.options.NoSec)
		} else {
			dr.Device = store.Device{Endpoint: dr.Device.Endpoint}
		}
		return do(&dr)
	})
}

// Each calls do with the entries, in the order of the data, up to the first error.
func (d *Data) Each(do func(Entry) error) error {
	return d.each(func(dr *draft) error {
		if dr.Outcome == Imported {
			dr.Device.Profile = d.shapes.nameOf(shapeOf(dr))
		}
		return do(dr.Entry)
	})
}

// Doubles find entries with the endpoint name or an identity of an earlier one. What they remember of one
// is a hash.
type doubles struct {
	seed              maphash.Seed
	names, identities map[uint64]int32 // which entry was the first
	firsts            map[int32]string // where those stand that others double, as soon as they were read again
}

// refuse refuses d, which is entry n, where it is a double. The entries are read twice; where the first one
// stands is known the second time.
func (x *doubles) refuse(n int32, d *draft) {
	if _, doubled := x.firsts[n]; doubled {
		x.firsts[n] = d.Source
	}
	if d.Device.Endpoint == "" || d.Outcome != "" {
		return
	}
	if first := x.first(x.names, n, string(d.Device.Endpoint)); first != n {
		d.refuse(wrong("the device was there before, at %s", x.firsts[first]))
		return
	}
	for _, c := range d.Device.Credentials {
		if first := x.first(x.identities, n, string(c.Kind)+"\x00"+c.Identity); first != n {
			d.refuse(wrong("its identity %q is that of %s", c.Identity, x.firsts[first]))
			return
		}
	}
}

// first is which entry had a text first.
func (x *doubles) first(in map[uint64]int32, n int32, text string) int32 {
	hash := maphash.String(x.seed, text)
	first, known := in[hash]
	switch {
	case !known:
		in[hash] = n
		return n
	case first != n && x.firsts[first] == "":
		x.firsts[first] = ""
	}
	return first
}
