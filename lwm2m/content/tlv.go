package content

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/tlv"
)

// encodeTLV writes an Object as Object Instance records, an Instance as its Resources
// without a record around them, a Resource as one record.
//
// Spec: Core 1.1.1 §7.4.3.
func encodeTLV(at lwm2m.Path, objects []lwm2m.Object) ([]byte, error) {
	var records []tlv.Record
	for _, in := range objects[0].Instances {
		resources := resourceRecords(in)
		if at.Depth() > 1 {
			records = resources
			break
		}
		records = append(records, tlv.Record{Kind: tlv.ObjectInstance, ID: uint16(in.ID), Children: resources})
	}
	return tlv.Append(make([]byte, 0, tlv.Size(records...)), records...)
}

func resourceRecords(in lwm2m.Instance) []tlv.Record {
	records := make([]tlv.Record, len(in.Resources))
	for i, r := range in.Resources {
		records[i] = tlv.Record{Kind: tlv.Resource, ID: uint16(r.ID)}
		if !r.Multiple {
			records[i].Value = tlvValue(r.Value)
			continue
		}
		records[i].Kind = tlv.MultipleResource
		records[i].Children = make([]tlv.Record, len(r.Instances))
		for j, ri := range r.Instances {
			records[i].Children[j] = tlv.Record{Kind: tlv.ResourceInstance, ID: uint16(ri.ID), Value: tlvValue(ri.Value)}
		}
	}
	return records
}

// tlvValue is the form of v in TLV (Core 1.1.1 Appendix C). An Unsigned Integer has
// its top bit clear, since many readers take every integer for a signed one.
func tlvValue(v lwm2m.Value) []byte {
	switch v.Type() {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		return []byte(v.Text())
	case lwm2m.TypeInteger:
		return tlv.AppendInt(nil, v.Int())
	case lwm2m.TypeTime:
		return tlv.AppendInt(nil, v.Time().Unix())
	case lwm2m.TypeUnsigned:
		return tlv.AppendUint(nil, v.Uint())
	case lwm2m.TypeFloat:
		return tlv.AppendFloat(nil, v.Float())
	case lwm2m.TypeBoolean:
		return tlv.AppendBool(nil, v.Bool())
	case lwm2m.TypeObjectLink:
		return tlv.AppendLink(nil, uint16(v.Link().Object), uint16(v.Link().Instance))
	}
	return v.Bytes()
}

func decodeTLV(b *builder, payload []byte) error {
	records, err := tlv.Decode(payload)
	if err != nil {
		return err
	}
	if b.at.Depth() == 1 {
		return decodeInstances(b, records)
	}
	if b.at.Depth() == 2 && wraps(records, b.at.Instance()) {
		records = records[0].Children
	}
	return decodeResources(b, lwm2m.InstancePath(b.at.Object(), b.at.Instance()), records)
}

// wraps reports whether the records are one Instance, which Core 1.1.1 §7.4.3 allows
// around the Resources of a payload for that Instance.
func wraps(records []tlv.Record, id lwm2m.InstanceID) bool {
	return len(records) == 1 && records[0].Kind == tlv.ObjectInstance && lwm2m.InstanceID(records[0].ID) == id
}

func decodeInstances(b *builder, records []tlv.Record) error {
	seen := make(map[uint16]bool, len(records))
	for _, rec := range records {
		p := b.at.Append(rec.ID)
		if rec.Kind != tlv.ObjectInstance {
			return fmt.Errorf("%v %d: %w", rec.Kind, rec.ID, tlv.ErrMisplaced)
		}
		if seen[rec.ID] {
			return fmt.Errorf("%v: %w", p, errTwice)
		}
		seen[rec.ID] = true
		if err := b.addEmpty(p); err != nil {
			return err
		}
		if err := decodeResources(b, p, rec.Children); err != nil {
			return err
		}
	}
	return nil
}

func decodeResources(b *builder, instance lwm2m.Path, records []tlv.Record) error {
	for _, rec := range records {
		p := instance.Append(rec.ID)
		var err error
		switch rec.Kind {
		case tlv.Resource:
			err = addTLV(b, p, rec.Value)
		case tlv.MultipleResource:
			err = decodeResourceInstances(b, p, rec.Children)
		default:
			err = fmt.Errorf("%v %d: %w", rec.Kind, rec.ID, tlv.ErrMisplaced)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func decodeResourceInstances(b *builder, resource lwm2m.Path, records []tlv.Record) error {
	if err := b.addEmpty(resource); err != nil {
		return err
	}
	for _, rec := range records {
		if err := addTLV(b, resource.Append(rec.ID), rec.Value); err != nil {
			return err
		}
	}
	return nil
}

func addTLV(b *builder, p lwm2m.Path, raw []byte) error {
	t, known := definedType(p)
	if !known {
		t = lwm2m.TypeOpaque
	}
	v, err := parseTLVValue(t, raw)
	if err != nil {
		return fmt.Errorf("%v: %w", p, err)
	}
	return b.add(p, v)
}

var errExecutable = errors.New("an executable Resource has no value")

func parseTLVValue(t lwm2m.Type, raw []byte) (v lwm2m.Value, err error) {
	switch t {
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		if !utf8.Valid(raw) {
			return v, errUTF8
		}
		return textValue(t, string(raw)), nil
	case lwm2m.TypeInteger, lwm2m.TypeTime:
		i, err := tlv.ParseInt(raw)
		return intValue(t, i), err
	case lwm2m.TypeUnsigned:
		u, err := tlv.ParseUint(raw)
		return lwm2m.UnsignedValue(u), err
	case lwm2m.TypeFloat:
		f, err := tlv.ParseFloat(raw)
		return lwm2m.FloatValue(f), err
	case lwm2m.TypeBoolean:
		is, err := tlv.ParseBool(raw)
		return lwm2m.BooleanValue(is), err
	case lwm2m.TypeOpaque:
		return lwm2m.OpaqueValue(raw), nil
	case lwm2m.TypeObjectLink:
		o, i, err := tlv.ParseLink(raw)
		return lwm2m.LinkValue(lwm2m.ObjectLink{Object: lwm2m.ObjectID(o), Instance: lwm2m.InstanceID(i)}), err
	}
	return v, errExecutable
}
