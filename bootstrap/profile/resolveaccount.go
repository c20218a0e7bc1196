package profile

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/grammar"
)

// Defaults of an account.
const (
	defaultLifetime = 24 * time.Hour
	defaultBinding  = "U"
)

func (r *resolver) account(i int, a store.Account) lwm2m.ServerAccount {
	place := fmt.Sprintf("accounts[%d]", i)
	name := securityName(&a, &r.device)
	mode, ok := securityModes[name]
	if !ok {
		r.fail(place+".security", "%q is not psk, rpk, certificate or nosec", name)
	}
	uri, _ := r.render(uriOf(&a), place+".uri")
	binding, _ := r.render(cmp.Or(a.Binding, defaultBinding), place+".binding")
	out := lwm2m.ServerAccount{
		Security: lwm2m.SecurityInstance{
			ID: lwm2m.InstanceID(i), ServerURI: uri, Mode: mode,
			ServerPublicKey: r.octets(a.ServerPublicKey, place+".serverPublicKey"), SecretKey: keyToSend(&a, &r.device), ShortServerID: a.ShortServerID,
		},
		Server: lwm2m.ServerInstance{
			ID: lwm2m.InstanceID(i), ShortServerID: a.ShortServerID,
			Lifetime:            orDefault(a.Lifetime, defaultLifetime),
			NotificationStoring: a.NotificationStoring == nil || *a.NotificationStoring,
			Binding:             binding,
		},
	}
	out.Security.PublicKeyOrIdentity = r.publicKeyOrIdentity(a, mode, place)
	r.extraSecurity(&out.Security, a, place)
	r.extraServer(&out.Server, a, place)
	return out
}

// orDefault is a time span of a profile, and byDefault where it has none. It may be zero.
func orDefault(d *store.Duration, byDefault time.Duration) time.Duration {
	if d == nil {
		return byDefault
	}
	return time.Duration(*d)
}

// publicKeyOrIdentity is Resource 3. A PSK identity is that of the device record, else of the profile, else
// the endpoint name. A certificate or raw public key is that of the record, else of the profile; a raw public
// key may also be the public half of the private key.
func (r *resolver) publicKeyOrIdentity(a store.Account, mode lwm2m.SecurityMode, place string) []byte {
	own := r.device.Accounts[a.Name]
	switch mode {
	case lwm2m.SecurityPSK:
		switch {
		case own.Identity != "":
			return r.identity(own.Identity, place+".identity")
		case a.Identity == "":
			return []byte(r.device.Endpoint)
		}
		text, _ := r.render(a.Identity, place+".identity")
		return r.identity(text, place+".identity")
	case lwm2m.SecurityRPK, lwm2m.SecurityCertificate:
		switch {
		case len(own.Certificate) > 0:
			return slices.Clone(own.Certificate)
		case a.Identity != "":
			return r.octets(store.Octets(a.Identity), place+".identity")
		case !a.SecurityResources[3].Empty():
		case mode == lwm2m.SecurityRPK:
			return publicHalf(own.Key)
		default:
			r.fail(place+".identity", "the certificate of account %q is to be supplied, and the device has none: --account-certificate-file %s=FILE", a.Name, a.Name)
		}
	case lwm2m.SecurityNoSec:
		if a.Identity != "" {
			r.warn(place+".identity", "an account without security has no identity: it is not written")
		}
	}
	return nil
}

// identity is an identity that has been filled in: text, or bytes where it begins with
// "hex:" or "base64:".
func (r *resolver) identity(text, place string) []byte {
	b, err := store.IdentityBytes(text)
	if err != nil {
		r.fail(place, "%v", err)
	}
	return b
}

// octets fills in a template for bytes.
func (r *resolver) octets(o store.Octets, place string) []byte {
	text, ok := r.render(string(o), place)
	if !ok || text == "" {
		return nil
	}
	b, err := lwm2m.ParseOpaque(text)
	if err != nil {
		r.fail(place, "%v", err)
	}
	return b
}

// publicHalf is the SubjectPublicKeyInfo of a private key in PKCS#8; nil where it is none.
func publicHalf(key lwm2m.Secret) []byte {
	parsed, err := x509.ParsePKCS8PrivateKey(key.Reveal())
	signer, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil
	}
	b, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil
	}
	return b
}

// extraSecurity adds the Resources of Object 0 that have no key of their own in an account.
func (r *resolver) extraSecurity(to *lwm2m.SecurityInstance, a store.Account, place string) {
	list := place + ".securityResources"
	security, _ := object.Lookup(lwm2m.ObjectSecurity)
	open := maps.Clone(a.SecurityResources)
	for _, id := range slices.Sorted(maps.Keys(a.SecurityResources)) {
		if d, _ := security.Resource(id); d.Secret {
			r.fail(fmt.Sprintf("%s[%d]", list, id), "%s is a secret: profiles hold none", d.Name)
			delete(open, id)
		}
	}
	for _, res := range r.resources(security, open, list) {
		at := fmt.Sprintf("%s[%d]", list, res.ID)
		switch res.ID {
		case 3:
			own := r.device.Accounts[a.Name]
			if a.Identity != "" {
				r.fail(at, "Resource 0/x/3 is there twice: it is what identity says, too")
			}
			if own.Identity == "" && len(own.Certificate) == 0 {
				to.PublicKeyOrIdentity = res.Value.Bytes()
			}
		case 4:
			if a.ServerPublicKey != "" {
				r.fail(at, "Resource 0/x/4 is there twice: it is what serverPublicKey says, too")
			}
			to.ServerPublicKey = res.Value.Bytes()
		case 0, 1, 2, 10, 11, 12, 17:
			r.fail(at, "Resource 0/x/%d cannot be set in an account", res.ID)
		default:
			to.Extra = append(to.Extra, res)
		}
	}
}

// extraServer does the same for Object 1.
func (r *resolver) extraServer(to *lwm2m.ServerInstance, a store.Account, place string) {
	server, _ := object.Lookup(lwm2m.ObjectServer)
	list := place + ".serverResources"
	twice := map[lwm2m.ResourceID]string{}
	if a.Lifetime != nil {
		twice[1] = "lifetime"
	}
	if a.NotificationStoring != nil {
		twice[6] = "notificationStoring"
	}
	if a.Binding != "" {
		twice[7] = "binding"
	}
	for _, res := range r.resources(server, a.ServerResources, list) {
		at := fmt.Sprintf("%s[%d]", list, res.ID)
		if key, ok := twice[res.ID]; ok {
			r.fail(at, "Resource 1/x/%d is there twice: it is what %s says, too", res.ID, key)
		}
		switch res.ID {
		case 0:
			r.fail(at, "Resource 1/x/0 is what shortServerID says")
		case 1:
			to.Lifetime = seconds(res.Value.Int())
		case 6:
			to.NotificationStoring = res.Value.Bool()
		case 7:
			to.Binding = res.Value.Text()
		default:
			to.Extra = append(to.Extra, res)
		}
	}
}

// seconds is n seconds; a negative time span, which no check accepts, where n is out of range.
func seconds(n int64) time.Duration {
	if n < 0 || n > int64(maxDuration/time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}

const maxDuration time.Duration = 1<<63 - 1

// securityName is the security mode of an account in the words of profiles.
func securityName(a *store.Account, d *store.Device) string {
	if a.Security != "" {
		return a.Security
	}
	uri, err := render(uriOf(a), d)
	if err == nil && (strings.HasPrefix(uri, "coap://") || strings.HasPrefix(uri, "coap+tcp://")) {
		return grammar.SecurityNoSec
	}
	return grammar.SecurityPSK
}
