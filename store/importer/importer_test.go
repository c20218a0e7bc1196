package importer_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/store"
	"lwbs/store/importer"
	"lwbs/store/profilefile"
)

var update = flag.Bool("update", false, "write the golden files anew")

const testdata = "../../testdata/import"

// A file is the text of one, and its name.
type file struct {
	Name string
	Text []byte
}

func (f file) open() importer.File {
	return importer.File{Name: f.Name, In: bytes.NewReader(f.Text), Size: int64(len(f.Text))}
}

// leshan and wakaama read all of some files.
func leshan(o importer.Options, files ...file) (importer.Result, error) {
	var opened []importer.File
	for _, f := range files {
		opened = append(opened, f.open())
	}
	d, err := importer.Leshan(o, opened...)
	return d.All(err)
}

func wakaama(o importer.Options, f file) (importer.Result, error) {
	d, err := importer.Wakaama(o, f.open())
	return d.All(err)
}

// read returns a file of testdata.
func read(t testing.TB, name string) file {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return file{Name: name, Text: text}
}

// describe writes everything that a result holds, keys included.
func describe(t *testing.T, r importer.Result) string {
	t.Helper()
	var out strings.Builder
	for _, e := range r.Entries {
		fmt.Fprintf(&out, "%s: %s: %q\n", e.Source, e.Outcome, e.Why)
		d := e.Device
		fmt.Fprintf(&out, "  device %q profile %q noSec %v tags %v\n", d.Endpoint, d.Profile, d.NoSec, d.Tags)
		for _, c := range d.Credentials {
			fmt.Fprintf(&out, "  %s %q key %q\n", c.Kind, c.Identity, c.Key.Reveal())
		}
		for _, name := range slices.Sorted(maps.Keys(d.Accounts)) {
			a := d.Accounts[name]
			fmt.Fprintf(&out, "  account %s identity %q key %q master secret %q\n", name, a.Identity, a.Key.Reveal(), a.MasterSecret.Reveal())
			if len(a.Certificate) > 0 {
				fmt.Fprintf(&out, "  account %s certificate %x\n", name, a.Certificate)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.Vars)) {
			fmt.Fprintf(&out, "  variable %s %s\n", name, d.Vars[name])
		}
		for _, c := range e.Changes {
			fmt.Fprintf(&out, "  - %s\n", c)
		}
	}
	for _, p := range r.Profiles {
		text, err := profilefile.Write(p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n%s", text)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(testdata, name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s", file, got)
	}
}

func TestGolden(t *testing.T) {
	for name, files := range map[string][]string{
		"leshan-2.0":            {"leshan-2.0.0-M15-bootstrapStore.json", "leshan-2.0.0-M15-api-security-clients.json"},
		"leshan-2.0-without":    {"leshan-2.0.0-M15-bootstrapStore.json"},
		"leshan-2.0-keys-alone": {"leshan-2.0.0-M15-api-security-clients.json"},
		"leshan-1.5":            {"leshan-1.5.0-bootstrap.json"},
	} {
		t.Run(name, func(t *testing.T) {
			var in []file
			for _, f := range files {
				in = append(in, read(t, f))
			}
			r, err := leshan(importer.Options{Tags: []string{"moved"}}, in...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, describe(t, r))
		})
	}
	t.Run("wakaama", func(t *testing.T) {
		r, err := wakaama(importer.Options{NoSec: true, Prefix: "old"}, read(t, "wakaama-bootstrap_info.ini"))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "wakaama", describe(t, r))
	})
}

// The file and the answer of the REST API tell the same.
func TestBothFormsOfLeshan(t *testing.T) {
	for version, file := range map[string]string{"2.0.0-M15": "bootstrapStore", "1.5.0": "bootstrap"} {
		stored, served := read(t, "leshan-"+version+"-"+file+".json"), read(t, "leshan-"+version+"-api-bootstrap.json")
		stored.Name, served.Name = "x", "x"
		a, err1 := leshan(importer.Options{}, stored)
		b, err2 := leshan(importer.Options{}, served)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if one, other := describe(t, a), describe(t, b); one != other {
			t.Errorf("%s: the file makes\n%s\nthe answer\n%s", version, one, other)
		}
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		file file
		want string
	}{
		"Java":       {read(t, "leshan-2.0.0-M15-bssecurity.data"), "curl http://HOST:8080/api/security/clients"},
		"empty":      {file{Text: []byte(" \n")}, "empty"},
		"no JSON":    {file{Text: []byte("hello")}, "not a JSON object"},
		"cut off":    {file{Text: []byte("{\n\"a\": {},\n\"b\": {")}, "not JSON from line 3 on"},
		"more":       {file{Text: []byte("{\"a\": {}} {}")}, "not JSON from line 1 on"},
		"cut list":   {file{Text: []byte("[{}")}, "not JSON"},
		"one config": {file{Text: []byte(`{"servers": {}, "security": {}}`)}, "does not tell which"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := leshan(importer.Options{}, test.file); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := wakaama(importer.Options{}, file{Name: "x.ini", Text: []byte("[Server]\nid=1\n")}); err == nil {
		t.Error("a file of Wakaama without [Endpoint] was taken")
	}
}

// What ends the reading is told as it is, and not taken for a mistake in the file.
func TestReadingFails(t *testing.T) {
	gone := errors.New("the disk is gone")
	for what, read := range map[string]func(importer.File) error{
		"leshan":  func(f importer.File) error { _, err := importer.Leshan(importer.Options{}, f); return err },
		"wakaama": func(f importer.File) error { _, err := importer.Wakaama(importer.Options{}, f); return err },
	} {
		text := "{\"a\": {}, \"b\": \"" + strings.Repeat("x", 1<<20)
		f := importer.File{Name: "f", In: failing{strings.NewReader(text), 100_000, gone}, Size: int64(len(text))}
		if err := read(f); !errors.Is(err, gone) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A failing reader fails beyond a place.
type failing struct {
	io.ReaderAt
	from int64
	err  error
}

func (r failing) ReadAt(b []byte, at int64) (int, error) {
	if at >= r.from {
		return 0, r.err
	}
	return r.ReaderAt.ReadAt(b, at)
}

// account is the rest of a configuration, around what a test is about.
func account(securityMore, serverMore string) string {
	return `{"security": {"1": {"uri": "coap://a.example", "serverId": 1, "securityMode": "NO_SEC"` + securityMore + `}}, "servers": {"0": {"shortId": 1` + serverMore + `}}}`
}

func TestLeshanEntriesThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ config, want string }{
		"not an object":   {`[]`, "not an object"},
		"null":            {`null`, "no account"},
		"wrong type":      {`{"toDelete": 3}`, "toDelete does not hold what belongs there"},
		"key not bytes":   {account(`, "secretKey": [1, 2, 256]`, ""), "security does not hold|secretKey does not hold"},
		"path":            {`{"toDelete": ["x"]}`, "no path"},
		"no server":       {`{"security": {"1": {"uri": "coap://a", "serverId": 1, "securityMode": "NO_SEC"}}}`, "no server has its short ID 1"},
		"no security":     {`{"servers": {"0": {"shortId": 1}}}`, "has no security entry"},
		"two servers":     {`{"servers": {"0": {"shortId": 1}, "1": {"shortId": 1}}}`, "a second one with the short ID 1"},
		"EST":             {account(`, "securityMode": "EST"`, ""), `securityMode "EST"`},
		"no mode":         {`{"security": {"1": {"uri": "coap://a", "serverId": 1}}, "servers": {"0": {"shortId": 1}}}`, `securityMode ""`},
		"SMS keys":        {account(`, "smsBindingKeySecret": [1]`, ""), "keys for SMS"},
		"SMS mode":        {account(`, "smsSecurityMode": "ODD"`, ""), `"ODD" is not a word of Resource 0/x/6`},
		"no OSCORE":       {account(`, "oscoreSecurityMode": 0`, ""), "there is no oscore 0"},
		"OSCORE, odd":     {`{"oscore": {"0": {"oscoreMasterSecret": "??"}}, ` + account(`, "oscoreSecurityMode": 0`, "")[1:], "oscore 0: oscoreMasterSecret does not hold"},
		"own OSCORE":      {`{"security": {"0": {"bootstrapServer": true, "securityMode": "NO_SEC", "oscoreSecurityMode": 0}}}`, "authenticates with OSCORE"},
		"lifetime":        {account("", `, "lifetime": 4294967296`), "lifetime 4294967296 is not possible"},
		"negative":        {account("", `, "lifetime": -1`), "lifetime -1 is not possible"},
		"number":          {account("", `, "defaultMinPeriod": "soon"`), "defaultMinPeriod does not hold"},
		"boolean":         {account("", `, "trigger": 1`), "trigger does not hold"},
		"rights":          {`{"acls": {"0": {"objectId": 3, "acls": {"1": 32}}}, ` + account("", "")[1:], "rights 32"},
		"object":          {`{"acls": {"0": {"objectId": 70000}}, ` + account("", "")[1:], "70000 is not within"},
		"format":          {`{"contentFormat": {"code": 11543}, ` + account("", "")[1:], "content format 11543"},
		"format by name":  {`{"contentFormat": "JSON", ` + account("", "")[1:], `"JSON" cannot be written here`},
		"format, odd":     {`{"contentFormat": [], ` + account("", "")[1:], "does not hold"},
		"identity, empty": {`{"security": {"0": {"bootstrapServer": true, "securityMode": "PSK"}}}`, "identity has 0 bytes"},
		"raw public key":  {`{"security": {"0": {"bootstrapServer": true, "securityMode": "RPK"}}}`, "raw public key"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := leshan(importer.Options{}, file{Name: "f", Text: []byte(`{"dev-1": ` + test.config + `}`)})
			if err != nil {
				t.Fatal(err)
			}
			e := r.Entries[0]
			if e.Outcome != importer.Refused || !slices.ContainsFunc(strings.Split(test.want, "|"), func(want string) bool { return strings.Contains(e.Why, want) }) {
				t.Errorf("%s: %s, want it refused with %q", e.Outcome, e.Why, test.want)
			}
			if len(r.Profiles) != 0 || e.Device.Profile != "" {
				t.Errorf("a refused entry left %d profiles and the device %v", len(r.Profiles), e.Device)
			}
		})
	}
}

func TestLeshanEntriesInOtherForms(t *testing.T) {
	for name, test := range map[string]struct{ config, want string }{
		"format by name":       {`{"contentFormat": "TLV", ` + account("", "")[1:], "format: tlv"},
		"format by number":     {`{"contentFormat": 110, ` + account("", "")[1:], "format: senml-json"},
		"binding as a list":    {account("", `, "binding": ["U", "Q"]`), "binding: UQ"},
		"suite as a number":    {account(`, "cipherSuite": [49320]`, ""), "49320"},
		"own certificate":      {strings.Replace(account("", ""), `"security": {`, `"security": {"0": {"bootstrapServer": true, "securityMode": "X509"}, `, 1), `certificate-name "dev-1"`},
		"bytes in Base64":      {account(`, "serverPublicKey": "AQID", "securityMode": "X509", "publicKeyOrId": "BAUG", "secretKey": "Bw=="`, ""), "serverPublicKey: base64:AQID"},
		"name of before 1.0":   {account(`, "serverPublicKeyOrId": [1, -1], "securityMode": "RPK", "secretKey": [7]`, ""), "serverPublicKey: base64:Af8="},
		"APN":                  {account("", `, "apnLink": 2`), "11:2"},
		"Device Object":        {`{"toDelete": ["/3", "/1/0"], ` + account("", "")[1:], "- /1/0"},
		"SMS number":           {account(`, "serverSmsNumber": "+49", "smsSecurityMode": "SPS_DEVICE"`, ""), "+49"},
		"OSCORE of no account": {`{"oscore": {"3": {}}, ` + account("", "")[1:], "oscore 3 belongs to no account"},
		"null":                 {account("", `, "binding": null`), "uri: coap://a.example"},
		"lifetime of zero":     {account("", `, "lifetime": 0`), "lifetime: 0s"},
		"lifetime, absent":     {account("", `, "lifetime": ""`), "security: nosec\ndelete"},
		"numbers as text":      {account(`, "serverId": "1"`, `, "shortId": " 1", "lifetime": "300", "defaultMinPeriod": "5"`), "lifetime: 5m"},
		"number with a point":  {account(`, "serverId": 1.0`, `, "lifetime": 300.0, "defaultMinPeriod": 5e0`), "defaultMinimumPeriod: 5"},
		"boolean as text":      {account(`, "bootstrapServer": "False"`, `, "notifIfDisabled": "True", "muteSend": "no"`), "notificationStoring: true"},
		"own account, as text": {strings.Replace(account("", ""), `"security": {`, `"security": {"0": {"bootstrapServer": "True", "securityMode": "PSK", "publicKeyOrId": [65], "secretKey": [1]}, `, 1), `psk "A" key "\x01"`},
		"mode in lower case":   {account(`, "securityMode": "NoSec"`, ""), "security: nosec"},
		"mode as a number":     {account(`, "securityMode": 3`, ""), "security: nosec"},
		"SMS mode, odd":        {account(`, "smsSecurityMode": "no_sec"`, ""), "security: nosec\ndelete"},
		"SMS number, a number": {account(`, "serverSmsNumber": 49301`, ""), "49301"},
		"matching as a number": {account(`, "matchingType": 1, "securityMode": "X509", "serverPublicKey": [1], "publicKeyOrId": [4], "secretKey": [7]`, ""), "matchingType: 1"},
		"arrays for objects":   {`{"security": [{"uri": "coap://a.example", "serverId": 1, "securityMode": "NO_SEC"}], "servers": [{"shortId": 1}]}`, "uri: coap://a.example"},
		"one path":             {`{"toDelete": "/1/0", ` + account("", "")[1:], "- /1/0"},
		"hold off":             {account(`, "clientHoldOffTime": 20`, ""), "security: nosec\ndelete"},
		"missing members":      {`{"security": {"1": {"uri": "coap://a.example", "serverId": 1, "securityMode": "NO_SEC"}}, "servers": {"0": {"shortId": 1}}, "acls": null, "oscore": null, "toDelete": null}`, "delete: none"},

		"hexadecimal digits":      {account(`, "serverPublicKey": "000102030405060708090A0B0C0D0E0F", "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:AAECAwQFBgcICQoLDA0ODw=="},
		"digits that may be both": {account(`, "serverPublicKey": "01020304", "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:01020304"},
		"digits, no Base64":       {account(`, "serverPublicKey": "0102030405", "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:AQIDBAU="},
		"Base64 without padding":  {account(`, "serverPublicKey": "AQ", "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:AQ=="},
		"Base64 for URLs":         {account(`, "serverPublicKey": "-_8", "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:+/8="},
		"no lifetime":             {account("", `, "lifetime": null`), "security: nosec\ndelete"},

		"OSCORE without algorithms": {`{"oscore": {"3": {"oscoreMasterSecret": [1], "oscoreSenderId": [1]}}, ` + account(`, "oscoreSecurityMode": 3`, "")[1:], "recipientID: \"{{.Vars.recipientID1}}\"\ndelete"},
		"OSCORE with algorithms":    {`{"oscore": {"3": {"oscoreMasterSecret": [1], "oscoreSenderId": [1], "oscoreHmacAlgorithm": 5}}, ` + account(`, "oscoreSecurityMode": 3`, "")[1:], "hmacAlgorithm: 5"},

		"identity of bytes":                     {account(`, "securityMode": "PSK", "publicKeyOrId": [0, -1], "secretKey": [1]`, ""), `identity "hex:00ff"`},
		"identity that looks like bytes":        {account(`, "securityMode": "PSK", "publicKeyOrId": "aGV4OjAw", "secretKey": [1]`, ""), `identity "hex:6865783a3030"`},
		"own identity of bytes":                 {strings.Replace(account("", ""), `"security": {`, `"security": {"0": {"bootstrapServer": true, "securityMode": "PSK", "publicKeyOrId": [0, -1], "secretKey": [1]}, `, 1), `psk "\x00\xff"`},
		"text that looks like a template":       {account(`, "sni": "{{.Endpoint}}"`, ""), `sni: "{{\"{{\"}}.Endpoint}}"`},
		"certificate, which is the device's":    {account(`, "serverPublicKey": [1], "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "certificate 04"},
		"certificate, which is not a profile's": {account(`, "serverPublicKey": [1], "securityMode": "X509", "publicKeyOrId": [4], "secretKey": [7]`, ""), "serverPublicKey: base64:AQ==\ndelete"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := leshan(importer.Options{}, file{Name: "f", Text: []byte(`{"dev-1": ` + test.config + `}`)})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(describe(t, r), "is unknown and left out") {
				t.Errorf("something is not known:\n%s", describe(t, r))
			}
			if got := describe(t, r); r.Entries[0].Outcome != importer.Imported || !strings.Contains(strings.ReplaceAll(got, "\n    ", "\n"), test.want) {
				t.Errorf("no %q in\n%s", test.want, got)
			}
		})
	}
}

func TestKeysOfLeshan(t *testing.T) {
	for name, test := range map[string]struct{ entry, want string }{
		"before 2.0.0-M8": {`{"endpoint": "dev-1", "psk": {"identity": "me", "key": "0102"}}`, ""},
		"certificate":     {`{"endpoint": "dev-1", "x509": true}`, ""},
		"since":           {`{"endpoint": "dev-1", "tls": {"mode": "psk", "details": {"identity": "me", "key": "0102"}}}`, ""},
		"raw public key":  {`{"endpoint": "dev-1", "rpk": {"pkcs8": "x"}}`, "raw public key"},
		"OSCORE":          {`{"endpoint": "dev-1", "oscore": {"msec": "01"}}`, "OSCORE"},
		"nothing":         {`{"endpoint": "dev-1"}`, "no way to authenticate"},
		"unknown mode":    {`{"endpoint": "dev-1", "tls": {"mode": "odd"}}`, "no way to authenticate"},
		"no details":      {`{"endpoint": "dev-1", "tls": {"mode": "psk"}}`, "no way to authenticate"},
		"not hexadecimal": {`{"endpoint": "dev-1", "psk": {"identity": "me", "key": "secret!!"}}`, "its key is not hexadecimal"},
		"no key":          {`{"endpoint": "dev-1", "psk": {"identity": "me"}}`, "key has 0 bytes"},
		"key too long":    {`{"endpoint": "dev-1", "psk": {"identity": "me", "key": "` + strings.Repeat("00", 65) + `"}}`, "key has 65 bytes"},
		"wrong type":      {`{"endpoint": "dev-1", "psk": 3}`, "psk does not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			for form, text := range map[string]string{"alone": test.entry, "in a list": "[" + test.entry + "]"} {
				r, err := leshan(importer.Options{}, file{Name: "k", Text: []byte(text)},
					file{Name: "f", Text: []byte(`{"dev-1": ` + account("", "") + `}`)})
				if err != nil {
					t.Fatal(err)
				}
				why := ""
				for _, e := range r.Entries {
					why += e.Why
				}
				if refused := r.Entries[0].Outcome != importer.Imported; refused != (test.want != "") || !strings.Contains(why, test.want) {
					t.Errorf("%s: %q, want %q", form, why, test.want)
				}
				if strings.Contains(why, "secret!!") {
					t.Errorf("%s: the report repeats the key: %s", form, why)
				}
			}
		})
	}
}

func TestDoubles(t *testing.T) {
	psk := func(ep string) string {
		return `"` + ep + `": ` + strings.Replace(account("", ""), `"security": {`, `"security": {"0": {"bootstrapServer": true, "securityMode": "PSK", "publicKeyOrId": [65], "secretKey": [1]}, `, 1)
	}
	r, err := leshan(importer.Options{},
		file{Name: "a", Text: []byte("{" + psk("one") + "," + psk("two") + "," + psk("one") + "}")},
		file{Name: "k", Text: []byte(`[{"endpoint": "three", "x509": true}, {"endpoint": "three", "x509": true}]`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range r.Entries {
		got = append(got, e.Source+" "+e.Outcome+" "+e.Why)
	}
	want := []string{
		"a: one imported ",
		`a: two refused its identity "A" is that of a: one`,
		"a: one refused the device was there before, at a: one",
		"k: entry 2 refused the keys of the device were there before, at k: entry 1",
		"k: entry 1 refused there are keys of the device, and no configuration: import the file with the configurations in the same command",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// Devices that differ in no more than their own names are given one profile.
func TestTemplates(t *testing.T) {
	config := func(ep, uri string) string {
		return fmt.Sprintf(`"%s": %s`, ep, strings.Replace(account("", ""), "coap://a.example", uri, 1))
	}
	r, err := leshan(importer.Options{}, file{Name: "f", Text: []byte("{" + strings.Join([]string{
		config("gw-1", "coap://gw-1.example"), config("gw-2", "coap://gw-2.example"),
		config("coap", "coap://b.example"), config("odd", "coap://{{odd}}.example"), config("a", "coap://c.example"), config("e", "coap://c.example"),
	}, ",") + "}")})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, p := range r.Profiles {
		got[p.Name] = p.Accounts[0].URI
	}
	want := map[string]string{
		"leshan-server":    "coap://{{.Endpoint}}.example",
		"leshan-coap":      "coap://b.example",
		"leshan-odd":       `coap://{{"{{"}}odd}}.example`,
		"leshan-c.example": "coap://c.example",
	}
	if !maps.Equal(got, want) {
		t.Errorf("profiles %v, want %v", got, want)
	}
}

func TestNamesOfProfiles(t *testing.T) {
	long := strings.Repeat("x", 125)
	r, err := leshan(importer.Options{Prefix: "p"}, file{Name: "f", Text: []byte(
		`{"` + long + `": ` + account("", "") + `, "b": ` + account("", `, "lifetime": 1`) + `, "c": ` + account("", `, "lifetime": 1`) +
			`, "d": ` + account("", `, "lifetime": 2`) + `, "e": ` + account("", `, "lifetime": 2`) + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.Profiles {
		got = append(got, p.Name)
	}
	if want := []string{"p-a.example", "p-a.example-2", "p-" + long}; !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
}

// invariants hold for whatever was read.
func invariants(t *testing.T, r importer.Result) {
	t.Helper()
	profiles, used := make(map[string]bool), make(map[string]bool)
	for _, p := range r.Profiles {
		if err := p.Validate(); err != nil || profiles[p.Name] || len(p.Accounts) == 0 {
			t.Errorf("profile %q: %v, seen before %v, %d accounts", p.Name, err, profiles[p.Name], len(p.Accounts))
		}
		profiles[p.Name] = true
	}
	names := make(map[string]bool)
	for _, e := range r.Entries {
		if e.Outcome != importer.Imported {
			if e.Why == "" || len(e.Device.Credentials)+len(e.Device.Accounts) > 0 || e.Device.Profile != "" {
				t.Errorf("%s is %s because of %q, with the device %v", e.Source, e.Outcome, e.Why, e.Device)
			}
			continue
		}
		if !profiles[e.Device.Profile] {
			t.Errorf("%s has the profile %q, which is not there", e.Source, e.Device.Profile)
		}
		used[e.Device.Profile] = true
		if ep := string(e.Device.Endpoint); ep != "" {
			if names[ep] {
				t.Errorf("two devices %q", ep)
			}
			names[ep] = true
		}
	}
	if !maps.Equal(profiles, used) {
		t.Errorf("profiles %v, of which %v are used", profiles, used)
	}
}

func FuzzLeshan(f *testing.F) {
	for _, name := range []string{"leshan-2.0.0-M15-bootstrapStore.json", "leshan-2.0.0-M15-api-security-clients.json", "leshan-1.5.0-bootstrap.json", "leshan-2.0.0-M15-bssecurity.data"} {
		f.Add(read(f, name).Text)
	}
	f.Add([]byte(`{"dev-1": ` + account(`, "cipherSuite": [{}, 1]`, `, "binding": []`) + `}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := leshan(importer.Options{}, file{Name: "f", Text: text})
		if err != nil {
			return
		}
		invariants(t, r)
	})
}

func FuzzWakaama(f *testing.F) {
	f.Add(read(f, "wakaama-bootstrap_info.ini").Text)
	f.Add([]byte("[Server]\nid=1\nuri=coap://a\nsecurity=nosec\n[endpoint]\nserver=1\n[endpoint]\nserver=1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := wakaama(importer.Options{NoSec: true}, file{Name: "f", Text: text})
		if err != nil {
			return
		}
		invariants(t, r)
	})
}

// Printing a result, however that is done, shows no key.
func TestResultsPrintNoKeys(t *testing.T) {
	r, err := leshan(importer.Options{}, read(t, "leshan-2.0.0-M15-bootstrapStore.json"), read(t, "leshan-2.0.0-M15-api-security-clients.json"))
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%+v %#v", r, r)
	keys := 0
	for _, e := range r.Entries {
		for _, c := range e.Device.Credentials {
			if c.Key.IsZero() {
				continue // a certificate
			}
			keys++
			for _, form := range []string{string(c.Key.Reveal()), hex.EncodeToString(c.Key.Reveal()), fmt.Sprint(c.Key.Reveal())} {
				if strings.Contains(printed, form) {
					t.Errorf("a key of %s is printed", e.Device.Endpoint)
				}
			}
		}
	}
	if keys < 2 {
		t.Errorf("%d keys were looked for", keys)
	}
}

func TestWakaamaEntriesThatAreRefused(t *testing.T) {
	const good = "id=1\nuri=coap://a.example\nsecurity=NoSec\n"
	for name, test := range map[string]struct{ server, endpoint, want string }{
		"no id":           {"uri=coap://a\nsecurity=nosec\n", "", "there is no server with the id 1"},
		"odd id":          {"id=65536\nuri=coap://a\nsecurity=nosec\n[Server]\n" + good, "Server=65536\n", "shortServerID"},
		"no uri":          {"id=1\nsecurity=nosec\n", "", "line 1: uri is missing"},
		"no keys":         {"id=1\nuri=coaps://a\nsecurity=PSK\n", "", "public or secret is missing"},
		"no mode, no key": {"id=1\nuri=coaps://a\n", "", "public or secret is missing"},
		"no server key":   {"id=1\nuri=coaps://a\nsecurity=RPK\npublic=01\nsecret=02\n", "", "server is missing"},
		"odd mode":        {"id=1\nuri=coaps://a\nsecurity=EST\n", "", `security "EST"`},
		"odd word":        {good + "bootstrap=perhaps\n", "", `line 5: bootstrap: "perhaps" is not yes or no`},
		"odd number":      {good + "communicationRetryCount=-1\n", "", `"-1" is not a number from 0`},
		"odd lifetime":    {good + "lifetime=4294967296\n", "", "is not a number from 0"},
		"odd key":         {good + "server=0\n", "", "server is not hexadecimal"},
		"twice":           {good + "[Server]\n" + good, "", "two servers with the id 1"},
		"odd path":        {good, "Delete=x\n", `"x", which it deletes, is no path`},
		"odd name":        {good, "Name=" + strings.Repeat("x", 300) + "\n", "endpoint name has 300 bytes"},
		"odd header":      {good + "[server\n", "", ""},
		"lifetime zero":   {good + "lifetime=0\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "[Server]\n" + test.server + "[Endpoint]\nName=dev-1\nServer=1\n" + test.endpoint
			r, err := wakaama(importer.Options{}, file{Name: "f", Text: []byte(text)})
			if err != nil {
				t.Fatal(err)
			}
			e := r.Entries[0]
			for _, f := range checked(r) {
				e.Outcome, e.Why = importer.Refused, f
			}
			if refused := e.Outcome == importer.Refused; refused != (test.want != "") || !strings.Contains(e.Why, test.want) {
				t.Errorf("%s: %q, want %q", e.Outcome, e.Why, test.want)
			}
		})
	}
}

// Zero is a lifetime, and none is another; an identity is bytes, whatever they are.
func TestValuesOfWakaama(t *testing.T) {
	for name, test := range map[string]struct{ server, want string }{
		"lifetime of zero":  {"id=1\nuri=coap://a.example\nsecurity=NoSec\nlifetime=0\n", "lifetime: 0s"},
		"no lifetime":       {"id=1\nuri=coap://a.example\nsecurity=NoSec\n", "server 1 has no lifetime: it becomes 24h"},
		"identity of bytes": {"id=1\nuri=coaps://a\nsecurity=PSK\npublic=00ff\nsecret=02\n", `identity "hex:00ff"`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := wakaama(importer.Options{}, file{Name: "f", Text: []byte("[Server]\n" + test.server + "[Endpoint]\nName=dev-1\nServer=1\n")})
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(t, r); r.Entries[0].Outcome != importer.Imported || !strings.Contains(got, test.want) {
				t.Errorf("no %q in\n%s", test.want, got)
			}
		})
	}
}

// Files of editors and people of all kinds are read; what belongs to nothing is told.
func TestFormsOfWakaama(t *testing.T) {
	const good = "[Server]\nid=1\nuri=coap://a.example\nsecurity=NoSec\nlifetime=300\n[Endpoint]\nName=dev-1\nServer=1\n"
	for name, text := range map[string]string{
		"as it is":           good,
		"CRLF":               strings.ReplaceAll(good, "\n", "\r\n"),
		"no line end":        strings.TrimSuffix(good, "\n"),
		"byte order mark":    "\ufeff" + good,
		"tabs":               strings.ReplaceAll(strings.ReplaceAll(good, "=", "\t=\t"), "[", "\t["),
		"comments":           "; one\n" + strings.ReplaceAll(good, "[", "# two\n\n[") + ";",
		"comments behind":    strings.NewReplacer("300", "300 ; five minutes", "NoSec", "NoSec\t# none", "Server=1", "Server=1 ; the first").Replace(good),
		"other case":         strings.NewReplacer("Server", "SERVER", "Endpoint", "EndPoint", "Name", "NAME", "NoSec", "nosec").Replace(good),
		"spaces in brackets": strings.NewReplacer("[", "[ ", "]", " ] ; a section").Replace(good),
		"zero before":        strings.Replace(good, "Server=1", "Server=01", 1),
		"the device first":   good[strings.Index(good, "[Endpoint]"):] + good[:strings.Index(good, "[Endpoint]")],
		"words":              strings.Replace(good, "lifetime", "bootstrap=False\nlifetime", 1),
	} {
		t.Run(name, func(t *testing.T) {
			r, err := wakaama(importer.Options{NoSec: true}, file{Name: "f", Text: []byte(text)})
			if err != nil {
				t.Fatal(err)
			}
			got := describe(t, r)
			if len(r.Entries) != 1 || r.Entries[0].Outcome != importer.Imported || !strings.Contains(got, `device "dev-1"`) || !strings.Contains(got, "uri: coap://a.example\n") || !strings.Contains(got, "lifetime: 5m") {
				t.Errorf("read as\n%s", got)
			}
		})
	}
	for name, test := range map[string]struct{ text, want string }{
		"unknown section": {good + "[Endpoints]\nName=dev-2\n", "f:9: refused: \"the section is called [endpoints]: want [Server] or [Endpoint]\""},
		"before sections": {"Name=dev-2\n" + good, "f:1: refused: \"the lines from here to the first section belong to none\""},
		"unknown key":     {good + "Colour=red\n", `line 9: the key "colour" is unknown and left out`},
		"key with signs":  {strings.Replace(good, "NoSec", "PSK\npublic=0x64\nsecret=01:02 03", 1), `key "\x01\x02\x03"`},
		"device twice":    {good + "[Endpoint]\nName=dev-1\nServer=1\n", "refused: \"the device was there before"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := wakaama(importer.Options{NoSec: true}, file{Name: "f", Text: []byte(test.text)})
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(t, r); !strings.Contains(got, test.want) || !strings.Contains(got, "imported") {
				t.Errorf("no %q in\n%s", test.want, got)
			}
		})
	}
}

// checked are what the Bootstrap-Server has against the profiles of r.
func checked(r importer.Result) (out []string) {
	for _, p := range r.Profiles {
		for _, f := range profile.Check(p, nil) {
			if !f.Warning {
				out = append(out, f.String())
			}
		}
	}
	return out
}

// What is imported makes sense to the Bootstrap-Server.
func TestImportedRecordsAreGood(t *testing.T) {
	configs, keys := read(t, "leshan-2.0.0-M15-bootstrapStore.json"), read(t, "leshan-2.0.0-M15-api-security-clients.json")
	newer, err1 := leshan(importer.Options{}, configs, keys)
	older, err2 := leshan(importer.Options{}, read(t, "leshan-1.5.0-bootstrap.json"))
	other, err3 := wakaama(importer.Options{NoSec: true}, read(t, "wakaama-bootstrap_info.ini"))
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for _, r := range []importer.Result{newer, older, other} {
		for _, text := range checked(r) {
			t.Error(text)
		}
		for _, e := range r.Entries {
			i := slices.IndexFunc(r.Profiles, func(p store.Profile) bool { return p.Name == e.Device.Profile })
			if e.Outcome != importer.Imported || e.Device.Endpoint == "" {
				continue
			}
			for _, f := range profile.CheckDevice(r.Profiles[i], e.Device, nil) {
				if !f.Warning {
					t.Errorf("%s: %v", e.Source, f)
				}
			}
		}
	}
}

// Members that Leshan does not have are told of.
func TestUnknownMembersOfLeshan(t *testing.T) {
	r, err := leshan(importer.Options{}, file{Name: "f", Text: []byte(`{"dev-1": {"color": 1, ` + account(`, "smell": 2`, `, "sound": 3`)[1:] + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"color is unknown and left out", "security.smell is unknown", "servers.sound is unknown"} {
		if !slices.ContainsFunc(r.Entries[0].Changes, func(text string) bool { return strings.HasPrefix(text, want) }) {
			t.Errorf("%q does not tell of it: %s", r.Entries[0].Changes, want)
		}
	}
}
