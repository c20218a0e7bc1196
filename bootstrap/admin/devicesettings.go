package admin

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// apply changes d, and reports whether it made a key for it.
func (set DeviceSettings) apply(d *store.Device) (generated bool, err error) {
	if set.Reset {
		*d = store.Device{Endpoint: d.Endpoint, Revision: d.Revision, Written: d.Written, Holds: d.Holds, Settings: d.Settings} // which the device still has
	}
	assign(&d.Profile, set.Profile)
	assign(&d.Disabled, set.Disabled)
	assign(&d.NoSec, set.NoSec)
	assign(&d.Format, set.Format)
	assign(&d.Note, set.Note)
	assign(&d.Tags, set.Tags)
	d.Tags = set.applyTags(d.Tags)
	if generated, err = set.applyCredentials(d); err != nil {
		return false, err
	}
	d.Accounts = set.applyAccounts(d.Accounts)
	d.Secrets = set.applySecrets(d.Secrets)
	d.Vars = set.applyVars(d.Vars)
	return generated, nil
}

// applyTags returns a copy of have with the tags that are added and without those removed.
func (set DeviceSettings) applyTags(have []string) []string {
	if len(set.AddTags)+len(set.RemoveTags) == 0 {
		return have
	}
	out := slices.DeleteFunc(slices.Clone(have), func(tag string) bool { return slices.Contains(set.RemoveTags, tag) })
	for _, tag := range set.AddTags {
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out
}

// applyVars returns a copy of have with the variables that are set.
func (set DeviceSettings) applyVars(have map[string]string) map[string]string {
	if len(set.Vars) == 0 {
		return have
	}
	out := copied(have)
	for name, value := range set.Vars {
		if out[name] = value; value == "" {
			delete(out, name)
		}
	}
	return out
}

// applySecrets returns a copy of have with the secrets that are set.
func (set DeviceSettings) applySecrets(have map[lwm2m.Path]lwm2m.Secret) map[lwm2m.Path]lwm2m.Secret {
	if len(set.Secrets) == 0 {
		return have
	}
	out := copied(have)
	for path, value := range set.Secrets {
		if out[path] = lwm2m.NewSecret(value); len(value) == 0 {
			delete(out, path)
		}
	}
	return out
}

// copied is a copy of a map, never nil.
func copied[K comparable, V any](m map[K]V) map[K]V {
	out := make(map[K]V, len(m))
	maps.Copy(out, m)
	return out
}

func assign[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
