package plan

import (
	"fmt"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
	"lwbs/store/grammar"
)

// A Problem is why what is to be written cannot be, or cannot be in each format.
type Problem struct {
	Path    lwm2m.Path // of the Write
	Message string

	// Warning is set where one of the formats that may be tried can carry it.
	Warning bool
}

// Check returns what of info, which d is given under p, cannot be written to any client: what no
// content format can carry, and what cannot be divided and is larger than the payload that this
// kind of device takes. Where info cannot be turned into Objects, it returns nothing: that is an
// error of resolving.
func Check(p store.Profile, d store.Device, info lwm2m.BootstrapInfo) (found []Problem) {
	pol := policyOf(p)
	objects, err := info.Objects(pol.emptyResources)
	if err != nil {
		return nil
	}
	l := &layout{certain: true}
	first := WriteFormat(d, p, nil)
	found = checkEncoding(l.writesOf(objects, info.BootstrapServer, pol), append([]lwm2m.Format{first}, Fallbacks(p, first)...))
	if limit := p.Device.MaxPayload; limit > 0 {
		found = append(found, checkPayloads(l.writesOf(objects, info.BootstrapServer, policy{writes: grammar.WritesResource}), first, limit)...)
	}
	return found
}

// checkEncoding checks that all can be written in one of the formats.
func checkEncoding(writes []Operation, formats []lwm2m.Format) (found []Problem) {
	for _, w := range writes {
		var errs []error
		for _, f := range formats {
			if err := w.Encodes(f); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) > 0 {
			found = append(found, Problem{Path: w.Path, Message: errs[0].Error(), Warning: len(errs) < len(formats)})
		}
	}
	return found
}

// checkPayloads checks that no Write has more than limit bytes in a format.
func checkPayloads(writes []Operation, format lwm2m.Format, limit int) (found []Problem) {
	for _, w := range writes {
		payload, err := content.Encode(format, w.Path, w.Objects)
		if err == nil && len(payload) > limit {
			found = append(found, Problem{Path: w.Path, Message: fmt.Sprintf("it takes %d bytes in %v, and this kind of device holds %d", len(payload), format, limit)})
		}
	}
	return found
}
