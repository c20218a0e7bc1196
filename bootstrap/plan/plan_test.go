package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// planText is a plan with its bytes in TLV.
func planText(t *testing.T, p plan.Plan) string {
	t.Helper()
	var b strings.Builder
	for _, o := range p.Operations {
		fmt.Fprintf(&b, "%s %v", o.Op, o.Path)
		if o.Op == lwm2m.OpWrite {
			payload, err := content.Encode(lwm2m.FormatTLV, o.Path, o.Objects)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, " %x", payload)
		}
		b.WriteString("\n")
	}
	for _, q := range p.Quirks {
		fmt.Fprintf(&b, "quirk: %s\n", q)
	}
	return b.String()
}

// planProfile has one of everything that a plan orders.
func planProfile() store.Profile {
	offset := "+02:00"
	return store.Profile{
		Name: "p",
		Accounts: []store.Account{
			{Name: "a", URI: "coap://a.example", ShortServerID: 101},
			{Name: "b", URI: "coap://b.example", ShortServerID: 102},
		},
		AccessControl: []store.AccessControl{{Object: 3, Owner: 101, Rights: map[uint16]uint8{101: 31, 102: 1}}},
		Objects: []store.ObjectValues{{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{
			14: {Text: &offset},
		}}},
	}
}

// resolved is what d is given under p, with which nothing may be wrong.
func resolved(t *testing.T, p store.Profile, d store.Device) lwm2m.BootstrapInfo {
	t.Helper()
	info, findings := profile.Resolve(p, d, nil)
	for _, f := range findings {
		if !f.Warning {
			t.Fatal(f)
		}
	}
	return info
}

func TestPlan(t *testing.T) {
	const full = `</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101,</0/2>;ssid=7,</1/0>;ssid=101,</1/5>;ssid=7,</2/0>,</3/0>,</21/0>;ssid=7,</21/1>,</5/0>`
	oscore := func(p *store.Profile) {
		p.Accounts[1].OSCORE = &store.OSCORE{SenderID: "hex:01", RecipientID: "bs", MasterSalt: "hex:0102", IDContext: "hex:03"}
	}
	tests := []struct {
		name   string
		links  string // answer to Discover; empty: refused
		change func(*store.Profile)
	}{
		{"empty-device", `</>;lwm2m=1.1,</0/0>,</1>,</3/0>`, nil},
		{"bootstrap-account-at-1", `</>;lwm2m=1.1,</0/1>,</3/0>`, nil},
		{"full-device", full, nil},
		{"delete-all", full, func(p *store.Profile) { p.Delete.Mode = store.DeleteAll }},
		{"delete-none-replaces-in-place", full, func(p *store.Profile) { p.Delete.Mode = store.DeleteNone }},
		{"delete-list", full, func(p *store.Profile) {
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 2), lwm2m.ObjectPath(1)}}
		}},
		{"discover-refused", "", nil},
		{"discover-refused-at-1", "", func(p *store.Profile) { p.BootstrapInstance = 1 }},
		{"two-without-ssid", `</0/0>,</0/1>,</1/0>;ssid=9`, nil},
		{"none-without-ssid", `</0/0>;ssid=9`, nil},
		{"bootstrap-account-replaced", `</>;lwm2m=1.1,</0/3>,</0/1>;ssid=101,</1/0>;ssid=101`, func(p *store.Profile) {
			p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example", Identity: "me"}
		}},
		{"replace-one-account", full, func(p *store.Profile) {
			p.Accounts = p.Accounts[:1] // that of server 101; that of server 7 stays
			p.AccessControl[0].Rights = map[uint16]uint8{101: 31, 7: 1}
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 1), lwm2m.InstancePath(1, 0), lwm2m.InstancePath(2, 0)}}
		}},
		{"replace-by-server", full, func(p *store.Profile) {
			p.Accounts, p.AccessControl = p.Accounts[:1], nil
			p.Delete.Mode = store.DeleteReplaced
		}},
		{"replace-by-server-with-rights", full, func(p *store.Profile) {
			p.Accounts = p.Accounts[:1]
			p.AccessControl[0].Rights = map[uint16]uint8{101: 31, 7: 1}
			p.Delete.Mode = store.DeleteReplaced
		}},
		{"objects-alone", full, func(p *store.Profile) { p.Accounts, p.AccessControl, p.Delete.Mode = nil, nil, store.DeleteNone }},
		{"oscore", full, oscore},
		{"oscore-in-place", full + `,</0/3>;ssid=102,</21/4>;ssid=102`, func(p *store.Profile) {
			oscore(p)
			p.Delete.Mode = store.DeleteNone
		}},
		{"oscore-discover-refused", "", oscore},
		{"empty-resources-omitted", `</0/0>`, func(p *store.Profile) { p.Device.EmptyResources = grammar.EmptyOmit }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := planProfile()
			if tt.change != nil {
				tt.change(&p)
			}
			secret := store.AccountKeys{MasterSecret: lwm2m.NewSecret([]byte("0123456789abcdef"))}
			info := resolved(t, p, store.Device{Endpoint: "dev-1", Accounts: map[string]store.AccountKeys{"b": secret}})
			var found *link.Discovery
			if tt.links != "" {
				d := link.ParseDiscovery([]byte(tt.links))
				found = &d
			}
			got, err := plan.Make(p, store.Device{}, info, found)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", "plan", tt.name+".txt"), "discover: "+tt.links+"\n"+planText(t, got))
		})
	}
}

func TestPlanIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		links  string // empty: refused
		change func(*store.Profile)
		told   string
	}{
		{"replacing the Bootstrap-Server Account, wherever it is", "", replaceOwn, "not certain"},
		{"replacing one of two that may be the Bootstrap-Server Account", `</0/0>,</0/1>`, replaceOwn, "not certain"},
		{"deleting the Bootstrap-Server Account", `</0/3>`, func(p *store.Profile) {
			p.Delete = store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.InstancePath(0, 3)}}
		}, "/0/3, which is the client's Bootstrap-Server Account"},
		{"replacing accounts of which nothing is known", "", func(p *store.Profile) { p.Delete.Mode = store.DeleteReplaced }, "does not tell"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := planProfile()
			tt.change(&p)
			info, _ := profile.Resolve(p, store.Device{Endpoint: "dev-1"}, nil)
			var found *link.Discovery
			if tt.links != "" {
				found = new(link.ParseDiscovery([]byte(tt.links)))
			}
			if got, err := plan.Make(p, store.Device{}, info, found); err == nil || !strings.Contains(err.Error(), tt.told) || len(got.Operations) > 0 {
				t.Errorf("the plan is %+v, %v", got, err)
			}
		})
	}
}

func replaceOwn(p *store.Profile) {
	p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example"}
}

// A client that would be left without an LwM2M Server is given nothing at all.
func TestPlanLeavesAnAccount(t *testing.T) {
	list := func(paths ...lwm2m.Path) store.DeletePolicy {
		return store.DeletePolicy{Mode: store.DeleteList, Paths: paths}
	}
	tests := []struct {
		name    string
		links   string
		deletes store.DeletePolicy
		good    bool
	}{
		{"it has one", `</0/0>,</0/1>;ssid=7,</1/5>;ssid=7`, store.DeletePolicy{Mode: store.DeleteNone}, true},
		{"it has none", `</0/0>,</1>`, store.DeletePolicy{Mode: store.DeleteNone}, false},
		{"it has half of one", `</0/0>,</0/1>;ssid=7,</1/5>;ssid=8`, store.DeletePolicy{Mode: store.DeleteNone}, false},
		{"the one is deleted", `</0/0>,</0/1>;ssid=7,</1/5>;ssid=7`, list(lwm2m.ObjectPath(1)), false},
		{"another is deleted", `</0/0>,</0/1>;ssid=7,</1/5>;ssid=7`, list(lwm2m.InstancePath(1, 4)), true},
		{"it does not tell", "", store.DeletePolicy{Mode: store.DeleteNone}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := planProfile()
			p.Accounts, p.AccessControl, p.Delete = nil, nil, tt.deletes
			info := resolved(t, p, store.Device{Endpoint: "dev-1"})
			var found *link.Discovery
			if tt.links != "" {
				found = new(link.ParseDiscovery([]byte(tt.links)))
			}
			if _, err := plan.Make(p, store.Device{}, info, found); (err == nil) != tt.good {
				t.Errorf("the plan ends with %v", err)
			}
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the plan is not that of %s:\n%s", file, got)
	}
}

// Whatever a client claims to have, no pack holds an Instance that may be its
// Bootstrap-Server Account, no plan deletes one, and none writes to one unless there is
// only one and it is to be replaced.
func FuzzPlanSparesTheBootstrapAccount(f *testing.F) {
	f.Add(`</0/0>,</0/1>;ssid=101`, uint8(0), false)
	f.Add(`</0/0>,</0/1>;ssid=101`, uint8(0), true)
	f.Add(`</0/0>;ssid=101,</0/1>`, uint8(2), true)
	f.Add(`</0/0>,</0/1>,</0/2>`, uint8(3), false)
	f.Add(`</0/0>,</0/1>`, uint8(0), true)
	modes := []string{store.DeleteDiscovered, store.DeleteAll, store.DeleteNone, store.DeleteList, store.DeleteReplaced}
	f.Fuzz(func(t *testing.T, links string, mode uint8, replace bool) {
		p := planProfile()
		p.Delete = store.DeletePolicy{Mode: modes[int(mode)%len(modes)], Paths: []lwm2m.Path{lwm2m.InstancePath(0, 1)}}
		if replace {
			p.BootstrapServer = &store.BootstrapServer{URI: "coaps://bs.example"}
		}
		info, _ := profile.Resolve(p, store.Device{Endpoint: "dev-1"}, nil)
		found := link.ParseDiscovery([]byte(links))
		own := found.BootstrapSecurity()
		if pack, err := plan.MakePack(p, store.Device{}, info, &found); err == nil {
			for _, path := range plan.Instances(pack.Content) {
				if path.Object() == lwm2m.ObjectSecurity && slices.Contains(own, path.Instance()) {
					t.Errorf("%q: the pack has %v", links, path)
				}
			}
		}
		got, err := plan.Make(p, store.Device{}, info, &found)
		if err != nil {
			return
		}
		for i, o := range got.Operations {
			if o.Path.Object() != lwm2m.ObjectSecurity || o.Path.Depth() < 2 || !slices.Contains(own, o.Path.Instance()) {
				continue
			}
			if last := i == len(got.Operations)-1; !replace || len(own) != 1 || o.Op != lwm2m.OpWrite || !last {
				t.Errorf("%q in mode %s: %s %v", links, p.Delete.Mode, o.Op, o.Path)
			}
		}
	})
}
