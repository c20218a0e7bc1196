package profilefile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
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
	if p.BootstrapServer != nil {
		w.put("bootstrapServer", bootstrapServer(*p.BootstrapServer))
	}
	var rights []any
	for _, a := range p.AccessControl {
		rights = append(rights, accessControl(a))
	}
	w.list("accessControl", rights)
	if p.NoAccessControl && len(rights) == 0 {
		w.put("accessControl", noAccessControl)
	}
	var objects []any
	for _, o := range p.Objects {
		var object writer
		object.text("path", o.Path.String())
		object.text("version", o.Version)
		object.flag("partial", o.Partial)
		object.put("resources", resources(o.Resources))
		objects = append(objects, yaml.MapSlice(object))
	}
	w.list("objects", objects)
	w.deletePolicy(p.Delete)
	w.text("format", p.Format)
	w.text("discoverFailed", p.DiscoverFailed)
	w.number("bootstrapInstance", int(p.BootstrapInstance))
	w.text("verify", p.Verify)
	w.text("pack", p.Pack)
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
		w.put(key, scalar(v))
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

func (w *writer) duration(key string, v *store.Duration) {
	if v != nil {
		w.put(key, time.Duration(*v).String())
	}
}

func (w *writer) algorithm(key string, v *int) {
	if v != nil {
		w.put(key, *v)
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
	if names := a.RenamedFrom; len(names) == 1 && names[0] != "" {
		w.text("renamedFrom", names[0])
	} else if len(names) > 0 {
		var all []any
		for _, n := range names {
			all = append(all, scalar(n))
		}
		w.list("renamedFrom", all)
	}
	w.text("uri", a.URI)
	w.number("shortServerID", int(a.ShortServerID))
	w.text("security", a.Security)
	w.text("identity", a.Identity)
	w.text("key", a.Key)
	w.number("keyLength", a.KeyLength)
	w.text("serverPublicKey", string(a.ServerPublicKey))
	w.duration("lifetime", a.Lifetime)
	w.text("binding", a.Binding)
	if a.OSCORE != nil {
		w.put("oscore", oscore(*a.OSCORE))
	}
	if a.NotificationStoring != nil {
		w.put("notificationStoring", *a.NotificationStoring)
	}
	w.accountResources(securityList, lwm2m.ObjectSecurity, a.SecurityResources)
	w.accountResources(serverList, lwm2m.ObjectServer, a.ServerResources)
	return yaml.MapSlice(w)
}

func oscore(o store.OSCORE) yaml.MapSlice {
	var w writer
	w.text("masterSecret", o.MasterSecret)
	w.number("masterSecretLength", o.MasterSecretLength)
	w.text("senderID", o.SenderID)
	w.text("recipientID", o.RecipientID)
	w.algorithm("aeadAlgorithm", o.AEADAlgorithm)
	w.algorithm("hmacAlgorithm", o.HMACAlgorithm)
	w.text("masterSalt", string(o.MasterSalt))
	w.text("idContext", string(o.IDContext))
	return yaml.MapSlice(w)
}

func bootstrapServer(b store.BootstrapServer) yaml.MapSlice {
	var w writer
	w.text("uri", b.URI)
	w.text("identity", b.Identity)
	w.text("key", b.Key)
	w.number("keyLength", b.KeyLength)
	w.duration("clientHoldOffTime", b.ClientHoldOffTime)
	return yaml.MapSlice(w)
}

// accountResources puts Resources into an account under their names, and those that
// have none there into a list by ID.
func (w *writer) accountResources(list string, o lwm2m.ObjectID, values map[lwm2m.ResourceID]store.Literal) {
	def, _ := object.Lookup(o)
	others := maps.Clone(values)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if d, ok := def.Resource(id); ok && named(o, d) {
			w.put(camelCase(d.Name), value(values[id]))
			delete(others, id)
		}
	}
	if len(others) > 0 {
		w.put(list, resources(others))
	}
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

// resources are the values by Resource ID.
func resources(values map[lwm2m.ResourceID]store.Literal) yaml.MapSlice {
	out := make(yaml.MapSlice, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		out = append(out, yaml.MapItem{Key: strconv.Itoa(int(id)), Value: value(values[id])})
	}
	return out
}

// verbatim is a scalar that is YAML already.
type verbatim string

// MarshalYAML writes the scalar as it is.
func (v verbatim) MarshalYAML() ([]byte, error) { return []byte(v), nil }

// plain is text that cannot be taken for punctuation, nor for a number that begins like
// ".inf".
var plain = regexp.MustCompile(`^[A-Za-z0-9/_][A-Za-z0-9/+_.:@=-]*$`)

// scalar is text, quoted where it needs to be. The YAML library knows which plain words
// do, but for some numbers, and it forgets some white space.
func scalar(text string) any {
	if isNumber(text) || !plain.MatchString(text) {
		return verbatim(strconv.Quote(text))
	}
	return text
}

func value(l store.Literal) any {
	switch {
	case l.Text != nil:
		return scalar(*l.Text)
	case l.Boolean != nil:
		return *l.Boolean
	case l.Number != nil:
		return verbatim(*l.Number)
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
	w.text("writes", d.Writes)
	w.text("order", d.Order)
	w.number("maxPayload", d.MaxPayload)
	w.number("maxAccounts", d.MaxAccounts)
	w.number("maxIdentity", d.MaxIdentity)
	w.number("maxKey", d.MaxKey)
	w.number("maxURI", d.MaxURI)
	if d.AckTimeout != 0 {
		w.duration("ackTimeout", &d.AckTimeout)
	}
	return yaml.MapSlice(w)
}
