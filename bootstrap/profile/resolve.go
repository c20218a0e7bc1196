package profile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/check"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

var securityModes = map[string]lwm2m.SecurityMode{
	grammar.SecurityPSK:         lwm2m.SecurityPSK,
	grammar.SecurityRPK:         lwm2m.SecurityRPK,
	grammar.SecurityCertificate: lwm2m.SecurityCertificate,
	grammar.SecurityNoSec:       lwm2m.SecurityNoSec,
}

// ruleAccessControl is that several LwM2M Servers need access control (Core 1.1.1 §8).
// To package lwm2m/check it is a warning: a client without Object 2 permits everything to all its
// servers. A profile has to say that this is meant.
const ruleAccessControl = "acl-missing"

// ruleMandatory is that an Instance has its mandatory Resources. A check reports a breach; a
// session goes on, as the device may do without.
const ruleMandatory = "mandatory"

// Resolve returns the Bootstrap Information of d under p, and everything that is wrong
// with it. The Instance IDs of accounts are their places in the profile: a plan
// assigns the real ones.
//
// Values of the Objects that objects knows are checked against them; nil knows those that
// are built in.
//
// Where the profile replaces the Bootstrap-Server Account, the one returned has a
// made-up key: the real one is made for the device that comes, if at all.
func Resolve(p store.Profile, d store.Device, objects *object.Registry) (lwm2m.BootstrapInfo, []Finding) {
	own, found := sampleAccount(p, d)
	info, more := resolve(p, d, own, objects)
	return info, append(found, more...)
}

// resolve is Resolve with the Bootstrap-Server Account to be given; nil for none.
func resolve(p store.Profile, d store.Device, own *ownAccount, objects *object.Registry) (lwm2m.BootstrapInfo, []Finding) {
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
		info.BootstrapServer = own.instance(len(p.Accounts), *p.BootstrapServer, d.Endpoint)
	}
	for i, a := range p.AccessControl {
		info.AccessControl = append(info.AccessControl, lwm2m.AccessControlInstance{
			ID: lwm2m.InstanceID(i), Object: a.Object, Instance: a.Instance, Rights: maps.Clone(a.Rights), Owner: a.Owner,
		})
	}
	r.chooseVersions(p.Objects)
	for i, o := range p.Objects {
		info.Others = r.object(info.Others, i, o)
	}
	mistaken := r.findings // no rule is applied where a value could not be made
	for _, v := range check.BootstrapInfo(info, check.Options{Now: time.Now(), Objects: r.objects, Existing: keepsAccounts(p.Delete)}) {
		switch f := (Finding{Place: placeOf(v.Path, p), Message: v.Message, Warning: v.Warning, lenient: v.Rule == ruleMandatory}); {
		case v.Rule == ruleMandatory && isPartial(p, v.Path):
		case v.Rule == ruleMandatory && !v.Warning:
			f.Message += "; if the devices have the Instance and keep what is not named, say partial: true"
			r.findings = append(r.findings, f)
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

// isPartial reports whether p says of an Instance that the client keeps what is not written.
func isPartial(p store.Profile, path lwm2m.Path) bool {
	return slices.ContainsFunc(p.Objects, func(o store.ObjectValues) bool { return o.Partial && o.Path == path })
}

// keepsAccounts reports whether a device may keep accounts that are not in the profile.
func keepsAccounts(d store.DeletePolicy) bool {
	return d.Mode == store.DeleteNone || d.Mode == store.DeleteList || d.Mode == store.DeleteReplaced
}

// A resolver resolves one device under one profile, and gathers the findings.
type resolver struct {
	device   store.Device
	objects  *object.Registry
	findings []Finding
}

func (r *resolver) fail(place, format string, args ...any) {
	r.findings = append(r.findings, Finding{Place: place, Message: fmt.Sprintf(format, args...)})
}

func (r *resolver) warn(place, format string, args ...any) {
	r.findings = append(r.findings, Finding{Place: place, Message: fmt.Sprintf(format, args...), Warning: true})
}

// render fills in a template; a mistake in it is a finding.
func (r *resolver) render(text, place string) (out string, ok bool) {
	out, err := render(text, &r.device)
	if err != nil {
		r.findings = append(r.findings, templateFinding(place, err))
	}
	return out, err == nil
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

// chooseVersions uses the Object versions that a profile names.
func (r *resolver) chooseVersions(objects []store.ObjectValues) {
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

// definition is that of the Object of o, zero where it is unknown; ok is false where the version
// that o names lacks a Resource.
func (r *resolver) definition(o store.ObjectValues, place string) (def object.Definition, ok bool) {
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
