package profile_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// fleet assigns n devices, and returns which server each has, and how many each server has.
func fleet(n int, among ...store.LwM2MServer) (of []string, sizes map[string]int) {
	sizes = make(map[string]int)
	for i := range n {
		s, ok := profile.Choose(lwm2m.EndpointName(fmt.Sprintf("urn:dev:os:0023C7-%06d", i)), among)
		if !ok {
			s.Name = "none"
		}
		of = append(of, s.Name)
		sizes[s.Name]++
	}
	return of, sizes
}

func named(name string, weight int) store.LwM2MServer {
	return store.LwM2MServer{Name: name, Weight: weight}
}

// Devices are spread by weight: of 20,000 each server has its share within five standard deviations.
func TestSharesFollowWeights(t *testing.T) {
	const n = 20_000
	for name, among := range map[string][]store.LwM2MServer{
		"equal":   {named("a", 0), named("b", 1), named("c", 1)},
		"unequal": {named("a", 1), named("b", 2), named("c", 5)},
		"extreme": {named("a", 1), named("b", 999)},
		"alone":   {named("a", 7)},
	} {
		_, sizes := fleet(n, among...)
		all := 0
		for _, s := range among {
			all += max(s.Weight, 1)
		}
		for _, s := range among {
			share := float64(max(s.Weight, 1)) / float64(all)
			if got, want := float64(sizes[s.Name]), n*share; math.Abs(got-want) > 5*math.Sqrt(n*share*(1-share))+1e-9 {
				t.Errorf("%s: server %s has %v devices, want about %v", name, s.Name, got, want)
			}
		}
	}
}

// A device keeps its server but for those that have to move: away from one that is drained or removed, to one that is
// added or that weighs more.
func TestOnlyThoseMoveThatMust(t *testing.T) {
	before := []store.LwM2MServer{named("a", 2), named("b", 1), named("c", 1)}
	drained := []store.LwM2MServer{named("a", 2), {Name: "b", Weight: 1, Draining: true}, named("c", 1)}
	for name, test := range map[string]struct {
		after    []store.LwM2MServer
		from, to string // of each device that moves; empty for any
	}{
		"drained":        {drained, "b", ""},
		"removed":        {[]store.LwM2MServer{named("c", 1), named("a", 2)}, "b", ""},
		"added":          {append([]store.LwM2MServer{named("d", 1)}, before...), "", "d"},
		"more weight":    {[]store.LwM2MServer{named("a", 2), named("b", 3), named("c", 1)}, "", "b"},
		"less weight":    {[]store.LwM2MServer{named("a", 1), named("b", 1), named("c", 1)}, "a", ""},
		"in other order": {[]store.LwM2MServer{named("c", 1), named("b", 1), named("a", 2)}, "nothing", ""},
	} {
		was, _ := fleet(5000, before...)
		is, sizes := fleet(5000, test.after...)
		moved := 0
		for i := range was {
			if was[i] == is[i] {
				continue
			}
			moved++
			if test.from != "" && was[i] != test.from || test.to != "" && is[i] != test.to {
				t.Fatalf("%s: device %d moved from %s to %s", name, i, was[i], is[i])
			}
		}
		if (moved == 0) != (test.from == "nothing") || sizes["none"] > 0 {
			t.Errorf("%s: %d moved; %v", name, moved, sizes)
		}
		if name == "drained" && sizes["b"] > 0 {
			t.Errorf("%d devices are assigned to the one that is drained", sizes["b"])
		}
	}
}

func TestAssign(t *testing.T) {
	servers := map[string]store.LwM2MServer{
		"told":   {Name: "told", Kind: store.KindLeshan, DeviceURI: "coaps://told.example/{{"},
		"untold": {Name: "untold", Kind: store.KindNone},
		"gone":   {Name: "gone", Kind: store.KindNone, Draining: true, DeviceURI: "coap://gone.example"},
	}
	down := errors.New("disk")
	lookUp := func(name string) (store.LwM2MServer, error) {
		if s, ok := servers[name]; ok {
			return s, nil
		}
		return store.LwM2MServer{}, down
	}
	for name, test := range map[string]struct {
		account         store.Account
		uri, told, want string // want is an error
	}{
		"without servers":    {store.Account{URI: "coap://a.example", HandOver: "x"}, "coap://a.example", "x", ""},
		"its URI, and told":  {store.Account{Servers: []string{"told"}}, `coaps://told.example/{{"{{"}}`, "told", ""},
		"of the account":     {store.Account{URI: "coap://{{.Endpoint}}", Servers: []string{"untold"}}, "coap://{{.Endpoint}}", "", ""},
		"no URI":             {store.Account{Name: "main", Servers: []string{"untold"}}, "", "", "lwbs lwm2m-server set untold --device-uri URI"},
		"all drained":        {store.Account{Name: "main", Servers: []string{"gone"}}, "", "", "being drained (gone)"},
		"not readable":       {store.Account{Servers: []string{"told", "lost"}}, "", "", "disk"},
		"one of two drained": {store.Account{Servers: []string{"gone", "told"}}, `coaps://told.example/{{"{{"}}`, "told", ""},
	} {
		p := store.Profile{Accounts: []store.Account{test.account}}
		got, err := profile.Assign(p, "dev", lookUp)
		if test.want != "" {
			var unassigned *profile.UnassignedError
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &unassigned) != (test.want != "disk") {
				t.Errorf("%s: %v, want %q", name, err, test.want)
			}
			continue
		}
		if a := got.Accounts[0]; err != nil || a.URI != test.uri || a.HandOver != test.told || (a.Assigned == "") != (len(a.Servers) == 0) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if p.Accounts[0].URI != test.account.URI || p.Accounts[0].Assigned != "" {
			t.Errorf("%s: it changed the profile of others", name)
		}
	}
}

// An account leads to one URI, or to servers, each once, and says only one of servers and handOver.
func TestServersOfAnAccountAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		account store.Account
		want    string
	}{
		"neither":       {store.Account{}, "accounts[0].uri: it is missing"},
		"both":          {store.Account{Servers: []string{"a"}, HandOver: "b"}, "accounts[0].handOver: servers says it too"},
		"twice":         {store.Account{Servers: []string{"a", "b", "a"}}, `accounts[0].servers: "a" is there twice`},
		"servers":       {store.Account{Servers: []string{"a", "b"}}, ""},
		"servers, URI":  {store.Account{Servers: []string{"a", "b"}, URI: "coaps://{{.Vars.host}}.example"}, ""},
		"servers, RPK?": {store.Account{Servers: []string{"a"}, Security: "psk"}, ""},
	} {
		test.account.Name, test.account.ShortServerID = "main", 1
		text := ""
		for _, f := range profile.Check(store.Profile{Name: "p", Accounts: []store.Account{test.account}}, nil) {
			text += f.String() + "\n"
		}
		if test.want == "" && text != "" || !strings.Contains(text, test.want) {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
	}
}
