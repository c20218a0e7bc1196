package importer

import (
	"cmp"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A File is the text of a file, and its name in reports.
type File struct {
	Name string
	Text []byte
}

// Options say how to import. The zero value is ready for use.
type Options struct {
	// Prefix begins the name of each profile. Empty means the name of the other server: "leshan" or
	// "wakaama".
	Prefix string

	// NoSec permits devices without a key of their own to bootstrap over plain CoAP.
	NoSec bool

	// Tags are given to each device.
	Tags []string
}

// A Result is what the data of another server becomes.
type Result struct {
	Profiles []store.Profile // by name; each is named by an entry that is imported
	Entries  []Entry         // in the order of the data
}

// Outcomes of an entry.
const (
	Imported = "imported" // it became a record
	Skipped  = "skipped"  // there is nothing to import
	Refused  = "refused"  // it cannot be imported
)

// An Entry is the report about one device, or one template for devices.
type Entry struct {
	Source  string // where it stands, such as "bootstrap.json: dev-1"
	Outcome string // Imported, Skipped or Refused

	// Why is the reason for Skipped or Refused; else empty.
	Why string

	// Device is the record. It has no endpoint name where the entry is for any device and becomes
	// only a profile.
	Device store.Device

	// Changes are the differences from the other server, in words.
	Changes []string
}

// A draft is an entry whose profile has no name yet.
type draft struct {
	Entry
	profile store.Profile
}

// refuse marks the draft as refused. The first reason stays.
func (d *draft) refuse(err error) {
	if d.Outcome == "" {
		d.Outcome, d.Why = Refused, err.Error()
	}
}

func (d *draft) changed(text string) {
	if !slices.Contains(d.Changes, text) {
		d.Changes = append(d.Changes, text)
	}
}

// result names the profiles of drafts, and refuses drafts with the same name or identity.
func result(drafts []draft, peer string, o Options) Result {
	refuseDoubles(drafts)
	var out Result
	for i := range drafts {
		d := &drafts[i]
		if d.Outcome == "" {
			d.Outcome = Imported
			d.Device.Tags = slices.Clone(o.Tags)
			permit(d, o.NoSec)
		} else {
			d.Device = store.Device{Endpoint: d.Device.Endpoint}
		}
	}
	out.Profiles = assignProfiles(drafts, cmp.Or(o.Prefix, peer))
	for _, d := range drafts {
		out.Entries = append(out.Entries, d.Entry)
	}
	return out
}

// permit permits plain CoAP to a device without a key, with [Options].NoSec.
func permit(d *draft, noSec bool) {
	if d.Device.Endpoint == "" || len(d.Device.Credentials) > 0 {
		return
	}
	d.Device.NoSec = noSec
	if !noSec {
		d.changed("has no key to bootstrap with: give it one, or permit plain CoAP with --no-sec")
		return
	}
	d.changed("may bootstrap over plain CoAP, where nothing proves who it is")
	for _, keys := range d.Device.Accounts {
		if !keys.Key.IsZero() || !keys.MasterSecret.IsZero() {
			d.changed("its keys are not sent over plain CoAP unless its profile says secretsOverNoSec: true")
		}
	}
}

// refuseDoubles refuses an entry with the endpoint name or identity of an earlier one.
func refuseDoubles(drafts []draft) {
	names, identities := make(map[lwm2m.EndpointName]string), make(map[identity]string)
	for i := range drafts {
		d := &drafts[i]
		if d.Device.Endpoint == "" || d.Outcome != "" {
			continue
		}
		if first, ok := names[d.Device.Endpoint]; ok {
			d.refuse(wrong("the device was there before, at %s", first))
			continue
		}
		names[d.Device.Endpoint] = d.Source
		for _, c := range d.Device.Credentials {
			own := identity{c.Kind, c.Identity}
			if first, ok := identities[own]; ok {
				d.refuse(wrong("its identity %q is that of %s", c.Identity, first))
				break
			}
			identities[own] = d.Source
		}
	}
}

// An identity belongs to one device only.
type identity struct {
	kind store.CredentialKind
	text string
}
