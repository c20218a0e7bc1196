package profilefile_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/profilefile"
)

const meter = `name: meter
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
    security: psk
    identity: "{{.Endpoint}}"
    key: generate
    lifetime: 24h
    binding: U
    defaultMinimumPeriod: 10
    SNI: example.com
    dtlsTlsCiphersuite: [49320, 0xAE]
accessControl:
  - {object: 3, instance: 0, owner: 101, rights: {0: 1, 101: 31}}
objects:
  - path: /3/0
    resources: {14: "+02:00", Timezone: Europe/Berlin}
delete: discovered
format: auto
device:
  emptyResources: write
  blockSize: 512
  ackTimeout: 4s
`

// Editors on Windows put a byte order mark first (YAML 1.2.2 §5.2).
func TestReadByteOrderMark(t *testing.T) {
	docs, err := profilefile.Read("meter.yaml", []byte("\ufeff"+meter), nil)
	if err != nil || len(docs) != 1 || docs[0].Profile.Name != "meter" {
		t.Errorf("Read = %d documents, %v", len(docs), err)
	}
}

func TestReadMeter(t *testing.T) {
	docs, err := profilefile.Read("meter.yaml", []byte(meter), nil)
	if err != nil || len(docs) != 1 {
		t.Fatalf("Read = %d documents, %v", len(docs), err)
	}
	p := docs[0].Profile
	a := p.Accounts[0]
	if p.Name != "meter" || a.ShortServerID != 101 || a.Key != store.KeyGenerate || a.Identity != "{{.Endpoint}}" {
		t.Errorf("profile %+v", p)
	}
	if got := a.ServerResources[2].Number.String(); got != "10" {
		t.Errorf("default minimum period = %s", got)
	}
	suites := a.SecurityResources[16].Instances
	if suites[0].Number.String() != "49320" || suites[1].Number.String() != "174" {
		t.Errorf("ciphersuites = %+v", suites)
	}
	if *p.Objects[0].Resources[15].Text != "Europe/Berlin" || p.Objects[0].Path != lwm2m.InstancePath(3, 0) {
		t.Errorf("objects = %+v", p.Objects)
	}
	if p.AccessControl[0].Rights[101] != 31 {
		t.Errorf("access control = %+v", p.AccessControl)
	}
}

// noKeysHere is said of a key itself.
const noKeysHere = `a key itself does not belong in a profile; write "key: supplied" and give it to the device with lwbs device set --account-key-file`

func deepLines() string {
	var out strings.Builder
	for i := range 40 {
		out.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return out.String()
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"mistyped key", "name: m\nacounts: []\n", `p.yaml:2: unknown key "acounts": did you mean "accounts"?`},
		{"unknown key", "name: m\ncolour: red\n", `p.yaml:2: unknown key "colour"`},
		{"wrong type", "name: m\naccounts: 7\n", "p.yaml:2: accounts: want a list, not a number"},
		{"out of range", "name: m\naccounts:\n  - shortServerID: 65535\n", "p.yaml:3: accounts[0].shortServerID: 65535 is not a whole number of 1 to 65534"},
		{"twice", "name: m\nname: n\n", `p.yaml:2: `},
		{"key in a profile", "name: m\naccounts:\n  - key: 00112233445566778899aabbccddeeff\n", "p.yaml:3: accounts[0].key: want generate, renew or supplied: " + noKeysHere},
		{"key under a word of its own", "name: m\naccounts:\n  - secretKey: 00112233\n", "p.yaml:3: accounts[0].secretKey: " + noKeysHere},
		{"master secret in a profile", "name: m\naccounts:\n  - oscore: {masterSecret: 00112233}\n", "p.yaml:3: accounts[0].oscore.masterSecret: want generate or supplied: a master secret itself does not belong in a profile; give it to the device with lwbs device set --account-master-secret-file"},
		{"key of the Bootstrap-Server Account", "name: m\nbootstrapServer:\n  psk: 00112233\n", "p.yaml:3: bootstrapServer.psk: " + noKeysHere},
		{"secret Resource of an account", "name: m\naccounts:\n  - smsBindingSecretKeyS: 00112233\n", "p.yaml:3: accounts[0].smsBindingSecretKeyS: SMS Binding Secret Key(s) is a secret: profiles hold none"},
		{"secret Resource by ID", "name: m\naccounts:\n  - securityResources: {5: 00112233}\n", "p.yaml:3: accounts[0].securityResources.5: Secret Key is a secret: profiles hold none"},
		{"secret Resource of an Object", "name: m\nobjects:\n  - path: /21/0\n    resources:\n      OSCORE Master Secret: 00112233\n", "p.yaml:5: objects[0].resources.OSCORE Master Secret: OSCORE Master Secret is a secret: profiles hold none"},
		{"supplied in Object 21", "name: m\nobjects:\n  - path: /21/0\n    resources: {0: supplied}\n", "p.yaml:4: objects[0].resources.0: OSCORE Master Secret is a secret: profiles hold none"},
		{"secret of an APN", "name: m\nobjects:\n  - path: /11/0\n    resources: {6: hunter2}\n", "p.yaml:4: objects[0].resources.6: Secret is a secret: profiles hold none; write supplied, and give it to the device with lwbs device set --secret-file"},
		{"list of secrets", "name: m\nobjects:\n  - path: /24/0\n    resources: {8: [supplied]}\n", "p.yaml:4: objects[0].resources.8: Password is a secret: profiles hold none; write supplied, and give it to the device with lwbs device set --secret-file"},
		{"mistyped Resource of an account", "name: m\naccounts:\n  - defaultMinPeriod: 1\n    defaultMinimunPeriod: 1\n", "p.yaml:3: unknown key \"defaultMinPeriod\"\np.yaml:4: unknown key \"defaultMinimunPeriod\": did you mean \"defaultMinimumPeriod\"?"},
		{"mistyped Resource of an Object", "name: m\nobjects:\n  - path: /3/0\n    resources: {Timezon: x}\n", `p.yaml:4: objects[0].resources: "Timezon" is neither a Resource ID nor the name of one: did you mean "timezone"?`},
		{"Resource of another Object", "name: m\nobjects:\n  - path: /3/0\n    resources: {Lifetime: 1}\n", `p.yaml:4: objects[0].resources: "Lifetime" is neither a Resource ID nor the name of one`},
		{"Resource of an unknown Object by name", "name: m\nobjects:\n  - path: /33001/0\n    resources: {opening: 1}\n", `p.yaml:4: objects[0].resources: "opening" is no Resource ID, and names of Object 33001 are not known: add its definition (--objects FOLDER)`},
		{"version that is none", "name: m\nobjects:\n  - path: /3/0\n    version: newest\n    resources: {15: a}\n", `p.yaml:4: objects[0].version: want a version such as 1.1, not "newest"`},
		{"Resource twice", "name: m\nobjects:\n  - path: /3/0\n    resources:\n      15: a\n      Timezone: b\n", `p.yaml:6: objects[0].resources.Timezone: Timezone is there twice`},
		{"unknown Resource twice", "name: m\nobjects:\n  - path: /9999/0\n    resources:\n      15: a\n      015: b\n", `p.yaml:6: objects[0].resources.015: Resource 15 is there twice`},
		{"Resource of an account twice", "name: m\naccounts:\n  - sni: a\n    SNI: b\n", `p.yaml:4: accounts[0].SNI: SNI is there twice`},
		{"Resource under another key", "name: m\naccounts:\n  - Security Mode: 3\n", `p.yaml:3: accounts[0].Security Mode: write "security" for it`},
		{"Bootstrap-Server Account", "name: m\naccounts:\n  - bootstrapServer: true\n", `p.yaml:3: accounts[0].bootstrapServer: an account is never that of the Bootstrap-Server`},
		{"maintained by the client", "name: m\naccounts:\n  - TLS-DTLS Alert Code: 3\n", "p.yaml:3: accounts[0].TLS-DTLS Alert Code: TLS-DTLS Alert Code is not for a Bootstrap-Server to write"},
		{"key that is no word", "name: m\n\"a\\nb\": 1\n", `p.yaml:2: unknown key "a\nb"`},
		{"value that is none", "name: m\naccounts:\n  - \"s\\nni\": ~\n", `p.yaml:3: accounts[0]."s\nni": want a value, not nothing: quote it ("~") if it is text`},
		{"value that is not there", "name: m\naccounts:\n  - sni:\n", "p.yaml:3: accounts[0].sni: want a value, not nothing"},
		{"text that is true", "name: true\n", `p.yaml:1: name: want text, not true or false: quote it ("true") if it is text`},
		{"text that is null", "name: m\naccounts:\n  - identity: null\n", `p.yaml:3: accounts[0].identity: want text, not nothing: quote it ("null") if it is text`},
		{"empty identity", "name: m\naccounts:\n  - identity: ''\n", "p.yaml:3: accounts[0].identity is empty: leave it out for the endpoint name"},
		{"empty binding", "name: m\naccounts:\n  - binding: ''\n", "p.yaml:3: accounts[0].binding is empty: leave it out for U"},
		{"bytes of which there are none", "name: m\naccounts:\n  - serverPublicKey: 'hex:'\n", "p.yaml:3: accounts[0].serverPublicKey: there are no bytes in it: leave it out"},
		{"salt of half a byte", "name: m\naccounts:\n  - oscore: {masterSalt: 'hex:012'}\n", "p.yaml:3: accounts[0].oscore.masterSalt: what follows hex: has an odd number of digits, 3"},
		{"ACK timeout of zero", "name: m\ndevice: {ackTimeout: 0}\n", "p.yaml:2: device.ackTimeout: want more than 0: leave it out for 2s"},
		{"number that begins with a zero", "name: m\naccounts:\n  - shortServerID: 0101\n", `p.yaml:3: accounts[0].shortServerID: 0101 begins with a zero, which YAML 1.1 reads as octal: write the number without it, or quote it ("0101") if it is text`},
		{"lifetime that begins with a zero", "name: m\naccounts:\n  - lifetime: 0300\n", `p.yaml:3: accounts[0].lifetime: 0300 begins with a zero, which YAML 1.1 reads as octal: write the number without it, or quote it ("0300") if it is text`},
		{"rights that begin with a zero", "name: m\naccessControl:\n  - rights: {0101: 1}\n", `p.yaml:3: accessControl[0].rights.0101: 0101 begins with a zero, which YAML 1.1 reads as octal: write the number without it, or quote it ("0101") if it is text`},
		{"value that begins with a zero", "name: m\nobjects:\n  - path: /3/0\n    resources: {9: 010}\n", `p.yaml:4: objects[0].resources.9: 010 begins with a zero, which YAML 1.1 reads as octal: write the number without it, or quote it ("010") if it is text`},
		{"infinity", "name: m\nobjects:\n  - path: /6/0\n    resources: {0: .inf}\n", `p.yaml:4: objects[0].resources.0: .inf is not a number that this file can have: quote it (".inf") if it is text`},
		{"no number", "name: m\nobjects:\n  - path: /6/0\n    resources: {0: .nan}\n", `p.yaml:4: objects[0].resources.0: .nan is not a number that this file can have: quote it (".nan") if it is text`},
		{"number of an unknown Object", "name: m\nobjects:\n  - path: /33001/0\n    resources: {1: 0x1F}\n", `p.yaml:4: objects[0].resources.1: the type of this Resource is not known here: write 31, or quote it ("0x1F") if it is text`},
		{"Resource Instance twice", "name: m\nobjects:\n  - path: /3/0\n    resources: {11: {1: 0, 01: 0}}\n", "p.yaml:4: objects[0].resources.11: Resource Instance 1 is there twice"},
		{"template without quotes", "name: m\naccounts:\n  - uri: {{.Vars.uri}}\n", "p.yaml:3: could not find flow map content: a template needs quotes, such as \"{{.Endpoint}}\""},
		{"list in a list", "name: m\naccounts:\n  - sni: [[1]]\n", `p.yaml:3: accounts[0].sni: want single values by Resource Instance ID, not "0"`},
		{"no path", "name: m\nobjects:\n  - resources: {1: 1}\n", "p.yaml:3: objects[0]: path is missing"},
		{"no resources", "name: m\nobjects:\n  - path: /3/0\n", "p.yaml:3: objects[0]: resources are missing"},
		{"bytes without a form", "name: m\naccounts:\n  - serverPublicKey: x00ff\n", "p.yaml:3: accounts[0].serverPublicKey: bytes are written as hex:… or base64:…"},
		{"right that is no number", "name: m\naccessControl:\n  - rights: {x: 1}\n", "p.yaml:3: accessControl[0].rights.x: x is not a whole number of 0 to 65534"},
		{"empty name", "name: \"\"\n", "p.yaml:1: name is empty"},
		{"too deep", strings.Repeat("[", 1<<19), "p.yaml:1: values are nested too deeply"},
		{"too deep without brackets", "name: m\n" + strings.Repeat("- ", 1<<18), "p.yaml:2: values are nested too deeply"},
		{"too deep in lines", "a:\n" + deepLines(), "p.yaml:17: values are nested too deeply"},
		{"too much", strings.Repeat("- a\n", 1<<17), "p.yaml:25001: the file is too large: split it"},
		{"too long", strings.Repeat("#", 1<<20+1), "p.yaml:1: the file has more than 1048576 bytes"},
		{"not writable", "name: m\naccounts:\n  - lastBootstrapped: 7\n", "p.yaml:3: accounts[0].lastBootstrapped: Last Bootstrapped is not for a Bootstrap-Server to write"},
		{"no instance", "name: m\nobjects:\n  - path: /3\n", "p.yaml:3: objects[0].path: want the path of an Object Instance, such as /3/0"},
		{"bad path", "name: m\ndelete: [1/2]\n", `p.yaml:2: delete[0]: "1/2": not an LwM2M path: it must begin with a slash`},
		{"anchor", "name: &a m\n", "p.yaml:1: anchors, aliases and tags are not supported: write the value itself"},
		{"empty", "", "p.yaml:1: there is no profile in it"},
		{"no name", "format: tlv\n", "p.yaml:1: name is missing"},
		{"bad duration", "name: m\naccounts:\n  - lifetime: soon\n", `p.yaml:3: accounts[0].lifetime: "soon" is not a duration such as 24h, 90s, 365d or a number of seconds`},
		{"second of the name", "name: m\n---\nname: m\n", `p.yaml:3: name: a second profile with the name "m"`},
		{"not YAML", "name: [\n", "p.yaml:1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := profilefile.Read("p.yaml", []byte(tt.in), nil)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			exact := !strings.HasSuffix(tt.want, ": ")
			if exact && got != tt.want || !strings.HasPrefix(got, tt.want) {
				t.Errorf("error %q, want %q", got, tt.want)
			}
			if strings.Contains(got, "00112233") || strings.Count(got, "\n") != strings.Count(tt.want, "\n") {
				t.Errorf("error %q has a key in it or too many lines", got)
			}
		})
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	_, err := profilefile.Read("p.yaml", []byte("name: m\ncolour: red\naccounts:\n  - lifetime: soon\n    uri: [1]\n"), nil)
	if n := strings.Count(err.Error(), "p.yaml:"); n != 3 {
		t.Errorf("%d problems reported, want 3:\n%v", n, err)
	}
}

func TestPlaceOfAFinding(t *testing.T) {
	docs, err := profilefile.Read("meter.yaml", []byte(meter), nil)
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]string{
		"accounts[0].uri":                   "meter.yaml:4: accounts[0].uri: x",
		"accounts[0].security":              "meter.yaml:6: accounts[0].security: x",
		"accounts[0].serverPublicKey":       "meter.yaml:3: accounts[0].serverPublicKey: x",
		"accounts[0].serverResources[2]":    "meter.yaml:11: accounts[0].defaultMinimumPeriod: x",
		"accounts[0].securityResources[16]": "meter.yaml:13: accounts[0].dtlsTlsCiphersuite: x",
		"objects[0].resources[14]":          "meter.yaml:18: objects[0].resources.14: x",
		"objects[0].resources[15]":          "meter.yaml:18: objects[0].resources.Timezone: x",
		"objects[7].resources[14]":          "meter.yaml:16: objects[7].resources[14]: x",
		"nowhere":                           "meter.yaml:1: nowhere: x",
		"":                                  "meter.yaml:1: x",
		"accessControl[0].rights.101":       "meter.yaml:15: accessControl[0].rights.101: x",
	} {
		if got := docs[0].Problem(place, "x").Error(); got != want {
			t.Errorf("%s is %q, want %q", place, got, want)
		}
	}
}

// Every Resource that an account may have is read again under the name, or in the list,
// that Write puts it into.
func TestResourcesOfAnAccount(t *testing.T) {
	names := 0
	for _, id := range []lwm2m.ObjectID{lwm2m.ObjectSecurity, lwm2m.ObjectServer} {
		def, _ := object.Lookup(id)
		vendors := object.ResourceDefinition{ID: 26000}
		for _, d := range append(slices.Clone(def.Resources), vendors) {
			if d.Secret {
				continue
			}
			one := json.Number("1")
			values := map[lwm2m.ResourceID]store.Literal{d.ID: {Number: &one}}
			p := store.Profile{Name: "m", Accounts: []store.Account{{Name: "a", SecurityResources: values}}}
			if id == lwm2m.ObjectServer {
				p.Accounts = []store.Account{{Name: "a", ServerResources: values}}
			}
			if out := checkWriting(t, p); !strings.Contains(out, "Resources:") {
				names++
			}
		}
	}
	if names < 30 {
		t.Errorf("%d Resources have a name, want 30 at least", names)
	}
}

// A Resource has the name that it has in the version which the profile names.
func TestNamesOfVersions(t *testing.T) {
	objects := (*object.Registry)(nil).With(
		object.Definition{ID: 33001, Version: lwm2m.Version10, Resources: []object.ResourceDefinition{{ID: 1, Name: "Opening", Type: lwm2m.TypeInteger}}},
		object.Definition{ID: 33001, Version: lwm2m.Version11, Resources: []object.ResourceDefinition{{ID: 2, Name: "Opening", Type: lwm2m.TypeInteger}}},
	)
	for version, want := range map[string]lwm2m.ResourceID{"": 2, "version: 1.0\n": 1, "version: '1.1'\n": 2, "version: 1.10\n": 2} {
		docs, err := profilefile.Read("p.yaml", []byte("name: m\nobjects:\n- path: /33001/0\n  resources: {opening: 40}\n  "+version), objects)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		o := docs[0].Profile.Objects[0]
		if _, ok := o.Resources[want]; !ok || len(o.Resources) != 1 {
			t.Errorf("%s: Resources %v, want %d", version, o.Resources, want)
		}
		if version != "" && o.Version != strings.Trim(version[len("version: "):], "'\n") {
			t.Errorf("%s is version %q", version, o.Version)
		}
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	for in, want := range map[string]string{
		"1.50": "1.50", "1e3": "1e3", "-0.0": "-0.0", "12345678901234567890": "12345678901234567890",
		"0x1F": "31", "0o17": "15", "0b11": "3", "1_000": "1000", "+5": "5", ".5": "0.5", "1.": "1",
	} {
		text := "name: m\nobjects:\n  - path: /3/0\n    resources: {9: " + in + "}\n"
		docs, err := profilefile.Read("p.yaml", []byte(text), nil)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := docs[0].Profile.Objects[0].Resources[9]
		if got.Number == nil || got.Number.String() != want {
			t.Errorf("%s is read as %+v, want the number %s", in, got, want)
		}
		checkRoundTrip(t, text)
	}
}

// Text that looks like something else stays text.
func TestTextStaysText(t *testing.T) {
	for _, text := range []string{
		"1e3", "12", "true", "null", "~", "- a", "a: b", "a\nb", " a ", "", "1.5", "0x10", "#a", "'a'", `"a"`, "yes", "[a]",
		"\t", "é", "\u2028", "\u0007", "12345678901234567890123", "---", "...", "&a", "*a", "!a", "%a", "a:", ".inf", "-.Inf", "+.inf", ".nan", "2026-01-01", "a #b",
	} {
		checkWriting(t, store.Profile{Name: "m", Objects: []store.ObjectValues{{
			Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: {Text: &text}},
		}}})
	}
}

func TestSeveralDocuments(t *testing.T) {
	docs, err := profilefile.Read("p.yaml", []byte("name: a\n---\nname: b\naccounts: [{uri: x}]\n"), nil)
	if err != nil || len(docs) != 2 || docs[1].Profile.Name != "b" {
		t.Fatalf("Read = %+v, %v", docs, err)
	}
	if got := docs[1].Problem("accounts[0].uri", "x").Line; got != 4 {
		t.Errorf("a place of the second is on line %d, want 4", got)
	}
}

// everyChoice has the keys that are not in meter, none with its default.
const everyChoice = `name: choices
accounts:
  - name: a
    oscore:
      masterSecret: supplied
      masterSecretLength: 32
      senderID: "hex:{{.Vars.id}}"
      recipientID: s
      aeadAlgorithm: 12
      hmacAlgorithm: -10
      masterSalt: hex:9e7ca92223786340
      idContext: base64:AQI=
accessControl: none
bootstrapServer:
  uri: coaps://bs.example.com:5684
  identity: "bs-{{.Endpoint}}"
  key: renew
  keyLength: 32
  clientHoldOffTime: 10s
verify: fail
pack: allow
discoverFailed: fail
bootstrapInstance: 3
secretsOverNoSec: true
device:
  emptyResources: omit
  writes: resource
  order: server-first
  maxPayload: 256
  maxAccounts: 1
  maxIdentity: 32
  maxKey: 16
  maxURI: 64
`

func TestWriteIsReadAgain(t *testing.T) {
	checkRoundTrip(t, meter)
	checkRoundTrip(t, everyChoice)
}

func checkRoundTrip(t *testing.T, in string) {
	t.Helper()
	docs, err := profilefile.Read("in.yaml", []byte(in), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		checkWriting(t, d.Profile)
	}
}

// checkWriting returns what is written of p, which is read again as p.
func checkWriting(t *testing.T, p store.Profile) string {
	t.Helper()
	out, err := profilefile.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := profilefile.Read("out.yaml", out, nil)
	if err != nil || len(again) != 1 {
		t.Fatalf("what was written is not read again: %v\n%s", err, out)
	}
	if !reflect.DeepEqual(again[0].Profile, p) {
		t.Errorf("%+v became %+v\n%s", p, again[0].Profile, out)
	}
	return string(out)
}

// Read never panics, and what it accepts survives being written and read again.
func FuzzRead(f *testing.F) {
	f.Add(meter)
	f.Add(everyChoice)
	f.Add("name: m\nbootstrapServer: {}\naccounts: [{name: a, oscore: {}}]\n")
	f.Add("name: m\ndelete: [/0/1, /1]\naccounts: [{name: a, notificationStoring: false, serverPublicKey: 'hex:00ff'}]\n")
	f.Add("name: m\nobjects: [{path: /3/0, resources: {14: 1e3, 15: '1e3', timezone: .5}}]\n")
	f.Add("name: m\naccounts: [{name: a, securityResources: {26000: [1, x]}, sni: \"\\t\"}]\n")
	f.Add("name: 007\naccounts: [{name: a, lifetime: 0, sni: 0123, binding: '{{.Vars.b}}', serverPublicKey: '{{.Vars.k}}'}]\nobjects: [{path: /11/0, partial: true, resources: {0: True, 1: +49, 4: 0x1}}]\n")
	f.Add("name: m\nbootstrapServer: {clientHoldOffTime: 0}\naccounts: [{name: a, oscore: {hmacAlgorithm: 0, idContext: 'hex:00'}}]\n")
	f.Add(`{"name": "json", "objects": [{"path": "/5/0", "resources": {"1": -2.5}}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := profilefile.Read("in.yaml", []byte(in), nil); err != nil {
			return
		}
		checkRoundTrip(t, in)
	})
}
