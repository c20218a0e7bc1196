package bootstrap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// The words of profiles.
const (
	securityPSK         = "psk"
	securityRPK         = "rpk"
	securityCertificate = "certificate"
	securityNoSec       = "nosec"

	packAllow  = "allow"
	packRefuse = "refuse"

	discoverAssume = "assume"
	discoverFail   = "fail"

	verifyNone   = "none"
	verifyRecord = "record"
	verifyFail   = "fail"

	emptyWrite = "write"
	emptyOmit  = "omit"

	writeInstances = "instance"
	writeObjects   = "object"
	writeResources = "resource"

	orderSecurityFirst = "security-first"
	orderServerFirst   = "server-first"
)

var securityModes = map[string]lwm2m.SecurityMode{
	securityPSK:         lwm2m.SecurityPSK,
	securityRPK:         lwm2m.SecurityRPK,
	securityCertificate: lwm2m.SecurityCertificate,
	securityNoSec:       lwm2m.SecurityNoSec,
}

// Defaults of an account.
const (
	defaultLifetime = 24 * time.Hour
	defaultBinding  = "U"
)

// ruleAccessControl is that several LwM2M Servers need access control (Core 1.1.1 §8).
// To package lwm2m it is a warning, since a client without Object 2 lets all do
// everything; a profile has to say that this is meant.
const ruleAccessControl = "acl-missing"

// Resolve returns the Bootstrap Information of d under p, and everything that is wrong
// with it. The Instance IDs of accounts are their places in the profile: a plan
// assigns the real ones.
//
// Values of the Objects that objects knows are checked against them; nil knows those that
// are built in.
//
// Where the profile replaces the Bootstrap-Server Account, the one returned has a
// made-up key: the real one is made for the device that comes, if at all.
func Resolve(p store.Profile, d store.Device, objects *lwm2m.Registry) (lwm2m.BootstrapInfo, []Finding) {
	own, found := sampleAccount(p, d)
	info, more := resolve(p, d, own, objects)
	return info, append(found, more...)
}

// resolve is Resolve with the Bootstrap-Server Account to be given; nil for none.
func resolve(p store.Profile, d store.Device, own *ownAccount, objects *lwm2m.Registry) (lwm2m.BootstrapInfo, []Finding) {
	r := &resolver{device: d, objects: objects}
	var info lwm2m.BootstrapInfo
	for i, a := range p.Accounts {
		account := r.account(i, a)
		if a.OSCORE != nil {
			info.OSCORE = append(info.OSCORE, r.oscore(i, a, fmt.Sprintf("accounts[%d].oscore", i)))
			account.Security.OSCORESecurityMode = &lwm2m.ObjectLink{Object: lwm2m.ObjectOSCORE, Instance: lwm2m.InstanceID(i)}
		}
		info.Accounts = append(info.Accounts, account)
	}
	if own != nil {
		info.BootstrapServer = own.instance(len(p.Accounts), *p.BootstrapServer)
	}
	for i, a := range p.AccessControl {
		info.AccessControl = append(info.AccessControl, lwm2m.AccessControlInstance{
			ID: lwm2m.InstanceID(i), Object: a.Object, Instance: a.Instance, Rights: maps.Clone(a.Rights), Owner: a.Owner,
		})
	}
	r.choose(p.Objects)
	for i, o := range p.Objects {
		info.Others = r.object(info.Others, i, o)
	}
	mistaken := r.findings // where a value could not be made, nothing follows from there being none
	for _, v := range info.Check(lwm2m.CheckOptions{Now: time.Now(), Objects: r.objects, Existing: keepsAccounts(p.Delete)}) {
		switch f := (Finding{Place: placeOf(v.Path, p), Message: v.Message, Warning: v.Warning}); {
		case slices.ContainsFunc(mistaken, func(m Finding) bool { return m.Place == f.Place }):
		case v.Rule != ruleAccessControl:
			r.findings = append(r.findings, f)
		case !p.NoAccessControl:
			f.Message += "; say what they may do, or accessControl: none for devices that do without"
			f.Warning = false
			r.findings = append(r.findings, f)
		}
	}
	return info, r.findings
}

// keepsAccounts reports whether a device may keep accounts that are not in the profile.
func keepsAccounts(d store.DeletePolicy) bool {
	return d.Mode == store.DeleteNone || d.Mode == store.DeleteList || d.Mode == store.DeleteReplaced
}

// A resolver gathers what is wrong on the way.
type resolver struct {
	device   store.Device
	objects  *lwm2m.Registry
	findings []Finding
}

func (r *resolver) fail(place, format string, args ...any) {
	r.findings = append(r.findings, Finding{Place: place, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) account(i int, a store.Account) lwm2m.ServerAccount {
	place := fmt.Sprintf("accounts[%d]", i)
	name := securityName(a, r.device)
	mode, ok := securityModes[name]
	if !ok {
		r.fail(place+".security", "%q is not psk, rpk, certificate or nosec", name)
	}
	out := lwm2m.ServerAccount{
		Security: lwm2m.SecurityInstance{
			ID: lwm2m.InstanceID(i), ServerURI: r.render(a.URI, place+".uri"), Mode: mode,
			ServerPublicKey: slices.Clone(a.ServerPublicKey), SecretKey: keyToSend(a, r.device), ShortServerID: a.ShortServerID,
		},
		Server: lwm2m.ServerInstance{
			ID: lwm2m.InstanceID(i), ShortServerID: a.ShortServerID,
			Lifetime:            cmp.Or(time.Duration(a.Lifetime), defaultLifetime),
			NotificationStoring: a.NotificationStoring == nil || *a.NotificationStoring,
			Binding:             cmp.Or(a.Binding, defaultBinding),
		},
	}
	if mode == lwm2m.SecurityPSK && ok {
		out.Security.PublicKeyOrIdentity = []byte(r.identity(a, place))
	}
	r.moreSecurity(&out.Security, a.SecurityResources, place+".securityResources")
	r.moreServer(&out.Server, a.ServerResources, place+".serverResources")
	return out
}

// moreSecurity adds the Resources of Object 0 that have no key of their own in an account.
func (r *resolver) moreSecurity(to *lwm2m.SecurityInstance, values map[lwm2m.ResourceID]store.Literal, list string) {
	security, _ := lwm2m.Definition(lwm2m.ObjectSecurity)
	open := maps.Clone(values)
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if d, _ := security.Resource(id); d.Secret {
			r.fail(fmt.Sprintf("%s[%d]", list, id), "%s is a secret: profiles hold none", d.Name)
			delete(open, id)
		}
	}
	for _, res := range r.resources(security, open, list) {
		switch res.ID {
		case 3:
			to.PublicKeyOrIdentity = res.Value.Bytes()
		case 4:
			to.ServerPublicKey = res.Value.Bytes()
		case 0, 1, 2, 10, 11, 12, 17:
			r.fail(fmt.Sprintf("%s[%d]", list, res.ID), "Resource 0/x/%d cannot be set in an account", res.ID)
		default:
			to.Extra = append(to.Extra, res)
		}
	}
}

// moreServer does the same for Object 1.
func (r *resolver) moreServer(to *lwm2m.ServerInstance, values map[lwm2m.ResourceID]store.Literal, list string) {
	server, _ := lwm2m.Definition(lwm2m.ObjectServer)
	for _, res := range r.resources(server, values, list) {
		switch res.ID {
		case 0, 1, 6, 7:
			r.fail(fmt.Sprintf("%s[%d]", list, res.ID), "Resource 1/x/%d has a key of its own in an account", res.ID)
		default:
			to.Extra = append(to.Extra, res)
		}
	}
}

// identity is the PSK identity: of the device record, else of the profile, else the
// endpoint name.
func (r *resolver) identity(a store.Account, place string) string {
	if own := r.device.Accounts[a.Name].Identity; own != "" {
		return own
	}
	if a.Identity != "" {
		return r.render(a.Identity, place+".identity")
	}
	return string(r.device.Endpoint)
}

// render fills in a template; a mistake in it is a finding.
func (r *resolver) render(text, place string) string {
	out, err := render(text, r.device)
	if err != nil {
		r.fail(place, "%v", err)
	}
	return out
}

// maxRendered bounds what a template may grow to, in bytes: more than any Resource
// that has one can hold.
const maxRendered = 1024

func render(text string, d store.Device) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("bad template: %s", strings.TrimPrefix(err.Error(), "template: "))
	}
	vars := d.Vars
	if vars == nil {
		vars = map[string]string{}
	}
	var out strings.Builder
	err = t.Execute(&out, struct {
		Endpoint string
		Vars     map[string]string
	}{string(d.Endpoint), vars})
	switch field, unknown := unknownField(err); {
	case unknown:
		return "", fmt.Errorf("template: there is no .%s, but .Endpoint and .Vars", field)
	case err != nil:
		return "", fmt.Errorf("template: %s: set the variable with --var", strings.TrimPrefix(err.Error(), "template: "))
	case out.Len() > maxRendered:
		return "", fmt.Errorf("template makes %d bytes, at most %d are possible", out.Len(), maxRendered)
	}
	return out.String(), nil
}

// unknownField is the name in a template that err says does not exist. Package template
// has no type for that error, and tells of it in the words of Go.
func unknownField(err error) (name string, unknown bool) {
	if err == nil {
		return "", false
	}
	_, name, unknown = strings.Cut(err.Error(), "can't evaluate field ")
	name, _, _ = strings.Cut(name, " ")
	return name, unknown
}

// securityName is the security mode of an account in the words of profiles.
func securityName(a store.Account, d store.Device) string {
	if a.Security != "" {
		return a.Security
	}
	uri, err := render(a.URI, d)
	if err == nil && (strings.HasPrefix(uri, "coap://") || strings.HasPrefix(uri, "coap+tcp://")) {
		return securityNoSec
	}
	return securityPSK
}

// object adds the Instance of o to others.
func (r *resolver) object(others []lwm2m.Object, i int, o store.ObjectValues) []lwm2m.Object {
	place := fmt.Sprintf("objects[%d]", i)
	if o.Path.Depth() != 2 {
		r.fail(place+".path", "%v is not the path of an Object Instance, such as /3/0", o.Path)
		return others
	}
	def, ok := r.definition(o, place)
	if !ok {
		return others
	}
	secrets, literals := r.secrets(o, def, place+".resources")
	in := lwm2m.Instance{ID: o.Path.Instance(), Resources: append(r.resources(def, literals, place+".resources"), secrets...)}
	slices.SortFunc(in.Resources, func(a, b lwm2m.Resource) int { return cmp.Compare(a.ID, b.ID) })
	at := slices.IndexFunc(others, func(have lwm2m.Object) bool { return have.ID == o.Path.Object() })
	if at < 0 {
		return append(others, lwm2m.Object{ID: o.Path.Object(), Instances: []lwm2m.Instance{in}})
	}
	others[at].Instances = append(others[at].Instances, in)
	return others
}

// choose makes the versions that a profile names those that count.
func (r *resolver) choose(objects []store.ObjectValues) {
	chosen := make(map[lwm2m.ObjectID]lwm2m.Version)
	for i, o := range objects {
		id, place := o.Path.Object(), fmt.Sprintf("objects[%d].version", i)
		if o.Version == "" {
			continue
		}
		v, err := lwm2m.ParseVersion(o.Version)
		if err != nil {
			r.fail(place, "%v", err)
			continue
		}
		with, ok := r.objects.Choose(id, v)
		switch other, twice := chosen[id]; {
		case !ok:
			r.fail(place, "Object %d has no version %v that is known here", id, v)
		case twice && other != v:
			r.fail(place, "Object %d has version %v elsewhere: a device has one", id, other)
		default:
			r.objects, chosen[id] = with, v
		}
	}
}

// definition is what is known of the Object of o, which may be nothing; ok is false where
// the version that o names lacks a Resource.
func (r *resolver) definition(o store.ObjectValues, place string) (def lwm2m.ObjectDefinition, ok bool) {
	def, known := r.objects.Object(o.Path.Object())
	ok = true
	for _, id := range slices.Sorted(maps.Keys(o.Resources)) {
		if _, has := def.Resource(id); known && !has && o.Version != "" {
			r.fail(fmt.Sprintf("%s.resources[%d]", place, id), "%s has no Resource %d in version %v", def.Name, id, def.Version)
			ok = false
		}
	}
	return def, ok
}

// resources turns the literals of a list into Resources, by ID.
func (r *resolver) resources(def lwm2m.ObjectDefinition, values map[lwm2m.ResourceID]store.Literal, list string) []lwm2m.Resource {
	var out []lwm2m.Resource
	for _, id := range slices.Sorted(maps.Keys(values)) {
		d, known := def.Resource(id)
		res, err := literalResource(id, values[id], d, known)
		if err != nil {
			r.fail(fmt.Sprintf("%s[%d]", list, id), "%v", err)
			continue
		}
		out = append(out, res)
	}
	return out
}

func literalResource(id lwm2m.ResourceID, l store.Literal, d lwm2m.ResourceDefinition, known bool) (lwm2m.Resource, error) {
	if l.Instances == nil {
		v, err := valueOf(l, d, known)
		if err == nil && d.Multiple {
			err = fmt.Errorf("%s has instances: give a list", d.Name)
		}
		return lwm2m.Single(id, v), err
	}
	out := lwm2m.Resource{ID: id, Multiple: true}
	for _, at := range slices.Sorted(maps.Keys(l.Instances)) {
		v, err := valueOf(l.Instances[at], d, known)
		if err != nil {
			return out, err
		}
		out.Instances = append(out.Instances, lwm2m.ResourceInstance{ID: at, Value: v})
	}
	return out, nil
}

// valueOf gives a literal the type of its Resource; that of a Resource which is not in
// the tables follows from how it was written.
func valueOf(l store.Literal, d lwm2m.ResourceDefinition, known bool) (lwm2m.Value, error) {
	text := ""
	switch {
	case l.Text != nil:
		text = *l.Text
	case l.Number != nil:
		text = l.Number.String()
	case l.Boolean != nil:
		text = fmt.Sprint(*l.Boolean)
	default:
		return lwm2m.Value{}, fmt.Errorf("want a single value, not a list")
	}
	if known {
		return d.ParseText(text)
	}
	switch {
	case l.Boolean != nil:
		return lwm2m.BooleanValue(*l.Boolean), nil
	case l.Number != nil:
		if i, err := l.Number.Int64(); err == nil {
			return lwm2m.IntegerValue(i), nil
		}
		f, err := l.Number.Float64()
		return lwm2m.FloatValue(f), err
	case strings.HasPrefix(text, "hex:"), strings.HasPrefix(text, "base64:"):
		return lwm2m.ResourceDefinition{Type: lwm2m.TypeOpaque}.ParseText(text)
	}
	return lwm2m.StringValue(text), nil
}
