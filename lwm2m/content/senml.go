package content

import (
	"errors"
	"fmt"
	"strings"

	"lwbs/lwm2m"
)

// A senmlRecord is one record of a SenML Pack on its way out. Empty names are absent.
type senmlRecord struct {
	baseName, name string
	value          lwm2m.Value
}

// senmlPack lays objects out as records. Each Instance begins with its base name
// "/o/i/", which is the form that every Client takes; a payload for one Resource has
// the path of the Resource as its base name.
//
// Spec: RFC 8428 §4, Core 1.1.1 §7.4.
func senmlPack(at lwm2m.Path, objects []lwm2m.Object) (pack []senmlRecord, err error) {
	for _, o := range objects {
		if len(o.Instances) == 0 && at.Depth() < 1 {
			return nil, fmt.Errorf("%v: SenML cannot express an Object without Instances", lwm2m.ObjectPath(o.ID))
		}
		for _, in := range o.Instances {
			p := lwm2m.InstancePath(o.ID, in.ID)
			if len(in.Resources) == 0 && at.Depth() < 2 {
				return nil, fmt.Errorf("%v: SenML cannot express an Instance without Resources", p)
			}
			base := p.String() + "/"
			if at.Depth() == 3 {
				base = resourceBase(at, in.Resources[0])
			}
			if pack, err = appendInstance(pack, base, p, in); err != nil {
				return nil, err
			}
		}
	}
	return pack, nil
}

func resourceBase(p lwm2m.Path, r lwm2m.Resource) string {
	if r.Multiple {
		return p.String() + "/"
	}
	return p.String()
}

// appendInstance appends the records of the Instance at p, the first of them with the
// base name.
func appendInstance(pack []senmlRecord, base string, p lwm2m.Path, in lwm2m.Instance) ([]senmlRecord, error) {
	first := len(pack)
	for _, r := range in.Resources {
		p := p.Append(uint16(r.ID))
		if !r.Multiple {
			pack = append(pack, senmlRecord{name: p.String()[len(base):], value: r.Value})
			continue
		}
		if len(r.Instances) == 0 {
			return nil, fmt.Errorf("%v: SenML cannot express a multiple-instance Resource without instances", p)
		}
		for _, ri := range r.Instances {
			pack = append(pack, senmlRecord{name: p.Append(uint16(ri.ID)).String()[len(base):], value: ri.Value})
		}
	}
	if len(pack) > first {
		pack[first].baseName = base
	}
	return pack, nil
}

// A senmlInput is one record of a SenML Pack as it was read. Of its fields those that
// LwM2M does not use (units, times) are passed over.
type senmlInput struct {
	baseName, name *string
	value          scalar // nil: none
	values         int    // value fields seen
}

// A senmlReader turns records into content; base is the base name in force.
type senmlReader struct {
	b    *builder
	base string
}

// maxPathText is the length of the longest path.
const maxPathText = len("/65534/65534/65534/65534")

var (
	errValueFields = errors.New("a record has just one value")
	errLabel       = errors.New("a field of the record is not understood")
)

// add takes in one record. One that only sets the base name has no value.
func (r *senmlReader) add(in senmlInput) error {
	if in.baseName != nil {
		r.base = *in.baseName
	}
	if in.values == 0 && in.name == nil && in.baseName != nil {
		return nil
	}
	if in.values != 1 {
		return errValueFields
	}
	full := r.base
	if in.name != nil {
		full += *in.name
	}
	if len(full) > maxPathText {
		return fmt.Errorf("a name of %d bytes: %w", len(full), lwm2m.ErrPath)
	}
	p, err := lwm2m.ParsePath(full)
	if err != nil {
		return err
	}
	return r.b.addScalar(p, in.value)
}

// set takes in a value field of the given JSON label; raw is of the kind that the
// format gives it.
func (in *senmlInput) set(label string, raw any) error {
	in.values++
	ok := false
	switch label {
	case "v":
		switch raw.(type) {
		case int64, uint64, float64:
			ok = true
		}
	case "vs":
		_, ok = raw.(string)
	case "vb":
		_, ok = raw.(bool)
	case "vd":
		_, ok = raw.([]byte)
	case "vlo":
		text, _ := raw.(string)
		raw, ok = parseObjectLink(text)
	}
	if !ok {
		return fmt.Errorf("the field %q has a value of another kind", label)
	}
	in.value = raw
	return nil
}

// skip passes over a field that is no name and no value. Some must not be passed
// over, since they change what the values mean: base values and sums, a version above
// ours, and by RFC 8428 §4.4 all that end in an underscore.
func (in *senmlInput) skip(label string, raw any) error {
	switch label {
	case "bv", "bs", "s":
		return errLabel
	case "bver":
		if version, ok := scalarInt(raw); !ok || version > 10 {
			return errLabel
		}
	}
	if strings.HasSuffix(label, "_") {
		return errLabel
	}
	return nil
}
