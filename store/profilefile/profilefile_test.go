package profilefile_test

import (
	"reflect"
	"strings"
	"testing"

	"lwbs/lwm2m"
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

func TestReadMeter(t *testing.T) {
	docs, err := profilefile.Read("meter.yaml", []byte(meter))
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

func TestProblems(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"mistyped key", "name: m\nacounts: []\n", `p.yaml:2: unknown key "acounts": did you mean "accounts"?`},
		{"unknown key", "name: m\ncolour: red\n", `p.yaml:2: unknown key "colour"`},
		{"wrong type", "name: m\naccounts: 7\n", "p.yaml:2: accounts: want a list, not a number"},
		{"out of range", "name: m\naccounts:\n  - shortServerID: 65535\n", "p.yaml:3: accounts[0].shortServerID: 65535 is not a whole number of 1 to 65534"},
		{"twice", "name: m\nname: n\n", `p.yaml:2: `},
		{"key in a profile", "name: m\naccounts:\n  - key: 00112233445566778899aabbccddeeff\n", "p.yaml:3: accounts[0].key: want generate, renew or supplied: a key of its own is not for a profile but for the device record (lwbs device set --account-key-file)"},
		{"not writable", "name: m\naccounts:\n  - lastBootstrapped: 7\n", "p.yaml:3: accounts[0].lastBootstrapped: Last Bootstrapped is not for a Bootstrap-Server to write"},
		{"no instance", "name: m\nobjects:\n  - path: /3\n", "p.yaml:3: objects[0].path: want the path of an Object Instance, such as /3/0"},
		{"bad path", "name: m\ndelete: [1/2]\n", `p.yaml:2: delete[0]: "1/2": not an LwM2M path: it must begin with a slash`},
		{"anchor", "name: &a m\n", "p.yaml:1: anchors, aliases and tags are not supported: write the value itself"},
		{"empty", "", "p.yaml:1: there is no profile in it"},
		{"no name", "format: tlv\n", "p.yaml:1: name is missing"},
		{"bad duration", "name: m\naccounts:\n  - lifetime: soon\n", `p.yaml:3: accounts[0].lifetime: "soon" is not a duration such as 24h, 90s or a number of seconds`},
		{"second of the name", "name: m\n---\nname: m\n", `p.yaml:3: a second profile with the name "m"`},
		{"not YAML", "name: [\n", "p.yaml:1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := profilefile.Read("p.yaml", []byte(tt.in))
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error()
			exact := !strings.HasSuffix(tt.want, ": ")
			if exact && got != tt.want || !strings.HasPrefix(got, tt.want) {
				t.Errorf("error %q, want %q", got, tt.want)
			}
			if strings.Contains(got, "00112233") || strings.Contains(got, "\n") {
				t.Errorf("error %q has a key in it or more than one line", got)
			}
		})
	}
}

func TestEveryProblemIsReported(t *testing.T) {
	_, err := profilefile.Read("p.yaml", []byte("name: m\ncolour: red\naccounts:\n  - lifetime: soon\n    uri: [1]\n"))
	if n := strings.Count(err.Error(), "p.yaml:"); n != 3 {
		t.Errorf("%d problems reported, want 3:\n%v", n, err)
	}
}

func TestPlaceOfAFinding(t *testing.T) {
	docs, err := profilefile.Read("meter.yaml", []byte(meter))
	if err != nil {
		t.Fatal(err)
	}
	for place, line := range map[string]int{
		"accounts[0].uri":             4,
		"accounts[0].security":        6,
		"accounts[0].certificate":     3,
		"objects[0].resources[14]":    18,
		"objects[7].resources[14]":    16,
		"nowhere":                     1,
		"accessControl[0].rights.101": 15,
	} {
		if got := docs[0].Problem(place, "x").Line; got != line {
			t.Errorf("%s is on line %d, want %d", place, got, line)
		}
	}
}

func TestWriteIsReadAgain(t *testing.T) {
	checkRoundTrip(t, meter)
}

func checkRoundTrip(t *testing.T, in string) {
	t.Helper()
	docs, err := profilefile.Read("in.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		out, err := profilefile.Write(d.Profile)
		if err != nil {
			t.Fatal(err)
		}
		again, err := profilefile.Read("out.yaml", out)
		if err != nil || len(again) != 1 {
			t.Fatalf("what was written is not read again: %v\n%s", err, out)
		}
		if !reflect.DeepEqual(again[0].Profile, d.Profile) {
			t.Errorf("%+v became %+v\n%s", d.Profile, again[0].Profile, out)
		}
	}
}

// Read never panics, and what it accepts survives being written and read again.
func FuzzRead(f *testing.F) {
	f.Add(meter)
	f.Add("name: m\ndelete: [/0/1, /1]\naccounts: [{name: a, notificationStoring: false, serverPublicKey: 'hex:00ff'}]\n")
	f.Add(`{"name": "json", "objects": [{"path": "/5/0", "resources": {"1": -2.5}}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := profilefile.Read("in.yaml", []byte(in)); err != nil {
			return
		}
		checkRoundTrip(t, in)
	})
}
