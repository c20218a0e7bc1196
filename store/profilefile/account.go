package profilefile

import (
	"fmt"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

// The lists of an account that hold the Resources without a key.
const (
	securityList = "securityResources"
	serverList   = "serverResources"
)

func (r *reader) account(n node, place string) (a store.Account) {
	a.SecurityResources = make(map[lwm2m.ResourceID]store.Literal)
	a.ServerResources = make(map[lwm2m.ResourceID]store.Literal)
	known := r.fieldsOf(grammar.Account, &a, fields{
		"key":    r.source(&a.Key, grammar.Account, "key", noKeysHere),
		"oscore": func(n node, place string) { a.OSCORE = r.oscore(n, place) },

		"lifetime":            r.orTemplate(a.ServerResources, 1, optional(&a.Lifetime, r.duration)),
		"notificationStoring": r.orTemplate(a.ServerResources, 6, optional(&a.NotificationStoring, r.boolean)),
		securityList: func(n node, place string) {
			r.resources(a.SecurityResources, n, place, r.definition(lwm2m.ObjectSecurity, ""))
		},
		serverList: func(n node, place string) {
			r.resources(a.ServerResources, n, place, r.definition(lwm2m.ObjectServer, ""))
		},
	})
	r.mapping(n, place, known, func(e entry, at string) {
		if keyWords[strings.ToLower(e.Key)] {
			r.fail(e.Line, "%s: %s", at, noKeysHere)
		} else if !r.accountResource(&a, e, place) {
			r.unknown(e, slices.Concat(sortedKeys(known), accountNames()))
		}
	})
	if len(a.SecurityResources) == 0 {
		a.SecurityResources = nil
	}
	if len(a.ServerResources) == 0 {
		a.ServerResources = nil
	}
	return a
}

// orTemplate is a field of Resource 1/x/id. Read reads a value; a template is put among the other
// Resources of the Object, as text that becomes a value when it is filled in.
func (r *reader) orTemplate(into map[lwm2m.ResourceID]store.Literal, id lwm2m.ResourceID, read func(node, string)) func(node, string) {
	return func(n node, place string) {
		if n.Kind != text || !strings.Contains(n.Scalar, "{{") {
			read(n, place)
			return
		}
		account, _, _ := strings.Cut(place, ".")
		r.spots[fmt.Sprintf("%s.%s[%d]", account, serverList, id)] = spot{n.Line, place}
		into[id] = store.Literal{Text: &n.Scalar}
	}
}

// bootstrapServer reads the account that replaces the Bootstrap-Server Account.
func (r *reader) bootstrapServer(n node, place string) *store.BootstrapServer {
	var b store.BootstrapServer
	known := r.fieldsOf(grammar.BootstrapServer, &b, fields{
		"key": r.source(&b.Key, grammar.BootstrapServer, "key", noKeysHere),
	})
	r.keyless(n, place, known)
	return &b
}

// oscore reads the security context of an account.
func (r *reader) oscore(n node, place string) *store.OSCORE {
	var o store.OSCORE
	r.keyless(n, place, r.fieldsOf(grammar.OSCORE, &o, fields{
		"masterSecret": r.source(&o.MasterSecret, grammar.OSCORE, "masterSecret", noMasterSecretsHere),
	}))
	return &o
}

// keyless reads a mapping into which people try to write keys.
func (r *reader) keyless(n node, place string, known fields) {
	r.mapping(n, place, known, func(e entry, at string) {
		if keyWords[strings.ToLower(e.Key)] {
			r.fail(e.Line, "%s: %s", at, noKeysHere)
			return
		}
		r.unknown(e, sortedKeys(known))
	})
}

// noKeysHere explains where keys belong.
const noKeysHere = `a key itself does not belong in a profile; write "key: supplied" and give it to the device with lwbs device set --account-key-file`

// noMasterSecretsHere explains where master secrets belong.
const noMasterSecretsHere = "a master secret itself does not belong in a profile; give it to the device with lwbs device set --account-master-secret-file"

// keyWords are words, in lower case, under which people try to give a key itself.
var keyWords = map[string]bool{"psk": true, "secret": true, "secretkey": true, "privatekey": true, "presharedkey": true}

// source is a field of one of the words for where a secret comes from. A secret itself does not
// belong into a profile: the message does not repeat it, and ends with where it belongs.
func (r *reader) source(into *string, s *grammar.Section, key, where string) func(node, string) {
	k, _ := s.Key(key)
	return func(n node, place string) {
		if !slices.Contains(k.Words, n.Scalar) {
			last := len(k.Words) - 1
			r.fail(n.Line, "%s: want %s or %s: %s", place, strings.Join(k.Words[:last], ", "), k.Words[last], where)
			return
		}
		*into = n.Scalar
	}
}

// owned are the Resources of Objects 0 and 1 that an account has under a key other than their name.
// The empty key stands for those that no account may have.
var owned = map[lwm2m.ObjectID]map[lwm2m.ResourceID]string{
	lwm2m.ObjectSecurity: {0: "uri", 1: "", 2: "security", 4: "serverPublicKey", 5: "key", 10: "shortServerID"},
	lwm2m.ObjectServer:   {0: "shortServerID", 1: "lifetime", 6: "notificationStoring", 7: "binding"},
}

// accountResource reads a key of an account that is the name of a Resource of Object 0 or 1, and
// reports whether it is one.
func (r *reader) accountResource(a *store.Account, e entry, place string) bool {
	id, list, into := lwm2m.ObjectServer, serverList, a.ServerResources
	def, _ := object.Lookup(id)
	d, ok := def.ResourceNamed(e.Key)
	if !ok {
		id, list, into = lwm2m.ObjectSecurity, securityList, a.SecurityResources
		def, _ = object.Lookup(id)
		d, ok = def.ResourceNamed(e.Key)
	}
	written := join(place, e.Key)
	key, taken := owned[id][d.ID]
	switch {
	case !ok:
		return false
	case taken && key == "":
		r.fail(e.Line, "%s: an account is never that of the Bootstrap-Server", written)
	case taken:
		r.fail(e.Line, "%s: write %q for it", written, key)
	case !d.Settable():
		r.fail(e.Line, "%s: %s is not for a Bootstrap-Server to write", written, d.Name)
	default:
		r.resource(into, e, def.ID, d, fmt.Sprintf("%s.%s[%d]", place, list, d.ID), written)
	}
	return true
}
