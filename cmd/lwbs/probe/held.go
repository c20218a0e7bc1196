package probe

import (
	"encoding/hex"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A heldInstance is an Object Instance as a probe shows it.
type heldInstance struct {
	Path   lwm2m.Path  `json:"path"`
	Name   string      `json:"name"`
	Values []heldValue `json:"values"`
}

// A heldValue is the value of a Resource, or of one of its Instances.
type heldValue struct {
	Resource lwm2m.ResourceID `json:"resource"`
	Name     string           `json:"name"`
	Value    string           `json:"value"`
}

// heldIn returns what a device was given; secret values only with reveal.
func heldIn(objects []lwm2m.Object, reveal bool) []heldInstance {
	out := []heldInstance{}
	for _, o := range objects {
		def, _ := object.Lookup(o.ID)
		for _, in := range o.Instances {
			held := heldInstance{Path: lwm2m.InstancePath(o.ID, in.ID), Name: def.Name, Values: []heldValue{}}
			isPSK := false
			if mode, ok := in.Resource(2); ok && o.ID == lwm2m.ObjectSecurity && mode.Value.Type() == lwm2m.TypeInteger {
				isPSK = mode.Value.Int() == int64(lwm2m.SecurityPSK)
			}
			for _, r := range in.Resources {
				rd, _ := def.Resource(r.ID)
				identity := isPSK && r.ID == 3
				show := func(v lwm2m.Value) string { return heldText(v, rd.Secret, identity, reveal) }
				if !r.Multiple {
					held.Values = append(held.Values, heldValue{r.ID, rd.Name, show(r.Value)})
				}
				for _, ri := range r.Instances {
					held.Values = append(held.Values, heldValue{r.ID, fmt.Sprintf("%s, %d", rd.Name, ri.ID), show(ri.Value)})
				}
			}
			out = append(out, held)
		}
	}
	return out
}

// heldText returns a value as text. The identity of a pre-shared key is no secret.
func heldText(v lwm2m.Value, secret, identity, reveal bool) string {
	switch {
	case identity && v.Type() == lwm2m.TypeOpaque:
		return store.IdentityText(v.Bytes())
	case v.Type() == lwm2m.TypeOpaque && reveal:
		return hex.EncodeToString(v.Bytes())
	case v.Type() == lwm2m.TypeOpaque:
		return fmt.Sprintf("[%d bytes]", v.Len())
	case secret && !reveal:
		return fmt.Sprintf("[%d secret characters]", v.Len())
	}
	return v.String()
}
