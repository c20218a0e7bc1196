package profilefile_test

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// Text of a Resource that is text stays as it was written, with quotes and without.
func TestTextKeepsItsLetters(t *testing.T) {
	for _, written := range []string{
		"0123", "007", "+491234567", "-007", "0x10", "0o17", "0b11", "1_000", "1e3", "1.50", "12:30", "2026-01-01", "2026-01-01T00:00:00Z",
		"yes", "no", "on", "off", "y", "true", "True", "TRUE", "false", ".5", "5.", ".inf", ".nan", "NaN", "12345678901234567890123",
		"08", "09.5", "+.5", "1__0", "0.10",
	} {
		text := "name: m\naccounts:\n  - {name: a, sni: " + written + "}\nobjects:\n  - path: /3/0\n    resources: {timezone: " + written + "}\n"
		for _, in := range []string{text, strings.ReplaceAll(text, ": "+written+"}", `: "`+written+`"}`)} {
			docs, err := profilefile.Read("p.yaml", []byte(in), nil)
			if err != nil {
				t.Errorf("%s: %v", written, err)
				continue
			}
			for _, l := range []store.Literal{docs[0].Profile.Accounts[0].SecurityResources[14], docs[0].Profile.Objects[0].Resources[15]} {
				if got := literalText(l); got != written {
					t.Errorf("%s became %s", written, got)
				}
			}
			checkRoundTrip(t, in)
		}
	}
}

// literalText is what a Resource that is text is given.
func literalText(l store.Literal) string {
	switch {
	case l.Text != nil:
		return *l.Text
	case l.Number != nil:
		return l.Number.String()
	case l.Boolean != nil:
		return strconv.FormatBool(*l.Boolean)
	}
	return "nothing"
}

// Fields that are text keep their letters too.
func TestFieldsOfTextKeepTheirLetters(t *testing.T) {
	docs, err := profilefile.Read("p.yaml", []byte("name: 007\naccounts:\n  - {name: 0123, identity: +49123, binding: 1e3, oscore: {senderID: 0x10}}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := docs[0].Profile
	if a := p.Accounts[0]; p.Name != "007" || a.Name != "0123" || a.Identity != "+49123" || a.Binding != "1e3" || a.OSCORE.SenderID != "0x10" {
		t.Errorf("read as %+v", p)
	}
}

// Zero is told apart from what is not there, and read again as zero.
func TestZeroIsNotAbsent(t *testing.T) {
	const zeroes = "name: m\naccounts:\n  - name: a\n    lifetime: 0\n    oscore: {aeadAlgorithm: 0, hmacAlgorithm: 0}\nbootstrapServer: {clientHoldOffTime: 0s}\n"
	docs, err := profilefile.Read("p.yaml", []byte(zeroes), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := docs[0].Profile
	a := p.Accounts[0]
	if a.Lifetime == nil || *a.Lifetime != 0 || a.OSCORE.AEADAlgorithm == nil || a.OSCORE.HMACAlgorithm == nil || p.BootstrapServer.ClientHoldOffTime == nil {
		t.Errorf("read as %+v", p)
	}
	checkRoundTrip(t, zeroes)
	docs, err = profilefile.Read("p.yaml", []byte("name: m\naccounts: [{name: a, oscore: {}}]\nbootstrapServer: {}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p = docs[0].Profile
	a = p.Accounts[0]
	if a.Lifetime != nil || a.OSCORE.AEADAlgorithm != nil || a.OSCORE.HMACAlgorithm != nil || p.BootstrapServer.ClientHoldOffTime != nil {
		t.Errorf("read as %+v", p)
	}
}

// A template may stand for what has a key of its own; its place is found again.
func TestTemplatesForKeys(t *testing.T) {
	const in = `name: m
accounts:
  - name: a
    lifetime: "{{.Vars.lifetime}}"
    binding: "{{.Vars.binding}}"
    notificationStoring: "{{.Vars.storing}}"
    serverPublicKey: "hex:{{.Vars.key}}"
    oscore: {masterSalt: "hex:{{.Vars.salt}}", idContext: "{{.Vars.context}}"}
`
	docs, err := profilefile.Read("p.yaml", []byte(in), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := docs[0].Profile.Accounts[0]
	for id, want := range map[lwm2m.ResourceID]string{1: "{{.Vars.lifetime}}", 6: "{{.Vars.storing}}"} {
		if got := literalText(a.ServerResources[id]); got != want {
			t.Errorf("/1/x/%d is %s, want %s", id, got, want)
		}
	}
	if a.Binding != "{{.Vars.binding}}" || a.ServerPublicKey != "hex:{{.Vars.key}}" || a.OSCORE.IDContext != "{{.Vars.context}}" {
		t.Errorf("read as %+v", a)
	}
	if got := docs[0].Problem("accounts[0].serverResources[1]", "x").Error(); got != "p.yaml:4: accounts[0].lifetime: x" {
		t.Errorf("the place of the lifetime is %s", got)
	}
	checkRoundTrip(t, in)
}

// The form of the admin API is read, too: what lwbs profile get --json prints can be applied.
func TestReadsTheFormOfTheAPI(t *testing.T) {
	for _, text := range []string{meter, strings.Replace(everyChoice, "- name: a\n", "- name: a\n    shortServerID: 1\n", 1), "name: m\ndelete: [/0/1, /1]\naccounts: [{name: a, shortServerID: 1, renamedFrom: [b, c], lifetime: 0, securityResources: {26000: [1, x]}}]\n"} {
		docs, err := profilefile.Read("p.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		p := docs[0].Profile
		p.Revision, p.Created = 7, time.Now()
		b, err := json.MarshalIndent(p, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		again, err := profilefile.Read("p.json", b, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, b)
			continue
		}
		if !reflect.DeepEqual(again[0].Profile, docs[0].Profile) {
			t.Errorf("%+v became %+v\n%s", docs[0].Profile, again[0].Profile, b)
		}
	}
}

// FuzzText: text in any place of a profile survives being written and read again, in YAML
// and in the JSON of the admin API.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "0123", "hex:00", "a: b", "- a", "{{.Endpoint}}", "\u2028", "\x00", "\u00ff", "😀", "null", "#", "'", "\"", "\\", " a", "a\n", "\r\n", "\ufeff", "\u0085", "~", "0x1F", "1e3", "=", "<<", "yes", "?", "|", "%YAML", "---", "..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // neither form can hold it
		}
		p := store.Profile{
			Name: "m" + text, Accounts: []store.Account{{
				Name: "a" + text, RenamedFrom: []string{"b" + text, "c"}, URI: text, ShortServerID: 1, Identity: "i" + text, Binding: "U" + text, OSCORE: &store.OSCORE{SenderID: text},
				SecurityResources: map[lwm2m.ResourceID]store.Literal{14: {Text: &text}},
			}},
			Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: {Text: &text}, 11: {Instances: map[lwm2m.ResourceInstanceID]store.Literal{2: {Text: &text}}}}}},
		}
		checkWriting(t, p)
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := profilefile.Read("p.json", b, nil)
		if err != nil || !reflect.DeepEqual(again[0].Profile, p) {
			t.Errorf("%+v became %+v, %v\n%s", p, again, err, b)
		}
	})
}
