package link

import (
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
)

// A Discovery is what a Client answered to a Bootstrap-Discover (Core 1.1.1
// §6.1.7.3).
type Discovery struct {
	// Version is the LwM2M version that the Client claims, such as "1.1"; empty
	// when it claims none. It is advisory: several Clients claim a constant.
	Version string

	// Instances are the Object Instances the Client has, ordered by Path, none
	// twice.
	Instances []DiscoveredInstance

	// Objects are the Objects the Client has, with or without Instances, in
	// ascending order.
	Objects []lwm2m.ObjectID

	// Notes are remarks for people about what could not be understood: few, short
	// and printable.
	Notes []string
}

// A DiscoveredInstance is one Object Instance of a [Discovery].
type DiscoveredInstance struct {
	Path          lwm2m.Path
	ShortServerID lwm2m.ShortServerID // zero for none
	URI           string              // the LwM2M Server URI; empty for none

	// BadShortServerID is whether the Short Server ID was out of range. Zephyr reports 0 for a
	// Security Instance that is not configured yet.
	BadShortServerID bool
}

// Names of link attributes, and the target of the link that has the version.
const (
	attributeVersion       = "lwm2m"
	attributeShortServerID = "ssid"
	attributeURI           = "uri"
	rootTarget             = "/"
)

// ParseDiscovery reads the payload of a Bootstrap-Discover answer, of any version of the enabler, with
// the mistakes of known devices. It does not fail: what it cannot read is in the Notes.
func ParseDiscovery(payload []byte) (d Discovery) {
	links, notes := Parse(payload)
	remarks := noteList(notes)
	seen := make(map[lwm2m.Path]bool, len(links))
	for _, l := range links {
		if l.Target == "" || l.Target == rootTarget {
			d.setVersion(l)
			continue
		}
		// Examples in the specification have a slash at the end.
		p, err := lwm2m.ParsePath(strings.TrimSuffix(l.Target, "/"))
		switch {
		case err != nil || p.Depth() > 2:
			remarks.add("not an Object or an Object Instance", l.Target)
			continue
		case p.Depth() == 2 && seen[p]:
			remarks.add("listed twice, the first counts", l.Target)
			continue
		case p.Depth() == 2:
			d.Instances = append(d.Instances, newDiscoveredInstance(p, l, &remarks))
		}
		seen[p] = true
		d.Objects = append(d.Objects, p.Object())
	}
	slices.SortFunc(d.Instances, func(a, b DiscoveredInstance) int { return a.Path.Compare(b.Path) })
	slices.Sort(d.Objects)
	d.Objects, d.Notes = slices.Compact(d.Objects), remarks
	return d
}

// setVersion takes the version from the link of the root; the first one counts.
func (d *Discovery) setVersion(l Link) {
	if version, ok := l.Attribute(attributeVersion); ok && d.Version == "" && len(version.Value) <= maxNoteQuote {
		d.Version = printable(version.Value)
	}
}

func newDiscoveredInstance(p lwm2m.Path, l Link, remarks *noteList) DiscoveredInstance {
	in := DiscoveredInstance{Path: p}
	if uri, ok := l.Attribute(attributeURI); ok {
		in.URI = printable(uri.Value)
	}
	if ssid, ok := l.Attribute(attributeShortServerID); ok {
		id, err := strconv.ParseUint(ssid.Value, 10, 16)
		if err == nil && lwm2m.ShortServerID(id).Valid() {
			in.ShortServerID = lwm2m.ShortServerID(id)
		} else {
			in.BadShortServerID = true
			remarks.add(p.String()+" has no valid Short Server ID", ssid.Value)
		}
	}
	return in
}

// printable returns s with control characters replaced, since it is printed on terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// BootstrapSecurity returns the Security Object Instances that may be the Bootstrap-Server Account, in
// ascending order: those without a Short Server ID or, where each has one, those whose Short Server ID
// is not valid. If there are several, the others are accounts that were written in part; the answer
// does not tell which.
func (d Discovery) BootstrapSecurity() []lwm2m.InstanceID {
	var without, bad []lwm2m.InstanceID
	for _, in := range d.Instances {
		switch {
		case in.Path.Object() != lwm2m.ObjectSecurity || in.ShortServerID != 0:
		case in.BadShortServerID:
			bad = append(bad, in.Path.Instance())
		default:
			without = append(without, in.Path.Instance())
		}
	}
	if len(without) == 0 {
		return bad
	}
	return without
}

// AppendDiscovery appends d as a Client writes it in its answer: a link for each Instance, and one for
// each Object without Instances. Where d.Version is "1.0" it has the form of LwM2M 1.0: the version is
// quoted and has no target, and there is no URI.
func AppendDiscovery(dst []byte, d Discovery) []byte {
	old := d.Version == "1.0"
	links := make([]Link, 0, 1+len(d.Instances)+len(d.Objects))
	switch {
	case old:
		links = append(links, Link{Attributes: []Attribute{{attributeVersion, d.Version, true}}})
	case d.Version != "":
		links = append(links, Link{rootTarget, []Attribute{{attributeVersion, d.Version, false}}})
	}
	populated := make(map[lwm2m.ObjectID]bool, len(d.Objects))
	for _, in := range d.Instances {
		populated[in.Path.Object()] = true
		links = append(links, in.link(!old))
	}
	for _, o := range d.Objects {
		if !populated[o] {
			links = append(links, Link{Target: lwm2m.ObjectPath(o).String()})
		}
	}
	return Append(dst, links...)
}

func (in DiscoveredInstance) link(withURI bool) Link {
	l := Link{Target: in.Path.String()}
	if in.ShortServerID != 0 || in.BadShortServerID {
		l.Attributes = append(l.Attributes, Attribute{attributeShortServerID, strconv.Itoa(int(in.ShortServerID)), false})
	}
	if in.URI != "" && withURI {
		l.Attributes = append(l.Attributes, Attribute{attributeURI, in.URI, true})
	}
	return l
}
