package store

import "time"

// Revisions tell whether the records that configure a device or admit it were edited, or deleted and made
// anew: then they differ from those of before.
type Revisions struct {
	Device        Revision
	DeviceCreated time.Time

	Profile         string   // its name, by the device's record
	ProfileRevision Revision // zero where that profile does not exist
	ProfileCreated  time.Time

	GroupRevision Revision // zero where the device is in no group, or that does not exist
	GroupCreated  time.Time
}

// RevisionsOf returns those of a device, its profile and its group, which is zero for none.
func RevisionsOf(d Device, p Profile, g Group) Revisions {
	return Revisions{d.Revision, d.Created, d.Profile, p.Revision, p.Created, g.Revision, g.Created}
}
