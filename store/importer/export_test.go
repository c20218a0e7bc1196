package importer

import "lwbs/store"

// A Result is all of some data.
type Result struct {
	Profiles []store.Profile
	Entries  []Entry
}

// All reads all of d, or returns err.
func (d *Data) All(err error) (r Result, _ error) {
	if err != nil {
		return r, err
	}
	for _, p := range d.Profiles {
		r.Profiles = append(r.Profiles, p.Profile)
	}
	return r, d.Each(func(e Entry) error {
		r.Entries = append(r.Entries, e)
		return nil
	})
}
