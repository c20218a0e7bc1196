package plan

import (
	"fmt"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
)

// given is what a device was given: "/0/1 main 101, /1/0 main 101, /11/1"; with an account
// that may not be there as "/0/1 main 101 ?".
func givenBefore(t *testing.T, text string) (w store.Written) {
	t.Helper()
	for entry := range strings.SplitSeq(text, ", ") {
		if entry == "" {
			continue
		}
		words := strings.Fields(entry)
		path, err := lwm2m.ParsePath(words[0])
		if err != nil {
			t.Fatal(err)
		}
		in := store.WrittenInstance{Path: path}
		if len(words) > 2 {
			in.Account = words[1]
			_, _ = fmt.Sscan(words[2], &in.Server)
			in.Unconfirmed = len(words) > 3
		}
		w.Instances = append(w.Instances, in)
	}
	return w
}

// What a client tells counts for more than what is remembered of it.
func TestRecall(t *testing.T) {
	for _, tt := range []struct {
		name, links, before string
		own                 int // where the Bootstrap-Server Account was; -1: unknown
		want                string
	}{
		{"nothing remembered", `</0/0>,</0/1>,</1/0>`, "", -1, "/0/0 0, /0/1 0, /1/0 0"},
		{"Short Server IDs not told", `</0/0>,</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", -1, "/0/0 0, /0/1 101, /1/0 101"},
		{"Short Server IDs told", `</0/0>,</0/1>;ssid=7,</1/0>;ssid=7`, "/0/1 main 101, /1/0 main 101", -1, "/0/0 0, /0/1 7, /1/0 7"},
		{"a Short Server ID that names no server", `</0/0>,</0/1>;ssid=0,</1/0>`, "/0/1 main 101, /1/0 main 101", -1, "/0/0 0, /0/1 0, /1/0 101"},
		{"the other half is gone", `</0/0>,</0/1>,</1>`, "/0/1 main 101, /1/0 main 101", -1, "/0/0 0, /0/1 0"},
		{"the other half was never there", `</0/0>,</0/1>,</1>`, "/0/1 main 101", -1, "/0/0 0, /0/1 101"},
		{"the other half may never have been there", `</0/0>,</0/1>,</1>`, "/0/1 main 101, /1/0 main 101 ?", -1, "/0/0 0, /0/1 101"},
		{"it would be the Bootstrap-Server Account", `</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", -1, "/0/1 0, /1/0 101"},
		{"the Bootstrap-Server Account has moved there", `</0/1>,</0/2>,</1/0>`, "/0/1 main 101, /1/0 main 101", 0, "/0/1 0, /0/2 0, /1/0 101"},
		{"the Bootstrap-Server Account is where it was", `</0/0>,</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", 0, "/0/0 0, /0/1 101, /1/0 101"},
		{"Security not spoken of", `</1/0>,</3/0>`, "/0/1 main 101, /1/0 main 101", -1, "/0/1 101, /1/0 101, /3/0 0"},
		{"Security not spoken of, and the other half gone", `</1>,</3/0>`, "/0/1 main 101, /1/0 main 101", -1, "/3/0 0"},
		{"Security without Instances", `</0>,</1/0>`, "/0/1 main 101, /1/0 main 101", -1, "/0/1 101, /1/0 101"},
		{"Server without Instances", `</0/0>,</0/1>,</1>`, "/1/0 main 101", -1, "/0/0 0, /0/1 0"},
		{"another Object not spoken of", `</0/0>`, "/11/0", -1, "/0/0 0"},
		{"another Object spoken of", `</0/0>,</11/0>,</11/1>`, "/11/0, /11/2", -1, "/0/0 0, /11/0 0, /11/1 0"},
		{"Access Control not spoken of", `</0/0>`, "/2/0", -1, "/0/0 0, /2/0 0"},
		{"OSCORE without a Short Server ID", `</0/0>,</0/1>;ssid=101,</1/0>;ssid=101,</21/0>,</21/1>`, "/0/1 main 101, /1/0 main 101, /21/1 main 101", -1, "/0/0 0, /0/1 101, /1/0 101, /21/0 0, /21/1 101"},
		{"no answer", "", "/0/1 main 101, /1/0 main 101, /2/0, /11/0", -1, "/0/1 101, /1/0 101, /2/0 0, /11/0 0"},
		{"a path that is none of an Instance", `</0/0>`, "/0, /1/0/1", -1, "/0/0 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := memory{written: givenBefore(t, tt.before)}
			if tt.own >= 0 {
				m.written.BootstrapInstance = new(lwm2m.InstanceID(tt.own))
			}
			var found *link.Discovery
			if tt.links != "" {
				found = new(link.ParseDiscovery([]byte(tt.links)))
			}
			known, _ := m.recall(found)
			var got []string
			for _, in := range known {
				got = append(got, fmt.Sprintf("%v %d", in.Path, in.ShortServerID))
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("known is %s, want %s", text, tt.want)
			}
		})
	}
}

// A record remembers what is there by all that is known, and no more of it than it can hold.
func TestRemember(t *testing.T) {
	paths := func(w store.Written) (text string) {
		for _, in := range w.Instances {
			text += in.Path.String() + " "
		}
		return strings.TrimSpace(text)
	}
	for _, tt := range []struct {
		name, links, before, written string
		deleted                      []lwm2m.Path
		want                         string
	}{
		{"the first time", `</0/0>,</1>`, "", "/0/1 main 101, /1/0 main 101", nil, "/0/1 /1/0"},
		{"again", `</0/0>,</0/1>,</1/0>`, "/0/1 main 101, /1/0 main 101", "/0/1 main 101, /1/0 main 101", nil, "/0/1 /1/0"},
		{"something stays", `</0/0>,</0/1>,</0/2>,</1/0>,</1/1>`, "/0/1 a 101, /1/0 a 101, /0/2 b 102, /1/1 b 102", "/0/1 a 101, /1/0 a 101", nil, "/0/1 /0/2 /1/0 /1/1"},
		{"something was deleted", `</0/0>,</0/1>,</0/2>,</1/0>,</1/1>`, "/0/1 a 101, /1/0 a 101, /0/2 b 102, /1/1 b 102", "", []lwm2m.Path{lwm2m.InstancePath(0, 2), lwm2m.InstancePath(1, 1)}, "/0/1 /1/0"},
		{"everything was deleted", `</0/0>,</0/1>,</1/0>`, "/0/1 a 101, /1/0 a 101", "", []lwm2m.Path{lwm2m.Root}, ""},
		{"something is gone", `</0/0>,</1>`, "/0/1 a 101, /1/0 a 101, /11/0", "/0/5 a 101", nil, "/0/5"},
		{"it does not tell", "", "/0/1 a 101, /1/0 a 101", "/0/2 b 102", nil, "/0/1 /0/2 /1/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := Changes{Deleted: tt.deleted, Written: givenBefore(t, tt.written).Instances}
			if tt.links != "" {
				done.Found = new(link.ParseDiscovery([]byte(tt.links)))
			}
			got := Remember(givenBefore(t, tt.before), done)
			if text := paths(got); text != tt.want {
				t.Errorf("remembered is %s, want %s", text, tt.want)
			}
			if own := got.BootstrapInstance; (own == nil) != (tt.links == "") || own != nil && *own != 0 {
				t.Errorf("the Bootstrap-Server Account is remembered at %v", own)
			}
		})
	}
	many := Changes{}
	for i := range 2 * store.MaxWritten {
		many.Written = append(many.Written, store.WrittenInstance{Path: lwm2m.InstancePath(11, lwm2m.InstanceID(i))})
	}
	if n := len(Remember(store.Written{}, many).Instances); n != store.MaxWritten {
		t.Errorf("%d Instances are remembered", n)
	}
}
