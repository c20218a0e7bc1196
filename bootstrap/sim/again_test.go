package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// again bootstraps the device once more, which holds what it held before, and returns what it
// holds now. The profile is changed before, where change is not nil.
func (b *bench) again(cfg sim.Config, holds []lwm2m.Object, change func(*store.Profile)) sim.Result {
	b.t.Helper()
	if change != nil {
		p, err := b.db.Profile(b.t.Context(), "p")
		b.ok(err)
		change(&p)
		_, err = b.db.PutProfile(b.t.Context(), p)
		b.ok(err)
	}
	b.steps = nil
	cfg.Holds = slices.DeleteFunc(slices.Clone(holds), func(o lwm2m.Object) bool { return o.ID == lwm2m.ObjectDevice })
	r, err := sim.Run(b.t.Context(), cfg)
	if s := <-b.ended; err != nil || !s.Cause.Success() {
		b.t.Fatalf("the device ends with %v, cause %s: %s, asked %v", err, s.Cause, s.Detail, b.asked())
	}
	return r
}

// held is what a device holds, such as "/0/1 101, /1/0 101"; of Instances that belong to a
// server with its Short Server ID.
func held(t *testing.T, objects []lwm2m.Object) string {
	t.Helper()
	var out []string
	for _, o := range objects {
		for _, in := range o.Instances {
			text := lwm2m.InstancePath(o.ID, in.ID).String()
			switch o.ID {
			case lwm2m.ObjectSecurity:
				s, err := lwm2m.SecurityFrom(in)
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintf(" %d", s.ShortServerID)
			case lwm2m.ObjectServer:
				s, err := lwm2m.ServerFrom(in)
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintf(" %d", s.ShortServerID)
			case lwm2m.ObjectDevice:
				continue
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

// A device that tells little of what it has is not given it twice, however often it comes:
// the record remembers what it was given.
func TestNothingIsWrittenTwice(t *testing.T) {
	text := func(s string) store.Literal { return store.Literal{Text: &s} }
	silent := func(objects ...lwm2m.ObjectID) func(*sim.Config) {
		return func(c *sim.Config) { c.Stack.Links = sim.LinkForm{Root: `</>;lwm2m=1.1`, Silent: objects} }
	}
	noServerIDs := func(c *sim.Config) {
		c.Version, c.Stack.Links = "1.0", sim.LinkForm{Root: `lwm2m="1.0"`, NoServerIDs: true}
	}
	noDiscover := func(c *sim.Config) { c.Refuse = map[string]lwm2m.Code{"GET /": lwm2m.CodeBadRequest} }
	nothingDeleted := func(change func(*sim.Config)) func(*sim.Config) {
		return func(c *sim.Config) {
			change(c)
			refuse := map[string]lwm2m.Code{"DELETE /0": lwm2m.CodeMethodNotAllowed, "DELETE /1": lwm2m.CodeMethodNotAllowed}
			for k, v := range c.Refuse {
				refuse[k] = v
			}
			c.Refuse = refuse
		}
	}
	none := func(p *store.Profile) { p.Delete.Mode = store.DeleteNone }
	replaced := func(p *store.Profile) { p.Delete.Mode = store.DeleteReplaced }
	two := func(p *store.Profile) {
		p.Accounts = append(p.Accounts, store.Account{Name: "second", URI: "coaps://127.0.0.2:5684", ShortServerID: 102})
		p.NoAccessControl = true
	}
	both := func(changes ...func(*store.Profile)) func(*store.Profile) {
		return func(p *store.Profile) {
			for _, change := range changes {
				change(p)
			}
		}
	}
	turned := func(p *store.Profile) { slices.Reverse(p.Accounts) }
	renamed := func(p *store.Profile) {
		p.Accounts[0].Name, p.Accounts[0].RenamedFrom = "other", []string{p.Accounts[0].Name}
	}
	removed := func(p *store.Profile) { p.Accounts = p.Accounts[:1] }
	otherServer := func(p *store.Profile) { p.Accounts[0].ShortServerID = 103 }
	oscore := func(p *store.Profile) { p.Accounts[0].OSCORE = &store.OSCORE{SenderID: "s"} }
	rights := func(p *store.Profile) {
		p.AccessControl = []store.AccessControl{
			{Object: 3, Instance: 0, Owner: 101, Rights: map[uint16]uint8{101: 31}}, {Object: 4, Instance: lwm2m.MaxID, Owner: 101, Rights: map[uint16]uint8{101: 1}},
		}
	}
	turnedRights := func(p *store.Profile) { slices.Reverse(p.AccessControl) }
	apn := func(instances ...lwm2m.InstanceID) func(*store.Profile) {
		return func(p *store.Profile) {
			p.Objects = nil
			for _, id := range instances {
				p.Objects = append(p.Objects, store.ObjectValues{Path: lwm2m.InstancePath(11, id), Resources: map[lwm2m.ResourceID]store.Literal{0: text("home"), 4: text("3")}})
			}
		}
	}
	withAPN := func(change func(*sim.Config)) func(*sim.Config) {
		return func(c *sim.Config) {
			change(c)
			c.Stack.Objects = []lwm2m.ObjectID{0, 1, 2, 3, 11}
		}
	}
	tests := []struct {
		name    string
		device  func(*sim.Config)
		profile func(*store.Profile)
		changes []func(*store.Profile) // before the second bootstrap, and the third
		want    string                 // in the end
	}{
		{"no Short Server IDs", noServerIDs, nil, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"no Short Server IDs, two accounts", noServerIDs, two, nil, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"no Short Server IDs, nothing deleted", noServerIDs, none, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"no Short Server IDs, accounts of servers replaced", noServerIDs, both(two, replaced), nil, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"no Short Server IDs, accounts in another order", noServerIDs, two, []func(*store.Profile){turned}, "/0/0 0, /0/1 102, /0/2 101, /1/0 102, /1/1 101"},
		{"no Short Server IDs, in another order, nothing deleted", noServerIDs, both(two, none), []func(*store.Profile){turned}, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"no Short Server IDs, account renamed", noServerIDs, none, []func(*store.Profile){renamed}, "/0/0 0, /0/1 101, /1/0 101"},
		{"no Short Server IDs, account removed", noServerIDs, two, []func(*store.Profile){removed}, "/0/0 0, /0/1 101, /1/0 101"},
		{"no Short Server IDs, server has another, nothing deleted", noServerIDs, none, []func(*store.Profile){otherServer}, "/0/0 0, /0/1 103, /1/0 103"},
		{"no Short Server IDs, server has another, its account replaced", noServerIDs, replaced, []func(*store.Profile){otherServer}, "/0/0 0, /0/1 103, /1/0 103"},
		{"server has another, its account replaced", nil, replaced, []func(*store.Profile){otherServer}, "/0/0 0, /0/1 103, /1/0 103"},
		{"Deletes refused", nothingDeleted(noServerIDs), two, []func(*store.Profile){turned}, "/0/0 0, /0/1 102, /0/2 101, /1/0 102, /1/1 101"},

		{"Discover refused", noDiscover, nil, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"Discover refused, in another order", noDiscover, two, []func(*store.Profile){turned}, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"Discover refused, account removed", noDiscover, two, []func(*store.Profile){removed}, "/0/0 0, /0/1 101, /1/0 101"},
		{"Discover refused, first account removed", noDiscover, two, []func(*store.Profile){func(p *store.Profile) { p.Accounts = p.Accounts[1:] }}, "/0/0 0, /0/2 102, /1/1 102"},
		{"Discover and Deletes refused, in another order", nothingDeleted(noDiscover), two, []func(*store.Profile){turned, renamed}, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"Discover refused, nothing deleted", noDiscover, both(two, none), []func(*store.Profile){turned}, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},
		{"Discover refused, accounts of servers replaced", noDiscover, nil, []func(*store.Profile){replaced}, "/0/0 0, /0/1 101, /1/0 101"},

		{"nothing told of Security", silent(0), two, []func(*store.Profile){turned}, "/0/0 0, /0/1 101, /0/2 102, /1/0 102, /1/1 101"},
		{"nothing told of Security, account removed", silent(0), two, []func(*store.Profile){func(p *store.Profile) { p.Accounts = p.Accounts[1:] }}, "/0/0 0, /0/2 102, /1/0 102"},
		{"nothing told of Server", silent(1), two, []func(*store.Profile){turned}, "/0/0 0, /0/1 102, /0/2 101, /1/0 101, /1/1 102"},
		{"nothing told of either", silent(0, 1), two, []func(*store.Profile){turned}, "/0/0 0, /0/1 101, /0/2 102, /1/0 101, /1/1 102"},

		{"OSCORE without a Short Server ID", func(c *sim.Config) { c.Stack.Links = sim.LinkForm{Root: `</>;lwm2m=1.1`, NoContextIDs: true} }, oscore, nil, "/0/0 0, /0/1 101, /1/0 101, /21/0"},
		{"nothing told of OSCORE", silent(21), oscore, nil, "/0/0 0, /0/1 101, /1/0 101, /21/0"},
		{"OSCORE, Discover refused", noDiscover, oscore, nil, "/0/0 0, /0/1 101, /1/0 101, /21/1"},
		{"OSCORE, nothing deleted", nil, both(oscore, none), nil, "/0/0 0, /0/1 101, /1/0 101, /21/0"},

		{"Access Control, nothing deleted", nil, both(rights, none), []func(*store.Profile){turnedRights}, "/0/0 0, /0/1 101, /1/0 101, /2/0, /2/1"},
		{"Access Control, Discover refused", noDiscover, rights, []func(*store.Profile){turnedRights}, "/0/0 0, /0/1 101, /1/0 101, /2/0, /2/1"},
		{"Access Control, nothing told of it", silent(2), both(rights, none), []func(*store.Profile){turnedRights}, "/0/0 0, /0/1 101, /1/0 101, /2/0, /2/1"},
		{"Access Control removed, Discover refused", noDiscover, rights, []func(*store.Profile){func(p *store.Profile) { p.AccessControl = nil }}, "/0/0 0, /0/1 101, /1/0 101"},

		{"another Instance of an Object", withAPN(noServerIDs), apn(0, 1), []func(*store.Profile){apn(1)}, "/0/0 0, /0/1 101, /1/0 101, /11/1"},
		{"an Object that is not given any more", withAPN(noServerIDs), apn(0), []func(*store.Profile){apn()}, "/0/0 0, /0/1 101, /1/0 101"},
		{"an Object that is not given any more, Discover refused", withAPN(noDiscover), apn(0), []func(*store.Profile){apn()}, "/0/0 0, /0/1 101, /1/0 101"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(b *bench) {
				if tt.profile != nil {
					tt.profile(&b.profile)
				}
			})
			cfg := b.config()
			if tt.device != nil {
				tt.device(&cfg)
			}
			r := b.again(cfg, nil, nil)
			for i := range 2 {
				var change func(*store.Profile)
				if i < len(tt.changes) {
					change = tt.changes[i]
				}
				r = b.again(cfg, r.Objects, change)
			}
			if got := held(t, r.Objects); got != tt.want {
				t.Errorf("the device holds %s, want %s; asked %v", got, tt.want, b.asked())
			}
			if r.BootstrapServer == nil || r.BootstrapServer.ID != 0 {
				t.Error("the Bootstrap-Server Account is lost")
			}
		})
	}
}

// What a device has of other Objects by itself stays, however often it comes; what it was
// given goes with the profile.
func TestInstancesOfTheDeviceStay(t *testing.T) {
	apn := func(instances ...lwm2m.InstanceID) (out []store.ObjectValues) {
		for _, id := range instances {
			out = append(out, store.ObjectValues{Path: lwm2m.InstancePath(11, id), Resources: map[lwm2m.ResourceID]store.Literal{0: {Text: new("home")}, 4: {Text: new("3")}}})
		}
		return out
	}
	b := newBench(t, func(b *bench) { b.profile.Objects = apn(0, 1) })
	cfg := b.config()
	cfg.Stack.Objects = []lwm2m.ObjectID{0, 1, 2, 3, 11}
	own := []lwm2m.Object{{ID: 11, Instances: []lwm2m.Instance{{ID: 5, Resources: []lwm2m.Resource{lwm2m.Single(0, lwm2m.StringValue("own"))}}}}}
	r := b.again(cfg, own, nil)
	if got, want := held(t, r.Objects), "/0/0 0, /0/1 101, /1/0 101, /11/0, /11/1, /11/5"; got != want {
		t.Errorf("the device holds %s, want %s", got, want)
	}
	r = b.again(cfg, r.Objects, func(p *store.Profile) { p.Objects = apn(1) })
	if got, want := held(t, r.Objects), "/0/0 0, /0/1 101, /1/0 101, /11/1, /11/5"; got != want {
		t.Errorf("the device holds %s, want %s; asked %v", got, want, b.asked())
	}
	r = b.again(cfg, r.Objects, func(p *store.Profile) { p.Objects = nil })
	if got, want := held(t, r.Objects), "/0/0 0, /0/1 101, /1/0 101, /11/5"; got != want {
		t.Errorf("the device holds %s, want %s; asked %v", got, want, b.asked())
	}
}

// What is remembered is out of date after a reset to factory settings, or where another server
// has written: then it harms nothing.
func TestMemoryThatIsOutOfDate(t *testing.T) {
	security := func(id lwm2m.InstanceID, own bool, server lwm2m.ShortServerID) lwm2m.Instance {
		in, err := lwm2m.SecurityInstance{ID: id, ServerURI: "coaps://x.example", BootstrapServer: own, ShortServerID: server}.Instance(true)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	noServerIDs := sim.LinkForm{Root: `lwm2m="1.0"`, NoServerIDs: true}
	for _, tt := range []struct {
		name  string
		links sim.LinkForm
		own   lwm2m.InstanceID // of the Bootstrap-Server Account, the second time
		holds []lwm2m.Object
		want  string
	}{
		{"reset", noServerIDs, 0, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"reset, told in full", sim.LinkForm{}, 0, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"reset, and the Bootstrap-Server Account is where an account was", noServerIDs, 1, nil, "/0/0 101, /0/1 0, /1/0 101"},
		{"reset, nothing told of Security", sim.LinkForm{Root: `lwm2m="1.0"`, Silent: []lwm2m.ObjectID{0}}, 0, nil, "/0/0 0, /0/1 101, /1/0 101"},
		{"written by another server, told in full", sim.LinkForm{}, 0, []lwm2m.Object{
			{ID: 0, Instances: []lwm2m.Instance{security(1, false, 7)}},
		}, "/0/0 0, /0/1 101, /1/0 101"},
		{"moved by the device, told in full", sim.LinkForm{}, 0, []lwm2m.Object{
			{ID: 0, Instances: []lwm2m.Instance{security(5, false, 101)}},
		}, "/0/0 0, /0/1 101, /1/0 101"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			cfg := b.config()
			cfg.Stack.Links = tt.links
			b.again(cfg, nil, nil)
			cfg.BootstrapServer.ID = tt.own
			r := b.again(cfg, tt.holds, nil)
			r = b.again(cfg, slices.DeleteFunc(r.Objects, func(o lwm2m.Object) bool { return false }), nil)
			if got := held(t, r.Objects); got != tt.want {
				t.Errorf("the device holds %s, want %s; asked %v", got, tt.want, b.asked())
			}
			if r.BootstrapServer == nil || r.BootstrapServer.ID != tt.own {
				t.Error("the Bootstrap-Server Account is lost")
			}
		})
	}
}

// A session that failed in the middle has written something all the same.
func TestMemoryOfAFailedSession(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse map[string]lwm2m.Code
	}{
		{"the second Write refused", map[string]lwm2m.Code{"PUT /1": lwm2m.CodeNotFound}},
		{"Finish refused", map[string]lwm2m.Code{"POST /bs": lwm2m.CodeNotAcceptable}},
		{"the second Write not answered", map[string]lwm2m.Code{"PUT /1": silence}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(b *bench) { impatient(b) })
			cfg := b.config()
			cfg.Version, cfg.Stack.Links = "1.0", sim.LinkForm{Root: `lwm2m="1.0"`, NoServerIDs: true}
			cfg.Refuse = tt.refuse
			r, err := sim.Run(t.Context(), cfg)
			if s := <-b.ended; err == nil || s.Cause.Success() {
				t.Fatalf("the first session ends with %v, cause %s", err, s.Cause)
			}
			cfg.Refuse = nil
			r = b.again(cfg, r.Objects, nil)
			r = b.again(cfg, r.Objects, nil)
			if got, want := held(t, r.Objects), "/0/0 0, /0/1 101, /1/0 101"; got != want {
				t.Errorf("the device holds %s, want %s; asked %v", got, want, b.asked())
			}
		})
	}
}
