package store

import "time"

// Revisions tell whether the records that configure a device were edited, or deleted and made
// anew: then they differ from those of before.
type Revisions struct {
	Device        Revision
	DeviceCreated time.Time

	Profile         string   // its name, by the device's record
	ProfileRevision Revision // zero where that profile does not exist
	ProfileCreated  time.Time
}

// RevisionsOf returns those of a device and its profile.
func RevisionsOf(d Device, p Profile) Revisions {
	return Revisions{d.Revision, d.Created, d.Profile, p.Revision, p.Created}
}
