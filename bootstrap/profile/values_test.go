package profile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
	"lwbs/store/profilefile"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readProfile reads the text of a profile, which is good.
func readProfile(t *testing.T, text string) store.Profile {
	t.Helper()
	docs, err := profilefile.Read("p.yaml", []byte(text), nil)
	check(t, err)
	for _, f := range profile.Check(docs[0].Profile, nil) {
		if !f.Warning {
			t.Errorf("the profile: %v", f)
		}
	}
	return docs[0].Profile
}

// given is what d is given at a path, in TLV and hexadecimal.
func given(t *testing.T, p store.Profile, d store.Device, path string) string {
	t.Helper()
	at, err := lwm2m.ParsePath(path)
	check(t, err)
	info, found := profile.Resolve(p, d, nil)
	for _, f := range found {
		if !f.Warning {
			t.Errorf("the device: %v", f)
		}
	}
	objects, err := info.Objects(true)
	check(t, err)
	for _, o := range objects {
		for _, in := range o.Instances {
			for _, r := range in.Resources {
				if lwm2m.ResourcePath(o.ID, in.ID, r.ID) == at {
					b, err := content.Encode(lwm2m.FormatTLV, at, []lwm2m.Object{{ID: o.ID, Instances: []lwm2m.Instance{{ID: in.ID, Resources: []lwm2m.Resource{r}}}}})
					check(t, err)
					return hex.EncodeToString(b)
				}
			}
		}
	}
	return "nothing"
}

// What stands in a profile is what devices are given, letter by letter and bit by bit. The
// bytes are those of Core 1.1.1 §7.4.3.
func TestValuesReachTheWire(t *testing.T) {
	const head = "name: p\nsecretsOverNoSec: true\n"
	const account = head + "accounts: [{name: a, uri: 'coap://127.0.0.1', shortServerID: 1%s}]\n"
	device := store.Device{Endpoint: "dev-1", Vars: map[string]string{
		"apn": "internet", "n": "42", "hex": "00ff", "lifetime": "300", "binding": "UQ", "yes": "false", "quoted": `"a": {b}`,
	}}
	tests := []struct{ name, profile, path, want string }{
		{"lifetime of zero", fmt.Sprintf(account, ", lifetime: 0"), "/1/0/1", "c10100"},
		{"lifetime of zero seconds", fmt.Sprintf(account, ", lifetime: 0s"), "/1/0/1", "c10100"},
		{"no lifetime", fmt.Sprintf(account, ""), "/1/0/1", "c40100015180"},
		{"hold off time of zero", head + "bootstrapServer: {uri: 'coaps://bs.example', clientHoldOffTime: 0}\naccounts: [{name: a, uri: 'coap://127.0.0.1', shortServerID: 1}]\n", "/0/1/11", "c10b00"},
		{"no hold off time", head + "bootstrapServer: {uri: 'coaps://bs.example'}\naccounts: [{name: a, uri: 'coap://127.0.0.1', shortServerID: 1}]\n", "/0/1/11", "c10b01"},

		{"number with a plus", fmt.Sprintf(account, ", lwm2mServerSMSNumber: +491234567"), "/0/0/9", "c8090a" + hex.EncodeToString([]byte("+491234567"))},
		{"number that begins with a zero", fmt.Sprintf(account, ", sni: 010"), "/0/0/14", "c30e" + hex.EncodeToString([]byte("010"))},
		{"user name of digits", fmt.Sprintf(account, "") + "objects: [{path: /11/0, resources: {Profile Name: 007, User Name: 0123, Authentication Type: 1}}]", "/11/0/5", "c405" + hex.EncodeToString([]byte("0123"))},
		{"name of digits", fmt.Sprintf(account, "") + "objects: [{path: /11/0, resources: {Profile Name: 007, User Name: 0123, Authentication Type: 1}}]", "/11/0/0", "c300" + hex.EncodeToString([]byte("007"))},
		{"unsigned number of 64 bits", fmt.Sprintf(account, "") + "objects: [{path: /33001/0, resources: {1: 18446744073709551615}}]", "/33001/0/1", "c80108ffffffffffffffff"},
		{"float of an unknown Object", fmt.Sprintf(account, "") + "objects: [{path: /33001/0, resources: {1: 0.1}}]", "/33001/0/1", "c801083fb999999999999a"},

		{"template", fmt.Sprintf(account, "") + "objects: [{path: /11/0, resources: {0: x, APN: '{{.Vars.apn}}', 4: 1}}]", "/11/0/1", "c80108" + hex.EncodeToString([]byte("internet"))},
		{"template in a word", fmt.Sprintf(account, "") + "objects: [{path: /11/0, resources: {0: 'of {{.Endpoint}}', 4: 1}}]", "/11/0/0", "c80008" + hex.EncodeToString([]byte("of dev-1"))},
		{"template for a number", fmt.Sprintf(account, ", registrationPriorityOrder: '{{.Vars.n}}'"), "/1/0/13", "c10d2a"},
		{"template in a list", fmt.Sprintf(account, ", dtlsTlsCiphersuite: [1, '{{.Vars.n}}']"), "/0/0/16", "8610410001" + "41012a"},
		{"template for bytes", fmt.Sprintf(account, "") + "objects: [{path: /33001/0, resources: {1: 'hex:{{.Vars.hex}}'}}]", "/33001/0/1", "c20100ff"},
		{"template of another Resource of the account", fmt.Sprintf(account, ", defaultMinimumPeriod: '{{.Vars.n}}'"), "/1/0/2", "c1022a"},
		{"template for the lifetime", fmt.Sprintf(account, ", lifetime: '{{.Vars.lifetime}}'"), "/1/0/1", "c201012c"},
		{"template for the binding", fmt.Sprintf(account, ", binding: '{{.Vars.binding}}'"), "/1/0/7", "c2075551"},
		{"template for the notification storing", fmt.Sprintf(account, ", notificationStoring: '{{.Vars.yes}}'"), "/1/0/6", "c10600"},
		{"template whose value looks like something else", fmt.Sprintf(account, "") + "objects: [{path: /3/0, resources: {15: '{{.Vars.quoted}}'}}]", "/3/0/15", "c80f08" + hex.EncodeToString([]byte(`"a": {b}`))},
		{"braces that are no template", fmt.Sprintf(account, "") + "objects: [{path: /3/0, resources: {15: '{{\"{{\"}}'}}]", "/3/0/15", "c20f7b7b"},
		{"variable that a device may lack", fmt.Sprintf(account, "") + "objects: [{path: /3/0, resources: {15: '{{or (index .Vars \"zone\") \"UTC\"}}'}}]", "/3/0/15", "c30f555443"},

		{"HMAC algorithm that is not named", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, oscore: {senderID: s}}]", "/21/0/4", "nothing"},
		{"AEAD algorithm that is not named", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, oscore: {senderID: s}}]", "/21/0/3", "nothing"},
		{"HMAC algorithm that is named", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, oscore: {senderID: s, hmacAlgorithm: 5}}]", "/21/0/4", "c10405"},
		{"template for a salt", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, oscore: {senderID: s, masterSalt: 'hex:{{.Vars.hex}}'}}]", "/21/0/5", "c20500ff"},

		{"identity of bytes", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, identity: 'hex:00ff'}]", "/0/0/3", "c20300ff"},
		{"identity of bytes in Base64", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, identity: 'base64:AP8='}]", "/0/0/3", "c20300ff"},
		{"identity of bytes of the device", "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, identity: 'hex:{{.Vars.hex}}'}]", "/0/0/3", "c20300ff"},
		{"own identity of the Bootstrap-Server Account", head + "bootstrapServer: {uri: 'coaps://bs.example', identity: 'hex:00ff'}\naccounts: [{name: a, uri: 'coap://127.0.0.1', shortServerID: 1}]\n", "/0/1/3", "c40300ff2d32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := device
			d.Accounts = map[string]store.AccountKeys{"a": {Key: lwm2m.NewSecret(make([]byte, 16)), MasterSecret: lwm2m.NewSecret(make([]byte, 16))}}
			p := readProfile(t, tt.profile)
			if len(p.Accounts[0].URI) > 0 && strings.HasPrefix(p.Accounts[0].URI, "coap:") {
				d.Accounts = nil
			}
			if got := given(t, p, d, tt.path); got != tt.want {
				t.Errorf("%s is %s, want %s", tt.path, got, tt.want)
			}
		})
	}
}

// An identity is bytes in the device record as well, and stands in the place of the profile's.
func TestIdentityOfTheRecord(t *testing.T) {
	p := readProfile(t, "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, identity: other}]")
	d := store.Device{Endpoint: "d", Accounts: map[string]store.AccountKeys{"a": {Identity: "hex:00ff", Key: lwm2m.NewSecret(make([]byte, 16))}}}
	if got := given(t, p, d, "/0/0/3"); got != "c20300ff" {
		t.Errorf("the identity is %s", got)
	}
	d.Accounts["a"] = store.AccountKeys{Identity: "hex:0", Key: lwm2m.NewSecret(make([]byte, 16))}
	if _, found := profile.Resolve(p, d, nil); !slices.ContainsFunc(found, func(f profile.Finding) bool {
		return f.Place == "accounts[0].identity" && strings.Contains(f.Message, "has an odd number of digits, 1")
	}) {
		t.Errorf("half a byte: found %v", found)
	}
}

// A number that no Resource holds is refused, wherever it stands; so is a certificate that
// is in two places.
func TestValuesThatAreRefused(t *testing.T) {
	const head = "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1%s}]\n"
	for _, tt := range []struct{ profile, want string }{
		{fmt.Sprintf(head, "") + "objects: [{path: /6/0, resources: {0: NaN, 1: 1, 5: 1}}]", `objects[0].resources[0]: Latitude: want a number, not "NaN"`},
		{fmt.Sprintf(head, "") + "objects: [{path: /6/0, resources: {0: -Infinity, 1: 1, 5: 1}}]", `objects[0].resources[0]: Latitude: want a number, not "-Infinity"`},
		{fmt.Sprintf(head, "") + "objects: [{path: /6/0, resources: {0: 1e400, 1: 1, 5: 1}}]", "objects[0].resources[0]: Latitude: 1e400 does not fit into a float of 64 bits"},
		{fmt.Sprintf(head, "") + "objects: [{path: /6/0, resources: {0: 52.123456789012345678, 1: 1, 5: 1}}]", "objects[0].resources[0]: Latitude: 52.123456789012345678 has more digits than a float of 64 bits holds"},
		{fmt.Sprintf(head, "") + "objects: [{path: /33001/0, resources: {0: 18446744073709551616}}]", "objects[0].resources[0]: 18446744073709551616 does not fit into 64 bits"},
		{fmt.Sprintf(head, "") + "objects: [{path: /3/0, resources: {9: 9223372036854775808}}]", "objects[0].resources[9]: Battery Level: 9223372036854775808 does not fit into 64 bits"},
		{fmt.Sprintf(head, ", defaultMinimumPeriod: 1e3"), `accounts[0].serverResources[2]: Default Minimum Period: want a whole number, not "1e3"`},
		{fmt.Sprintf(head, ", lifetime: 1500ms"), "accounts[0].lifetime: lifetime 1.5s is not a whole number of seconds"},
		{fmt.Sprintf(head, "") + "bootstrapServer: {uri: 'coaps://b.example', clientHoldOffTime: 1500ms}", "bootstrapServer.clientHoldOffTime: client hold off time 1.5s is not a whole number of seconds"},
		{fmt.Sprintf(head, "") + "bootstrapServer: {uri: 'coaps://b.example', clientHoldOffTime: -1}", "bootstrapServer.clientHoldOffTime: client hold off time -1s is not a whole number of seconds"},
		{fmt.Sprintf(head, ", oscore: {senderID: s, aeadAlgorithm: 0}"), "accounts[0].oscore.aeadAlgorithm: 0 is no AEAD algorithm"},
		{fmt.Sprintf(head, ", oscore: {senderID: s, hmacAlgorithm: 0}"), "accounts[0].oscore.hmacAlgorithm: 0 is no HMAC algorithm"},
		{fmt.Sprintf(head, ", identity: 'hex:0f0'"), "accounts[0].identity: what follows hex: has an odd number of digits, 3"},
		{fmt.Sprintf(head, ", lifetime: 60, serverResources: {1: 61}"), "accounts[0].serverResources[1]: Resource 1/x/1 is there twice"},
		{fmt.Sprintf(head, ", identity: a, securityResources: {3: 'hex:00'}"), "accounts[0].securityResources[3]: Resource 0/x/3 is there twice"},
		{fmt.Sprintf(head, "") + "objects: [{path: /11/0, resources: {APN: internet}}]", "objects[0]: it lacks mandatory Resources of APN Connection Profile: 0 (Profile name), 4 (Authentication Type); if the devices have the Instance and keep what is not named, say partial: true"},
		{fmt.Sprintf(head, "") + "objects: [{path: /3/0, resources: {15: '{{.Vars.zone'}}]", "objects[0].resources[15]: bad template"},
		{fmt.Sprintf(head, "") + "objects: [{path: /3/0, resources: {15: '{{.Zone}}'}}]", "objects[0].resources[15]: template: there is no .Zone, but .Endpoint and .Vars"},
		{"format: senml-json\n" + fmt.Sprintf(head, ", dtlsTlsCiphersuite: []"), "SenML cannot express a multiple-instance Resource without instances"},
	} {
		docs, err := profilefile.Read("p.yaml", []byte(tt.profile), nil)
		if err != nil {
			t.Errorf("%s: %v", tt.profile, err)
			continue
		}
		found := profile.Check(docs[0].Profile, nil)
		if !slices.ContainsFunc(found, func(f profile.Finding) bool { return !f.Warning && strings.Contains(f.String(), tt.want) }) {
			t.Errorf("%s: found %v, want %s", tt.profile, found, tt.want)
		}
	}
}

// What depends on a variable is not held against a profile, as long as there are values
// that would do.
func TestCheckProfileLeavesVariablesOpen(t *testing.T) {
	for _, text := range []string{
		"uri: '{{.Vars.uri}}'", "uri: 'coaps://{{.Vars.host}}:{{.Vars.port}}'", "uri: 'coaps://10.0.0.{{.Vars.n}}'", "uri: 'coaps://[{{.Vars.address}}]'",
		"uri: 'coaps://[2001:db8::{{.Vars.n}}]'", "uri: '{{.Vars.scheme}}://{{.Vars.host}}.example'", "uri: 'coap://{{.Vars.host}}.example'",
		"uri: 'coaps://a.example', identity: 'hex:{{.Vars.id}}'", "uri: 'coaps://a.example', sni: '{{.Vars.sni}}'",
		"uri: 'coaps://a.example', binding: '{{.Vars.binding}}', lifetime: '{{.Vars.lifetime}}'",
		"uri: 'coaps://a.example', security: certificate, key: supplied, matchingType: 1, serverPublicKey: 'hex:{{.Vars.digest}}', securityResources: {3: 'hex:{{.Vars.cert}}'}",
		"uri: 'coaps://a.example', security: certificate, key: supplied, serverPublicKey: 'hex:{{.Vars.server}}', identity: 'base64:{{.Vars.cert}}'",
		"uri: 'coaps://a.example', security: rpk, key: supplied, serverPublicKey: '{{.Vars.server}}'",
		"uri: 'coaps://a.example', security: certificate, key: supplied, serverPublicKey: '{{.Vars.server}}'",
		"uri: 'coaps://a.example', oscore: {senderID: 'hex:{{.Vars.a}}', recipientID: '{{.Vars.b}}', masterSalt: '{{.Vars.c}}'}",
	} {
		docs, err := profilefile.Read("p.yaml", []byte("name: p\naccounts: [{name: a, shortServerID: 1, "+text+"}]\n"), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, f := range profile.Check(docs[0].Profile, nil) {
			if !f.Warning {
				t.Errorf("%s: %v", text, f)
			}
		}
	}
}

// A certificate is that of the device record, else of the profile; a raw public key follows
// from the private one where neither has it.
func TestCertificatesOfTheDevice(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	check(t, err)
	const digest = "serverPublicKey: 'hex:" + "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'"
	with := func(mode, more string) store.Profile {
		return readProfile(t, "name: p\naccounts: [{name: a, uri: 'coaps://a.example', shortServerID: 1, security: "+mode+", key: supplied, matchingType: 1, "+digest+more+"}]")
	}
	publicKey := func(p store.Profile, keys store.AccountKeys) ([]byte, []profile.Finding) {
		keys.Key = lwm2m.NewSecret(private)
		info, found := profile.Resolve(p, store.Device{Endpoint: "d", Vars: map[string]string{"x": "616263"}, Accounts: map[string]store.AccountKeys{"a": keys}}, nil)
		return info.Accounts[0].Security.PublicKeyOrIdentity, found
	}
	for _, tt := range []struct {
		name    string
		profile store.Profile
		keys    store.AccountKeys
		want    string
		told    string
	}{
		{"certificate of the record", with("certificate", ""), store.AccountKeys{Certificate: []byte("der")}, "der", "client certificate is not an X.509 certificate"},
		{"certificate of neither", with("certificate", ""), store.AccountKeys{}, "", "the certificate of account \"a\" is to be supplied, and the device has none: --account-certificate-file a=FILE"},
		{"certificate of the profile", with("certificate", ", securityResources: {3: 'hex:{{.Vars.x}}'}"), store.AccountKeys{}, "abc", "client certificate is not an X.509 certificate"},
		{"certificate of both", with("certificate", ", securityResources: {3: 'hex:{{.Vars.x}}'}"), store.AccountKeys{Certificate: []byte("der")}, "der", ""},
		{"certificate as identity", with("certificate", ", identity: 'hex:{{.Vars.x}}'"), store.AccountKeys{}, "abc", ""},
		{"raw public key of neither", with("rpk", ""), store.AccountKeys{}, string(public), "-"},
		{"raw public key of the record", with("rpk", ""), store.AccountKeys{Certificate: []byte("spki")}, "spki", "public key is not a SubjectPublicKeyInfo"},
	} {
		got, found := publicKey(tt.profile, tt.keys)
		if string(got) != tt.want {
			t.Errorf("%s: Resource 3 is %q, want %q", tt.name, got, tt.want)
		}
		text := fmt.Sprint(found)
		if tt.told == "-" && len(found) > 0 || tt.told != "-" && !strings.Contains(text, tt.told) {
			t.Errorf("%s: found %s, want %s", tt.name, text, tt.told)
		}
	}
}
