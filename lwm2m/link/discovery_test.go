package link_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
)

// What is behind the answers of the files is in testdata/discover/README.md.
func TestParseDiscoverOfClients(t *testing.T) {
	type accounts = map[string]lwm2m.ShortServerID // Security Instances
	tests := []struct {
		file      string
		version   string
		bootstrap []lwm2m.InstanceID
		accounts  accounts
		objects   []lwm2m.ObjectID
		notes     int
	}{
		{"anjay-1.0", "1.0", []lwm2m.InstanceID{1}, accounts{"/0/1": 0}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"anjay-1.1", "1.1", []lwm2m.InstanceID{1}, accounts{"/0/1": 0}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"wakaama-1.0", "1.0", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"wakaama-1.1", "1.1", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"zephyr-before-2024-09", "1.1", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 0}, []lwm2m.ObjectID{0, 1, 3, 5, 16, 3303, 3311, 3340}, 1},
		{"zephyr-1.0", "1.0", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, []lwm2m.ObjectID{0, 1, 3, 5, 16, 3303, 3311, 3340}, 0},
		{"zephyr-1.1", "1.1", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, []lwm2m.ObjectID{0, 1, 3, 5, 16, 3303, 3311, 3340}, 0},
		{"leshan-1.5", "1.0", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"leshan-2.0", "1.0", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, []lwm2m.ObjectID{0, 1, 3}, 0},
		{"spec-1.0", "1.0", []lwm2m.InstanceID{1}, accounts{"/0/0": 101, "/0/1": 0, "/0/2": 102}, []lwm2m.ObjectID{0}, 0},
		{"spec-1.1", "1.1", []lwm2m.InstanceID{1}, accounts{"/0/0": 101, "/0/1": 0}, []lwm2m.ObjectID{0, 1, 3, 4, 5}, 0},
		{"ets-1.1-int-0", "1.1", []lwm2m.InstanceID{1}, accounts{"/0/0": 1, "/0/1": 0}, []lwm2m.ObjectID{0, 1, 3}, 0},
	}
	if files := discoverFiles(t); len(files) != len(tests) {
		t.Errorf("there are %d answers and %d tests", len(files), len(tests))
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			d := link.ParseDiscovery(discoverAnswer(t, filepath.Join("../../testdata/discover", tt.file+".txt")))
			if d.Version != tt.version || len(d.Notes) != tt.notes {
				t.Errorf("version %q, notes %q; want %q and %d notes", d.Version, d.Notes, tt.version, tt.notes)
			}
			if got := d.BootstrapSecurity(); !slices.Equal(got, tt.bootstrap) {
				t.Errorf("BootstrapSecurity = %v, want %v", got, tt.bootstrap)
			}
			if !slices.Equal(d.Objects, tt.objects) {
				t.Errorf("Objects = %v, want %v", d.Objects, tt.objects)
			}
			if got := securityAccounts(d); !reflect.DeepEqual(got, tt.accounts) {
				t.Errorf("Security Instances %v, want %v", got, tt.accounts)
			}
		})
	}
}

func TestParseDiscoverIsLenient(t *testing.T) {
	type accounts = map[string]lwm2m.ShortServerID
	tests := []struct {
		name, in  string
		version   string
		bootstrap []lwm2m.InstanceID
		accounts  accounts
		notes     int
	}{
		{"spaces and a slash at the end", " </>;lwm2m=1.1 , </0/0/> ; ssid = 7 ,\r\n</0/1/>", "1.1", []lwm2m.InstanceID{1}, accounts{"/0/0": 7, "/0/1": 0}, 0},
		{"bare version without quotes", `lwm2m=1.0,</0/0>`, "1.0", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 0},
		{"version of the root in quotes", `</>;lwm2m="1.2",</0/0>`, "1.2", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 0},
		{"quoted ssid", `</0/0>;ssid="9",</0/3>`, "", []lwm2m.InstanceID{3}, accounts{"/0/0": 9, "/0/3": 0}, 0},
		{"separators in a URI", `</0/0>;uri="coap://a,b;c>\"";ssid=9,</0/3>`, "", []lwm2m.InstanceID{3}, accounts{"/0/0": 9, "/0/3": 0}, 0},
		{"unknown attributes", `</>;rt="oma.lwm2m";ct="110 112";lwm2m=1.1,</0/0>;obs;ver="1.1"`, "1.1", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 0},
		{"two without ssid", `</0/0>,</0/1>`, "", []lwm2m.InstanceID{0, 1}, accounts{"/0/0": 0, "/0/1": 0}, 0},
		{"only bad ssids", `</0/0>;ssid=0,</0/1>;ssid=101`, "", []lwm2m.InstanceID{0}, accounts{"/0/0": 0, "/0/1": 101}, 1},
		{"reserved ssid", `</0/0>;ssid=65535,</0/1>`, "", []lwm2m.InstanceID{1}, accounts{"/0/0": 0, "/0/1": 0}, 1},
		{"nonsense between", `</0/0>,hello,</x/y>,</0/70000>,</0/0/1>,<coap://h/0/5>,</3/0`, "", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 6},
		{"a quotation mark that is not closed", `</0/0>;uri="coap://a,</0/1>;ssid=5,</1/0>`, "", nil, accounts{"/0/1": 5}, 1},
		{"a bracket that is not closed", `</0/0,</0/1>;ssid=5`, "", nil, accounts{"/0/1": 5}, 1},
		{"twice", `</0/0>;ssid=5,</0/0>`, "", nil, accounts{"/0/0": 5}, 1},
		{"empty elements", `,,</0/0>,,`, "", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 0},
		{"not UTF-8", "</0/0>;uri=\"coap://\xff\"", "", []lwm2m.InstanceID{0}, accounts{"/0/0": 0}, 0},
		{"empty", ``, "", nil, accounts{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := link.ParseDiscovery([]byte(tt.in))
			if d.Version != tt.version || len(d.Notes) != tt.notes {
				t.Errorf("version %q, notes %q; want %q and %d notes", d.Version, d.Notes, tt.version, tt.notes)
			}
			if got := d.BootstrapSecurity(); !slices.Equal(got, tt.bootstrap) {
				t.Errorf("BootstrapSecurity = %v, want %v", got, tt.bootstrap)
			}
			if got := securityAccounts(d); !reflect.DeepEqual(got, tt.accounts) {
				t.Errorf("Security Instances %v, want %v", got, tt.accounts)
			}
		})
	}
}

func securityAccounts(d link.Discovery) map[string]lwm2m.ShortServerID {
	accounts := make(map[string]lwm2m.ShortServerID)
	for _, in := range d.Instances {
		if in.Path.Object() == lwm2m.ObjectSecurity {
			accounts[in.Path.String()] = in.ShortServerID
		}
	}
	return accounts
}

func TestParseDiscoverReadsURI(t *testing.T) {
	d := link.ParseDiscovery([]byte("</0/1>;ssid=7;uri=\"coap://a\x1b[2J\",</0/0>;uri=coap://b"))
	want := []link.DiscoveredInstance{
		{Path: lwm2m.InstancePath(0, 0), URI: "coap://b"},
		{Path: lwm2m.InstancePath(0, 1), ShortServerID: 7, URI: "coap://a\uFFFD[2J"}, // no terminal is told to clear
	}
	if !reflect.DeepEqual(d.Instances, want) {
		t.Errorf("Instances = %+v, want %+v", d.Instances, want)
	}
}

func TestParseDiscoverIsBounded(t *testing.T) {
	long := "</0/0>," + strings.Repeat("nonsense of some length,", 2000) + "</0/1>"
	d := link.ParseDiscovery([]byte(long))
	if got := securityAccounts(d); len(got) != 1 {
		t.Errorf("Security Instances %v, want only that of the first 16 KiB", got)
	}
	if len(d.Notes) == 0 || len(d.Notes) > 10 || !strings.Contains(d.Notes[0], "16 KiB") {
		t.Errorf("%d notes, the first %.80q", len(d.Notes), d.Notes)
	}
	for _, note := range d.Notes {
		if len(note) > 200 {
			t.Errorf("a note of %d bytes", len(note))
		}
	}
}

func TestAppendDiscovery(t *testing.T) {
	d := link.Discovery{
		Objects: []lwm2m.ObjectID{0, 1, 5},
		Instances: []link.DiscoveredInstance{
			{Path: lwm2m.InstancePath(0, 0), ShortServerID: 101, URI: "coaps://a.example"},
			{Path: lwm2m.InstancePath(0, 1)},
			{Path: lwm2m.InstancePath(1, 0), ShortServerID: 101},
		},
	}
	tests := []struct{ version, want string }{
		{"1.0", `lwm2m="1.0",</0/0>;ssid=101,</0/1>,</1/0>;ssid=101,</5>`},
		{"1.1", `</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://a.example",</0/1>,</1/0>;ssid=101,</5>`},
		{"1.2", `</>;lwm2m=1.2,</0/0>;ssid=101;uri="coaps://a.example",</0/1>,</1/0>;ssid=101,</5>`},
		{"", `</0/0>;ssid=101;uri="coaps://a.example",</0/1>,</1/0>;ssid=101,</5>`},
	}
	for _, tt := range tests {
		d.Version = tt.version
		if got := string(link.AppendDiscovery([]byte("before:"), d)); got != "before:"+tt.want {
			t.Errorf("version %q: %s\nwant %s", tt.version, got, tt.want)
		}
		back := link.ParseDiscovery([]byte(tt.want))
		if tt.version == "1.0" {
			back.Instances[0].URI = d.Instances[0].URI // which 1.0 does not tell
		}
		if !reflect.DeepEqual(back, d) {
			t.Errorf("version %q: read back as %+v", tt.version, back)
		}
	}
}

func TestAppendLinksQuotesWhatNeedsIt(t *testing.T) {
	links := []link.Link{
		{Target: "/0/1", Attributes: []link.Attribute{{Name: "uri", Value: `coap://a,b;"c\d`}, {Name: "obs"}, {Name: "ssid", Value: "7", Quoted: true}}},
		{Target: "/1"},
	}
	const want = `</0/1>;uri="coap://a,b;\"c\\d";obs;ssid="7",</1>`
	if got := string(link.Append(nil, links...)); got != want {
		t.Errorf("AppendLinks = %s, want %s", got, want)
	}
	links[0].Attributes[0].Quoted = true
	if back, notes := link.Parse([]byte(want)); !reflect.DeepEqual(back, links) || notes != nil {
		t.Errorf("ParseLinks = %+v, %q", back, notes)
	}
}

// Whatever a device answers: no panic, every Instance a valid path, in order and
// once, remarks within bounds; and what was understood survives being written.
func FuzzParseDiscover(f *testing.F) {
	for _, name := range discoverFiles(f) {
		f.Add(discoverAnswer(f, name))
	}
	f.Add([]byte(`</0/0/>;"x,<,"\`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d := link.ParseDiscovery(in)
		for i, found := range d.Instances {
			if p, err := lwm2m.ParsePath(found.Path.String()); err != nil || p != found.Path || p.Depth() != 2 {
				t.Errorf("%q gives the path %v", in, found.Path)
			}
			if i > 0 && d.Instances[i-1].Path.Compare(found.Path) >= 0 {
				t.Errorf("%q gives %v after %v", in, found.Path, d.Instances[i-1].Path)
			}
			if _, has := slices.BinarySearch(d.Objects, found.Path.Object()); !has {
				t.Errorf("%q: the Object of %v is not listed", in, found.Path)
			}
		}
		if len(d.Notes) > 10 {
			t.Errorf("%q gives %d notes", in, len(d.Notes))
		}
		links, _ := link.Parse(in)
		written := link.Append(nil, links...)
		again, notes := link.Parse(written)
		if len(written) < 16<<10 && (len(again) != len(links) || notes != nil) {
			t.Errorf("%q: %d links, written as %q: %d links, notes %q", in, len(links), written, len(again), notes)
		}
	})
}

// discoverFiles lists the answers of clients; having none is an error.
func discoverFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/discover/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/discover has no answers (error: %v)", err)
	}
	return files
}

func discoverAnswer(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(string(content), "\n"))
}
