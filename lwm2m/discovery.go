package lwm2m

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Discovery is what a Client answered to a Bootstrap-Discover (Core 1.1.1
// §6.1.7.3).
type Discovery struct {
	// Version is the LwM2M version that the Client claims, such as "1.1"; empty
	// when it claims none. It is advisory: several clients claim a constant.
	Version string

	// Instances are the Object Instances the Client has, ordered by Path.
	Instances []DiscoveredInstance

	// Objects are the Objects the Client has, with or without Instances, in
	// ascending order.
	Objects []ObjectID

	// Notes are remarks for people about what could not be understood.
	Notes []string
}

// A DiscoveredInstance is one Object Instance of a [Discovery].
type DiscoveredInstance struct {
	Path          Path
	ShortServerID ShortServerID // zero: none was told
	URI           string        // the LwM2M Server URI; empty: none was told
}

// ParseDiscover reads the payload of a Bootstrap-Discover answer. It never fails:
// what it cannot read is in the Notes.
func ParseDiscover(payload []byte) (d Discovery) {
	links, notes := ParseLinks(payload)
	d.Notes = notes
	for _, l := range links {
		if v, ok := l.Attribute("lwm2m"); ok {
			d.Version = v.Value
		}
		if l.Target != "" {
			d.add(l)
		}
	}
	slices.SortFunc(d.Instances, func(a, b DiscoveredInstance) int { return a.Path.Compare(b.Path) })
	slices.Sort(d.Objects)
	return d
}

// add takes one link with a target. A slash at the end of the target, as examples of
// the specification have it, is forgiven.
func (d *Discovery) add(l Link) {
	target := l.Target
	if len(target) > 1 {
		target = strings.TrimSuffix(target, "/")
	}
	p, err := ParsePath(target)
	if err != nil || p.Depth() > 2 {
		d.note("link <%.60s> is no Object Instance", l.Target)
		return
	}
	if p.Depth() == 0 {
		return
	}
	if !slices.Contains(d.Objects, p.Object()) {
		d.Objects = append(d.Objects, p.Object())
	}
	if p.Depth() == 1 {
		return
	}
	in := DiscoveredInstance{Path: p}
	if a, ok := l.Attribute("ssid"); ok {
		id, err := strconv.ParseUint(a.Value, 10, 16)
		if err != nil {
			d.note("link <%.60s> has the short server ID %.20q", l.Target, a.Value)
		}
		in.ShortServerID = ShortServerID(id)
	}
	if a, ok := l.Attribute("uri"); ok {
		in.URI = a.Value
	}
	if i := slices.IndexFunc(d.Instances, func(have DiscoveredInstance) bool { return have.Path == p }); i >= 0 {
		d.note("link <%.60s> is there twice", l.Target)
		d.Instances[i].ShortServerID = cmp.Or(d.Instances[i].ShortServerID, in.ShortServerID)
		return
	}
	d.Instances = append(d.Instances, in)
}

func (d *Discovery) note(format string, args ...any) {
	if len(d.Notes) < maxNotes {
		d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
	}
}

// BootstrapSecurity returns the Security Object Instances without a Short Server ID:
// the Bootstrap-Server Account is among them, and is the one where there is only one.
func (d Discovery) BootstrapSecurity() (ids []InstanceID) {
	for _, in := range d.Instances {
		if in.Path.Object() == ObjectSecurity && in.ShortServerID == 0 {
			ids = append(ids, in.Path.Instance())
		}
	}
	return ids
}

// AppendDiscovery appends d as a Client writes it in its answer: in the form of LwM2M
// 1.0, without a link for the version, where d.Version is "1.0".
func AppendDiscovery(dst []byte, d Discovery) []byte {
	version := Link{Target: "/", Attributes: []Attribute{{Name: "lwm2m", Value: d.Version}}}
	if d.Version == "1.0" {
		version = Link{Attributes: []Attribute{{Name: "lwm2m", Value: d.Version, Quoted: true}}}
	}
	links := []Link{version}
	for _, in := range d.Instances {
		l := Link{Target: in.Path.String()}
		if in.ShortServerID != 0 {
			l.Attributes = append(l.Attributes, Attribute{Name: "ssid", Value: strconv.Itoa(int(in.ShortServerID))})
		}
		if in.URI != "" {
			l.Attributes = append(l.Attributes, Attribute{Name: "uri", Value: in.URI, Quoted: true})
		}
		links = append(links, l)
	}
	for _, o := range d.Objects {
		if !slices.ContainsFunc(d.Instances, func(in DiscoveredInstance) bool { return in.Path.Object() == o }) {
			links = append(links, Link{Target: ObjectPath(o).String()})
		}
	}
	return AppendLinks(dst, links...)
}
