package importer

import (
	"slices"

	"lwbs/store"
)

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
	strict  bool // what is unknown refuses the entry; else it is left out, and noted
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
