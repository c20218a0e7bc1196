package enrol_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/enrol"
	"lwbs/lwm2m"
	"lwbs/store"
)

// The keys in testdata/enrol were computed by others; its README.md says by whom.
func TestDeviceKey(t *testing.T) {
	var vectors []struct {
		Name, Identity, GroupKey, Key string
		Derivation                    store.Derivation
		Length                        int
	}
	b, err := os.ReadFile("../../testdata/enrol/keys.json")
	if err == nil {
		err = json.Unmarshal(b, &vectors)
	}
	if err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		groupKey, err1 := hex.DecodeString(v.GroupKey)
		want, err2 := hex.DecodeString(v.Key)
		got, err := enrol.DeviceKey(v.Derivation, v.Length, lwm2m.NewSecret(groupKey), v.Identity)
		if err := errors.Join(err1, err2, err); err != nil || !got.Equal(lwm2m.NewSecret(want)) {
			t.Errorf("%s: the key is %x, want %x; error %v", v.Name, got.Reveal(), want, err)
		}
	}
	for _, tt := range []struct {
		how    store.Derivation
		length int
	}{{"", 15}, {"", 65}, {store.DerivationAzure, 16}, {"md5", 16}} {
		if _, err := enrol.DeviceKey(tt.how, tt.length, lwm2m.NewSecret(make([]byte, 32)), "x"); err == nil {
			t.Errorf("a key of %d bytes with %q is derived", tt.length, tt.how)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"urn:imei:35*", "urn:imei:356938035643809", true},
		{"urn:imei:35*", "urn:imei:35", true},
		{"urn:imei:35*", "urn:imei:3", false},
		{"urn:imei:35*", "URN:IMEI:356938035643809", false},
		{"urn:imei:35*", "x urn:imei:35", false},
		{"meter", "meter", true},
		{"meter", "meter1", false},
		{"*", "", true},
		{"*", "anything at all", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b-", false},
		{"a*b*c", "acb", false},
		{"*7", "1777", true},
		{"**x**", "x", true},
		{"", "", true},
		{"", "x", false},
		{"a*", "a\x00b", true},
		{"a?", "ab", false},
		{"a?", "a?", true},
	} {
		if got := enrol.Matches(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.name, got)
		}
	}
	// A pattern on which a search that goes back to each * takes for ever.
	if name := strings.Repeat("a", 250); enrol.Matches(strings.Repeat("a*", 120)+"b", name) {
		t.Errorf("it matches %q", name)
	}
}

// Two patterns overlap if and only if some name matches both. The names of up to 7 letters are enough
// for patterns of up to 5.
func TestOverlap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n int, of string) string {
		b := make([]byte, random.IntN(n+1))
		for i := range b {
			b[i] = of[random.IntN(len(of))]
		}
		return string(b)
	}
	var names []string
	for n := range 8 {
		for bits := range 1 << n {
			name := make([]byte, n)
			for i := range name {
				name[i] = 'a' + byte(bits>>i&1)
			}
			names = append(names, string(name))
		}
	}
	for range 3000 {
		a, b := letters(5, "ab*"), letters(5, "ab*")
		witness := false
		for _, name := range names {
			witness = witness || enrol.Matches(a, name) && enrol.Matches(b, name)
		}
		if got := enrol.Overlap(a, b); got != witness || enrol.Overlap(b, a) != got {
			t.Fatalf("%q and %q overlap: %v, want %v", a, b, got, witness)
		}
	}
}

func FuzzOverlap(f *testing.F) {
	f.Add("urn:imei:35*", "urn:*", "urn:imei:3569")
	f.Add("*a", "b*", "ba")
	f.Fuzz(func(t *testing.T, a, b, name string) {
		if enrol.Matches(a, name) && enrol.Matches(b, name) && !enrol.Overlap(a, b) {
			t.Errorf("%q matches %q and %q, which do not overlap", name, a, b)
		}
	})
}

func TestChoose(t *testing.T) {
	groups := []store.Group{
		{Name: "all", Match: []string{"*"}},
		{Name: "lot", Match: []string{"urn:imei:35*"}, Disabled: true},
		{Name: "other", Match: []string{"x*", "urn:imei:*8"}},
		{Name: "same", Match: []string{"*urn:imei:35"}},
	}
	everyone := func(store.Group) bool { return true }
	for name, want := range map[string]string{
		"urn:imei:351": "lot",
		"urn:imei:358": "lot", // 11 bytes against 10
		"urn:imei:998": "other",
		"urn:imei:35":  "lot", // as many as same, and its name comes first
		"y":            "all",
		"":             "all",
	} {
		if g, found := enrol.Choose(groups, name, everyone); !found || g.Name != want {
			t.Errorf("%q belongs to %q, want %q", name, g.Name, want)
		}
	}
	if g, _ := enrol.Choose(groups, "urn:imei:351", func(g store.Group) bool { return !g.Disabled }); g.Name != "all" {
		t.Errorf("without lot it belongs to %q", g.Name)
	}
	if g, found := enrol.Choose(groups[1:], "y", everyone); found {
		t.Errorf("a name that nothing matches belongs to %q", g.Name)
	}
}

func TestRefuses(t *testing.T) {
	now := time.Date(2026, 11, 29, 6, 0, 0, 0, time.UTC)
	g := store.Group{Denied: []lwm2m.EndpointName{"bad", "worse"}, MaxDevices: 2, Until: now.Add(time.Second)}
	disabled := g
	disabled.Disabled = true
	for _, tt := range []struct {
		name string
		g    store.Group
		ep   lwm2m.EndpointName
		size int
		now  time.Time
		want store.Variant
	}{
		{"one that it enrols", g, "good", 1, now, ""},
		{"a denied one", g, "bad", 1, now, store.VariantGroupDenied},
		{"another denied one", g, "worse", 1, now, store.VariantGroupDenied},
		{"a full group", g, "good", 2, now, store.VariantGroupFull},
		{"a group at its end", g, "good", 1, now.Add(time.Second), store.VariantGroupEnded},
		{"a disabled group", disabled, "good", 1, now, store.VariantGroupDisabled},
		{"no limits", store.Group{}, "good", 1 << 20, now, ""},
	} {
		if why, text := enrol.Refuses(tt.g, tt.ep, tt.size, tt.now); why != tt.want || (why == "") != (text == "") {
			t.Errorf("%s is refused with %q (%s), want %q", tt.name, why, text, tt.want)
		}
	}
}
