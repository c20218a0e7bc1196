package profile

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

// A made-up device stands in for all in the check of a profile: what it lacks no device
// can be blamed for.

var sampleKey = lwm2m.NewSecret(bytes.Repeat([]byte{1}, defaultKeyLength))

// A templated is a place of a profile with the templates that decide what stands there.
type templated struct {
	place string
	texts []string

	// open is set where the value may be anything, so that nothing but the template itself
	// can be checked before there is a device.
	open bool
}

// variables are those of the templates, each once.
func (t templated) variables() (names []string) {
	for _, text := range t.texts {
		for _, name := range variablesOf(text) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// templatesOf are the places of p where a template may stand.
func templatesOf(p store.Profile) (out []templated) {
	add := func(open bool, place string, texts ...string) {
		if slices.ContainsFunc(texts, isTemplate) {
			out = append(out, templated{place, texts, open})
		}
	}
	literals := func(place string, values map[lwm2m.ResourceID]store.Literal) {
		for _, id := range slices.Sorted(maps.Keys(values)) {
			add(true, fmt.Sprintf("%s[%d]", place, id), textsOf(values[id])...)
		}
	}
	if b := p.BootstrapServer; b != nil {
		add(false, "bootstrapServer.uri", b.URI)
		add(false, "bootstrapServer.identity", b.Identity)
	}
	for i, a := range p.Accounts {
		place := fmt.Sprintf("accounts[%d]", i)
		add(false, place+".uri", a.URI)
		add(isKeyPair(a.Security), place+".identity", a.Identity)
		add(true, place+".binding", a.Binding)
		add(true, place+".serverPublicKey", string(a.ServerPublicKey))
		literals(place+".securityResources", a.SecurityResources)
		literals(place+".serverResources", a.ServerResources)
		if o := a.OSCORE; o != nil {
			add(false, place+".oscore.senderID", o.SenderID, o.RecipientID)
			add(false, place+".oscore.recipientID", o.SenderID, o.RecipientID)
			add(true, place+".oscore.masterSalt", string(o.MasterSalt))
			add(true, place+".oscore.idContext", string(o.IDContext))
		}
	}
	for i, o := range p.Objects {
		literals(fmt.Sprintf("objects[%d].resources", i), o.Resources)
	}
	return out
}

// textsOf are the texts in a literal.
func textsOf(l store.Literal) (out []string) {
	if l.Text != nil {
		out = append(out, *l.Text)
	}
	for _, at := range slices.Sorted(maps.Keys(l.Instances)) {
		out = append(out, textsOf(l.Instances[at])...)
	}
	return out
}

// SampleDevice is a device with a value for each variable, key and secret that p asks for.
func SampleDevice(p store.Profile, objects *object.Registry) store.Device {
	d := store.Device{Endpoint: "sample", Profile: p.Name, Vars: make(map[string]string), Secrets: sampleSecrets(p, objects)}
	for _, t := range templatesOf(p) {
		for _, name := range t.variables() {
			if _, ok := d.Vars[name]; !ok {
				d.Vars[name] = sampleValues[0](len(d.Vars))
			}
		}
	}
	for i, a := range p.Accounts {
		key := lwm2m.NewSecret(bytes.Repeat([]byte{1}, sampleKeyLength(keySource(&a, &d), a.KeyLength, p.Device)))
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { k.Key, k.Pending = key, key })
		if a.OSCORE != nil {
			d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { k.MasterSecret = sampleSecret(i) })
		}
	}
	return d
}

// sampleKeyLength is how many bytes a key has that a device may have: as many as are generated, or,
// where it comes from the device record, as many as this kind of device holds.
func sampleKeyLength(source string, length int, limits store.DeviceLimits) int {
	if length == 0 {
		length = defaultKeyLength
	}
	if source == store.KeySupplied && limits.MaxKey > 0 {
		length = min(length, limits.MaxKey)
	}
	return length
}

// sampleValues make values for the i-th variable of a place, one function for each kind of value.
// No two of a kind are the same, as some identifiers have to differ. The first kind is a digit,
// which most places accept.
var sampleValues = []func(i int) string{
	func(i int) string { return strconv.Itoa(1 + i%9) },
	func(i int) string { return fmt.Sprintf("%02x", 16+i%200) },
	func(i int) string { return fmt.Sprintf("name%d", i) },
	func(i int) string { return fmt.Sprintf("2001:db8::%x", i) },
	func(i int) string { return fmt.Sprintf("hex:%02x", i%256) },
	func(i int) string { return fmt.Sprintf("coaps://name%d.example", i) },
	func(i int) string { return fmt.Sprintf("coap://name%d.example", i) },
	func(int) string { return "coaps" },
	func(int) string { return "coap" },
}

// maxSampled is for how many variables of one place all kinds of values are tried.
const maxSampled = 3

// aboutSampleValues reports whether a finding about the sample device d is about the values of its
// variables only, so that a device with others may be given p.
func aboutSampleValues(f Finding, templates []templated, p store.Profile, d store.Device, objects *object.Registry) bool {
	at := slices.IndexFunc(templates, func(t templated) bool { return t.place == f.Place })
	return at >= 0 && !f.template && someValuesFit(p, d, templates[at], objects)
}

// someValuesFit reports whether there are values for the variables of t with which nothing is
// wrong at its place, or too many variables to tell.
func someValuesFit(p store.Profile, d store.Device, t templated, objects *object.Registry) bool {
	names := t.variables()
	if t.open || len(names) > maxSampled {
		return len(names) > 0
	}
	kinds := make([]int, len(names))
	for {
		trial := d
		trial.Vars = maps.Clone(d.Vars)
		for i, name := range names {
			trial.Vars[name] = sampleValues[kinds[i]](i)
		}
		_, found := Resolve(p, trial, objects)
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Place == t.place && !f.Warning }) {
			return true
		}
		i := 0
		for ; i < len(kinds); i++ {
			if kinds[i]++; kinds[i] < len(sampleValues) {
				break
			}
			kinds[i] = 0
		}
		if i == len(kinds) {
			return false
		}
	}
}

// sampleSecret is a master secret for the account at a place of a profile. No two are
// the same: contexts must not be.
func sampleSecret(i int) lwm2m.Secret { return lwm2m.NewSecret(fmt.Appendf(nil, "sample %d", i)) }

// isKeyPair reports whether a security mode has a certificate or a raw public key.
func isKeyPair(mode string) bool {
	return mode == grammar.SecurityRPK || mode == grammar.SecurityCertificate
}

// aboutDeviceKeys reports whether a finding is about the made-up key, or the missing certificate,
// of an account whose real ones are in the device records.
func aboutDeviceKeys(f Finding, p store.Profile) bool {
	for i, a := range p.Accounts {
		if !isKeyPair(a.Security) || f.template {
			continue
		}
		switch place := fmt.Sprintf("accounts[%d]", i); f.Place {
		case place + ".key":
			return strings.Contains(f.Message, "private key")
		case place + ".identity":
			return a.Identity == ""
		}
	}
	return false
}
