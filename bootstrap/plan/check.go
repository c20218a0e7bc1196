package plan

import (
	"fmt"
	"slices"
	"sync"

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

// A Checker checks what devices of one profile are given. It remembers which Writes each format could
// carry, so that those of the next device that differ in keys and identities alone are not encoded
// again. The zero Checker is ready for use, and may be used concurrently.
type Checker struct {
	mu      sync.Mutex
	carried map[carrier][]lwm2m.Object // what was written there last that all formats could carry; guarded by mu
}

// A carrier is a Write, and the first of its formats, from which the others follow.
type carrier struct {
	path   lwm2m.Path
	format lwm2m.Format
}

// Check returns what of info, which d is given under p, cannot be written to any client: what no
// content format can carry, and what cannot be divided and is larger than the payload that this
// kind of device takes. Where info cannot be turned into Objects, it returns nothing: that is an
// error of resolving.
func (c *Checker) Check(p store.Profile, d store.Device, info lwm2m.BootstrapInfo) (found []Problem) {
	pol := policyOf(p)
	objects, err := info.Objects(pol.emptyResources)
	if err != nil {
		return nil
	}
	l := &layout{certain: true}
	first := WriteFormat(d, p, nil)
	found = c.encoding(l.writesOf(objects, info.BootstrapServer, pol), append([]lwm2m.Format{first}, Fallbacks(p, first)...))
	if limit := p.Device.MaxPayload; limit > 0 {
		found = append(found, checkPayloads(l.writesOf(objects, info.BootstrapServer, policy{writes: grammar.WritesResource}), first, limit)...)
	}
	return found
}

// encoding checks that all can be written in one of the formats.
func (c *Checker) encoding(writes []Operation, formats []lwm2m.Format) (found []Problem) {
	for _, w := range writes {
		if c.knows(w, formats[0]) {
			continue
		}
		var errs []error
		for _, f := range formats {
			if err := w.Encodes(f); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) == 0 {
			c.remember(w, formats[0])
		} else {
			found = append(found, Problem{Path: w.Path, Message: errs[0].Error(), Warning: len(errs) < len(formats)})
		}
	}
	return found
}

// knows reports whether all formats carry a Write, since they carried one like it.
func (c *Checker) knows(w Operation, first lwm2m.Format) bool {
	c.mu.Lock()
	known, ok := c.carried[carrier{w.Path, first}]
	c.mu.Unlock()
	return ok && slices.EqualFunc(known, w.Objects, alikeObjects)
}

func (c *Checker) remember(w Operation, first lwm2m.Format) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.carried == nil {
		c.carried = make(map[carrier][]lwm2m.Object)
	}
	c.carried[carrier{w.Path, first}] = w.Objects
}

// alikeObjects reports whether a and b differ in nothing but the bytes of Opaque values of the same
// length: a format carries any.
func alikeObjects(a, b lwm2m.Object) bool {
	return a.ID == b.ID && slices.EqualFunc(a.Instances, b.Instances, func(a, b lwm2m.Instance) bool {
		return a.ID == b.ID && slices.EqualFunc(a.Resources, b.Resources, alikeResources)
	})
}

func alikeResources(a, b lwm2m.Resource) bool {
	return a.ID == b.ID && a.Multiple == b.Multiple && alike(a.Value, b.Value) &&
		slices.EqualFunc(a.Instances, b.Instances, func(a, b lwm2m.ResourceInstance) bool { return a.ID == b.ID && alike(a.Value, b.Value) })
}

func alike(a, b lwm2m.Value) bool {
	if a.Type() == lwm2m.TypeOpaque && b.Type() == lwm2m.TypeOpaque {
		return a.Len() == b.Len()
	}
	return a.Equal(b)
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
