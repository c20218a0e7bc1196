package trace

import (
	"bytes"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/object"
)

// blanked returns a payload for a path without its secret values, as long as it was, and whether it
// had any. Where it cannot be decoded, or not be written again the same, it is blanked whole.
func blanked(objects *object.Registry, f lwm2m.Format, at lwm2m.Path, payload []byte) (out []byte, any bool) {
	if f == lwm2m.FormatLink || len(payload) == 0 {
		return payload, false
	}
	whole := make([]byte, len(payload))
	found, err := content.Decode(f, at, payload)
	if err != nil {
		return whole, true
	}
	if again, err := content.Encode(f, at, found); err != nil || !bytes.Equal(again, payload) {
		if !hasSecrets(objects, found) {
			return payload, false
		}
		return whole, true
	}
	if !hasSecrets(objects, found) {
		return payload, false
	}
	out, err = content.Encode(f, at, withoutSecrets(objects, found))
	if err != nil || len(out) != len(payload) {
		return whole, true
	}
	return out, true
}

// isSecret reports whether a value is not to be shown: what is opaque may be a key, and so may what
// no definition knows.
func isSecret(objects *object.Registry, at lwm2m.Path, v lwm2m.Value) bool {
	if v.Type() == lwm2m.TypeOpaque || at.Object() == lwm2m.ObjectOSCORE {
		return true
	}
	def, ok := objects.Object(at.Object())
	if !ok {
		return true
	}
	r, ok := def.Resource(at.Resource())
	return !ok || r.Secret || at.Object() == lwm2m.ObjectSecurity && at.Resource() >= 3 && at.Resource() <= 5
}

// eachValue calls do with each value and its path.
func eachValue(objects []lwm2m.Object, do func(at lwm2m.Path, v *lwm2m.Value)) {
	for _, o := range objects {
		for i := range o.Instances {
			in := &o.Instances[i]
			for k := range in.Resources {
				r := &in.Resources[k]
				at := lwm2m.InstancePath(o.ID, in.ID).Append(uint16(r.ID))
				if !r.Multiple {
					do(at, &r.Value)
				}
				for n := range r.Instances {
					do(at, &r.Instances[n].Value)
				}
			}
		}
	}
}

func hasSecrets(reg *object.Registry, objects []lwm2m.Object) (any bool) {
	eachValue(objects, func(at lwm2m.Path, v *lwm2m.Value) { any = any || isSecret(reg, at, *v) && v.Type() != lwm2m.TypeNone })
	return any
}

// withoutSecrets blanks values in place. Numbers of unknown Resources become zero.
func withoutSecrets(reg *object.Registry, objects []lwm2m.Object) []lwm2m.Object {
	eachValue(objects, func(at lwm2m.Path, v *lwm2m.Value) {
		if isSecret(reg, at, *v) {
			*v = blankOf(*v)
		}
	})
	return objects
}

// blankOf is a value of the same type and, where it is text or opaque, length.
func blankOf(v lwm2m.Value) lwm2m.Value {
	switch v.Type() {
	case lwm2m.TypeOpaque:
		return lwm2m.OpaqueValue(make([]byte, v.Len()))
	case lwm2m.TypeString:
		return lwm2m.StringValue(strings.Repeat("x", v.Len()))
	case lwm2m.TypeInteger:
		return lwm2m.IntegerValue(0)
	case lwm2m.TypeUnsigned:
		return lwm2m.UnsignedValue(0)
	case lwm2m.TypeFloat:
		return lwm2m.FloatValue(0)
	case lwm2m.TypeBoolean:
		return lwm2m.BooleanValue(false)
	case lwm2m.TypeObjectLink:
		return lwm2m.LinkValue(lwm2m.NullLink)
	case lwm2m.TypeCoreLink:
		return lwm2m.CoreLinkValue(strings.Repeat("x", v.Len()))
	}
	return v
}
