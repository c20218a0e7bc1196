package plan

import (
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
	"lwbs/store/grammar"
)

// WriteFormat is the content format of Writes: that of the device record, else of the profile, else the one
// that the client prefers where it can carry Instances, else TLV. Every client of LwM2M 1.0 reads TLV, and
// nearly every later one.
func WriteFormat(d store.Device, p store.Profile, preferred *lwm2m.Format) lwm2m.Format {
	if d.Format != 0 {
		return d.Format
	}
	if f, fixed := profileFormat(p); fixed {
		return f
	}
	if preferred != nil && content.Writable(*preferred) {
		return *preferred
	}
	return lwm2m.FormatTLV
}

// profileFormat is the format that a profile prescribes, if it does.
func profileFormat(p store.Profile) (f lwm2m.Format, fixed bool) {
	if p.Format == "" || p.Format == grammar.FormatAuto {
		return 0, false
	}
	err := f.UnmarshalText([]byte(p.Format))
	return f, err == nil
}

// Fallbacks are the formats to try where the client refuses the first, in order; none
// where the profile prescribes one.
func Fallbacks(p store.Profile, first lwm2m.Format) []lwm2m.Format {
	if _, fixed := profileFormat(p); fixed {
		return nil
	}
	all := []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLCBOR, lwm2m.FormatSenMLJSON}
	return slices.DeleteFunc(all, func(f lwm2m.Format) bool { return f == first })
}
