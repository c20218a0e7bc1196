package profile_test

import (
	"fmt"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Differences are told by the names of what has them, wherever it stands.
func TestDiff(t *testing.T) {
	before := contentProfile()
	for name, tt := range map[string]struct {
		change func(*store.Profile)
		want   string
	}{
		"none":             {func(p *store.Profile) { p.Revision = 9 }, ""},
		"an address":       {func(p *store.Profile) { p.Accounts[0].URI = "coaps://b.example" }, `accounts[main].uri coaps://a.example coaps://b.example`},
		"something added":  {func(p *store.Profile) { p.Accounts[0].HandOver = "dm" }, `accounts[main].handOver  dm`},
		"something gone":   {func(p *store.Profile) { p.BootstrapServer = nil }, `bootstrapServer.uri coaps://bs.example `},
		"a value":          {func(p *store.Profile) { p.Objects[0].Resources[14] = store.Literal{Text: new("x")} }, `objects[/3/0].resources.14 +01:00 x`},
		"a right":          {func(p *store.Profile) { p.AccessControl[0].Rights[102] = 3 }, `accessControl[/3/0].rights.102 1 3`},
		"the same, turned": {func(p *store.Profile) { p.Accounts[0], p.Accounts[1] = p.Accounts[1], p.Accounts[0] }, ""},
		"two of a name": {func(p *store.Profile) {
			p.Objects = append(p.Objects, store.ObjectValues{Path: lwm2m.InstancePath(3, 0), Resources: map[lwm2m.ResourceID]store.Literal{15: {Text: new("y")}}})
		}, `objects[/3/0, 2].path  /3/0; objects[/3/0, 2].resources.15  y`},
	} {
		after := contentProfile()
		tt.change(&after)
		var texts []string
		for _, d := range profile.Diff(before, after) {
			texts = append(texts, fmt.Sprintf("%s %s %s", d.Place, d.Before, d.After))
		}
		if got := strings.Join(texts, "; "); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
