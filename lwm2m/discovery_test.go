package lwm2m_test

import (
	"reflect"
	"slices"
	"testing"

	"lwbs/lwm2m"
)

// The answers are those that the clients named print; see docs/interop.md.
func TestParseDiscover(t *testing.T) {
	tests := []struct {
		name, in  string
		version   string
		bootstrap []lwm2m.InstanceID
		accounts  map[string]lwm2m.ShortServerID // Security Instances with a short server ID
		notes     int
	}{
		{"core 1.1.1 example", `</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com",</0/1>,</1/0>;ssid=101,</3/0>,</5>,</4>`,
			"1.1", []lwm2m.InstanceID{1}, map[string]lwm2m.ShortServerID{"/0/0": 101}, 0},
		{"core 1.0", `lwm2m="1.0",</0/0>;ssid=101,</0/1>,</0/2>;ssid=102`,
			"1.0", []lwm2m.InstanceID{1}, map[string]lwm2m.ShortServerID{"/0/0": 101, "/0/2": 102}, 0},
		{"anjay 3", `</>;lwm2m=1.1,</0>,</0/1>;uri="coap://127.0.0.1:5783",</1>,</3/0>`,
			"1.1", []lwm2m.InstanceID{1}, nil, 0},
		{"leshan 2", `</>;lwm2m=1.0,</0>;ver=1.2,</0/0>;uri="coaps://localhost:5684",</1>;ver=1.2,</3>;ver=1.2,</3/0>`,
			"1.0", []lwm2m.InstanceID{0}, nil, 0},
		{"leshan 1.5", `</>;lwm2m=1.0,</0>,</0/0>,</0/1>;ssid=1,</1/0>;ssid=1`,
			"1.0", []lwm2m.InstanceID{0}, map[string]lwm2m.ShortServerID{"/0/1": 1}, 0},
		{"zephyr before 2024", `</>;lwm2m="1.0",</0/0>,</1>,</3>;ver=1.0,</3/0>`,
			"1.0", []lwm2m.InstanceID{0}, nil, 0},
		{"spaces and a slash at the end", ` </>;lwm2m=1.1 , </0/0/> ; ssid = 7 ,</0/1/>`,
			"1.1", []lwm2m.InstanceID{1}, map[string]lwm2m.ShortServerID{"/0/0": 7}, 0},
		{"quoted ssid, comma in a URI", `</0/0>;ssid="9";uri="coap://a,b;c",</0/3>`,
			"", []lwm2m.InstanceID{3}, map[string]lwm2m.ShortServerID{"/0/0": 9}, 0},
		{"two without ssid", `</0/0>,</0/1>`, "", []lwm2m.InstanceID{0, 1}, nil, 0},
		{"nonsense between", `</0/0>,hello,</x/y>,</0/70000>,</3/0>`, "", []lwm2m.InstanceID{0}, nil, 3},
		{"twice", `</0/0>;ssid=5,</0/0>`, "", nil, map[string]lwm2m.ShortServerID{"/0/0": 5}, 1},
		{"empty", ``, "", nil, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := lwm2m.ParseDiscover([]byte(tt.in))
			if d.Version != tt.version || !slices.Equal(d.BootstrapSecurity(), tt.bootstrap) || len(d.Notes) != tt.notes {
				t.Errorf("version %q, bootstrap %v, notes %q", d.Version, d.BootstrapSecurity(), d.Notes)
			}
			for _, in := range d.Instances {
				if in.Path.Object() == lwm2m.ObjectSecurity && in.ShortServerID != tt.accounts[in.Path.String()] {
					t.Errorf("%v has short server ID %d, want %d", in.Path, in.ShortServerID, tt.accounts[in.Path.String()])
				}
			}
		})
	}
}

func TestAppendDiscovery(t *testing.T) {
	d := lwm2m.Discovery{
		Version: "1.1", Objects: []lwm2m.ObjectID{0, 1, 5},
		Instances: []lwm2m.DiscoveredInstance{
			{Path: lwm2m.InstancePath(0, 0), ShortServerID: 101, URI: "coaps://a.example"},
			{Path: lwm2m.InstancePath(0, 1)},
			{Path: lwm2m.InstancePath(1, 0), ShortServerID: 101},
		},
	}
	want := `</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://a.example",</0/1>,</1/0>;ssid=101,</5>`
	if got := string(lwm2m.AppendDiscovery(nil, d)); got != want {
		t.Errorf("1.1: %s, want %s", got, want)
	}
	if back := lwm2m.ParseDiscover([]byte(want)); !reflect.DeepEqual(back, d) {
		t.Errorf("read back as %+v", back)
	}
	d.Version = "1.0"
	if got := string(lwm2m.AppendDiscovery(nil, d)); got != `lwm2m="1.0"`+want[len("</>;lwm2m=1.1"):] {
		t.Errorf("1.0: %s", got)
	}
}

// ParseDiscover never panics, and whatever it finds are Instances, each once and in
// order.
func FuzzParseDiscover(f *testing.F) {
	f.Add([]byte(`</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com",</0/1>,</1/0>;ssid=101,</3/0>,</5>,</4>`))
	f.Add([]byte(`lwm2m="1.0",</0/0>;ssid=101,</0/1>,</0/2>;ssid=102`))
	f.Add([]byte(`</0/0/>;"x,<`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d := lwm2m.ParseDiscover(in)
		for i, found := range d.Instances {
			if found.Path.Depth() != 2 || i > 0 && d.Instances[i-1].Path.Compare(found.Path) >= 0 {
				t.Errorf("%q gives %v", in, d.Instances)
			}
		}
	})
}
