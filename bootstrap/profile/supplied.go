package profile

import (
	"fmt"
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// suppliedSecrets are the paths of the secret Resources in the Objects of p, whose values
// are in the device records.
func suppliedSecrets(p store.Profile, objects *object.Registry) (out []lwm2m.Path) {
	r := &resolver{objects: objects}
	r.chooseVersions(p.Objects)
	for _, o := range p.Objects {
		if o.Path.Depth() != 2 {
			continue
		}
		def, _ := r.objects.Object(o.Path.Object())
		for _, id := range slices.Sorted(maps.Keys(o.Resources)) {
			if d, _ := def.Resource(id); d.Secret {
				out = append(out, o.Path.Append(uint16(id)))
			}
		}
	}
	return out
}

// secrets are the secret Resources of o, with the values that the device record has, and
// the literals of the others.
func (r *resolver) secrets(o store.ObjectValues, def object.Definition, list string) (out []lwm2m.Resource, others map[lwm2m.ResourceID]store.Literal) {
	others = maps.Clone(o.Resources)
	for _, id := range slices.Sorted(maps.Keys(o.Resources)) {
		d, _ := def.Resource(id)
		if !d.Secret {
			continue
		}
		delete(others, id)
		v, err := r.secret(o.Path.Append(uint16(id)), o.Resources[id], d)
		if err != nil {
			r.fail(fmt.Sprintf("%s[%d]", list, id), "%v", err)
			continue
		}
		out = append(out, lwm2m.Single(id, v))
	}
	return out, others
}

// secret is the value of a secret Resource. Its error never repeats one.
func (r *resolver) secret(path lwm2m.Path, l store.Literal, d object.ResourceDefinition) (lwm2m.Value, error) {
	given := r.device.Secrets[path]
	switch {
	case l.Text == nil || *l.Text != store.KeySupplied:
		return lwm2m.Value{}, fmt.Errorf("%s is a secret: profiles hold none; write supplied, and give it to the device with --secret-file %v=FILE", d.Name, path)
	case given.IsZero():
		return lwm2m.Value{}, fmt.Errorf("%v is to be supplied, and the device has none: --secret-file %v=FILE", path, path)
	case d.Type == lwm2m.TypeString:
		v := lwm2m.StringValue(string(given.Reveal()))
		return v, d.Check(v)
	}
	v := lwm2m.OpaqueValue(given.Reveal())
	return v, d.Check(v)
}

// unusedSecrets warns of secrets of d that p does not ask for.
func unusedSecrets(p store.Profile, d store.Device, objects *object.Registry) (out []Finding) {
	used := suppliedSecrets(p, objects)
	for _, path := range slices.SortedFunc(maps.Keys(d.Secrets), lwm2m.Path.Compare) {
		if !slices.Contains(used, path) {
			out = append(out, Finding{
				Place:   fmt.Sprintf("device.secrets[%v]", path),
				Message: fmt.Sprintf("the profile does not have %v as supplied: the device is not given it", path), Warning: true,
			})
		}
	}
	return out
}

// sampleSecrets has a value for each secret that p wants supplied.
func sampleSecrets(p store.Profile, objects *object.Registry) map[lwm2m.Path]lwm2m.Secret {
	out := make(map[lwm2m.Path]lwm2m.Secret)
	for _, path := range suppliedSecrets(p, objects) {
		out[path] = sampleKey
	}
	return out
}
