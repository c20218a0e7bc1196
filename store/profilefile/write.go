package profilefile

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Write returns p as a document that Read turns into p again, but for the revision
// and the times, which are not the owner's.
func Write(p store.Profile) ([]byte, error) {
	var w writer
	w.text("name", p.Name)
	var accounts []any
	for _, a := range p.Accounts {
		accounts = append(accounts, account(a))
	}
	w.list("accounts", accounts)
	var rights []any
	for _, a := range p.AccessControl {
		rights = append(rights, accessControl(a))
	}
	w.list("accessControl", rights)
	var objects []any
	for _, o := range p.Objects {
		def, _ := lwm2m.Definition(o.Path.Object())
		objects = append(objects, yaml.MapSlice{
			{Key: "path", Value: o.Path.String()},
			{Key: "resources", Value: resources(o.Resources, def, false)},
		})
	}
	w.list("objects", objects)
	w.deletePolicy(p.Delete)
	w.text("format", p.Format)
	w.text("discoverFailed", p.DiscoverFailed)
	w.number("bootstrapInstance", int(p.BootstrapInstance))
	w.flag("secretsOverNoSec", p.SecretsOverNoSec)
	if limits := device(p.Device); len(limits) > 0 {
		w.put("device", limits)
	}
	b, err := yaml.MarshalWithOptions(yaml.MapSlice(w), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("write profile %q: %w", p.Name, err)
	}
	return b, nil
}

// A writer gathers the keys of a mapping and leaves out what is zero.
type writer yaml.MapSlice

func (w *writer) put(key string, v any) { *w = append(*w, yaml.MapItem{Key: key, Value: v}) }

func (w *writer) text(key, v string) {
	if v != "" {
		w.put(key, v)
	}
}

func (w *writer) number(key string, v int) {
	if v != 0 {
		w.put(key, v)
	}
}

func (w *writer) flag(key string, v bool) {
	if v {
		w.put(key, v)
	}
}

func (w *writer) list(key string, v []any) {
	if len(v) > 0 {
		w.put(key, v)
	}
}

func (w *writer) duration(key string, v store.Duration) {
	if v != 0 {
		w.put(key, time.Duration(v).String())
	}
}

func (w *writer) deletePolicy(p store.DeletePolicy) {
	if p.Mode != store.DeleteList {
		w.text("delete", p.Mode)
		return
	}
	paths := make([]any, len(p.Paths))
	for i, path := range p.Paths {
		paths[i] = path.String()
	}
	w.put("delete", paths)
}

func account(a store.Account) yaml.MapSlice {
	var w writer
	w.text("name", a.Name)
	w.text("uri", a.URI)
	w.number("shortServerID", int(a.ShortServerID))
	w.text("security", a.Security)
	w.text("identity", a.Identity)
	w.text("key", a.Key)
	w.number("keyLength", a.KeyLength)
	if len(a.ServerPublicKey) > 0 {
		w.put("serverPublicKey", "base64:"+base64.StdEncoding.EncodeToString(a.ServerPublicKey))
	}
	w.duration("lifetime", a.Lifetime)
	w.text("binding", a.Binding)
	if a.NotificationStoring != nil {
		w.put("notificationStoring", *a.NotificationStoring)
	}
	security, _ := lwm2m.Definition(lwm2m.ObjectSecurity)
	server, _ := lwm2m.Definition(lwm2m.ObjectServer)
	w = append(w, resources(a.SecurityResources, security, true)...)
	w = append(w, resources(a.ServerResources, server, true)...)
	return yaml.MapSlice(w)
}

func accessControl(a store.AccessControl) yaml.MapSlice {
	rights := make(yaml.MapSlice, 0, len(a.Rights))
	for _, id := range slices.Sorted(maps.Keys(a.Rights)) {
		rights = append(rights, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: int(a.Rights[id])})
	}
	return yaml.MapSlice{
		{Key: "object", Value: int(a.Object)},
		{Key: "instance", Value: int(a.Instance)},
		{Key: "owner", Value: int(a.Owner)},
		{Key: "rights", Value: rights},
	}
}

// resources are the values by Resource ID, or by name where named is set.
func resources(values map[lwm2m.ResourceID]store.Literal, def lwm2m.ObjectDefinition, named bool) yaml.MapSlice {
	out := make(yaml.MapSlice, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		key := strconv.Itoa(int(id))
		if d, ok := def.Resource(id); ok && named {
			key = d.Name
		}
		out = append(out, yaml.MapItem{Key: key, Value: value(values[id])})
	}
	return out
}

func value(l store.Literal) any {
	switch {
	case l.Text != nil:
		return *l.Text
	case l.Boolean != nil:
		return *l.Boolean
	case l.Number != nil:
		if i, err := strconv.ParseInt(l.Number.String(), 10, 64); err == nil {
			return i
		}
		f, _ := l.Number.Float64()
		return f
	}
	out := make(yaml.MapSlice, 0, len(l.Instances))
	for _, id := range slices.Sorted(maps.Keys(l.Instances)) {
		out = append(out, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: value(l.Instances[id])})
	}
	return out
}

func device(d store.DeviceLimits) yaml.MapSlice {
	var w writer
	w.text("emptyResources", d.EmptyResources)
	w.number("blockSize", d.BlockSize)
	w.number("maxIdentity", d.MaxIdentity)
	w.number("maxKey", d.MaxKey)
	w.number("maxURI", d.MaxURI)
	w.duration("ackTimeout", d.AckTimeout)
	return yaml.MapSlice(w)
}
