package bootstrap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A device goes to the LwM2M Server that it is assigned, which is told; when that is drained, it goes to another one at
// its next bootstrap, with the same key, and comes back when it is not drained any more.
func TestDeviceGoesWhereItIsAssigned(t *testing.T) {
	dm := &lwm2mServer{}
	h := newHandOverTest(t, store.Profile{Name: "p", Accounts: []store.Account{{Name: "other", URI: "coaps://a.example", ShortServerID: 101}}}, dm)
	servers := []store.LwM2MServer{
		{Name: "dm-1", Kind: store.KindPSKFile, Address: "/none", DeviceURI: "coaps://dm-1.example"},
		{Name: "dm-2", Kind: store.KindPSKFile, Address: "/none", DeviceURI: "coaps://dm-2.example"},
	}
	for i, s := range servers {
		var err error
		servers[i], err = h.db.PutLwM2MServer(t.Context(), s)
		check(t, err)
	}
	p, err := h.db.Profile(t.Context(), "p")
	check(t, err)
	p.Accounts = []store.Account{{Name: "own", ShortServerID: 101, Servers: []string{"dm-1", "dm-2"}}}
	_, err = h.db.PutProfile(t.Context(), p)
	check(t, err)

	comes := func(to string) (told string) {
		t.Helper()
		before := len(dm.told)
		record, _ := h.bootstrap(newScriptedClient(nil))
		note := `account "own" is at LwM2M Server "` + to + `", one of 2`
		if record.Cause != store.CauseDone || !slices.Contains(record.Notes, note) {
			t.Errorf("session is %+v, want the note %s", record, note)
		}
		if len(dm.told) != before+1 {
			return ""
		}
		return dm.told[before]
	}
	first, _ := profile.Choose("dev", servers)
	second := servers[0]
	if first.Name == second.Name {
		second = servers[1]
	}
	told := comes(first.Name)
	if !strings.HasPrefix(told, first.Name+" dev ") {
		t.Errorf("told is %q", told)
	}
	if again := comes(first.Name); again != "" {
		t.Errorf("the same server is told again: %s", again)
	}
	first.Draining = true
	first, err = h.db.PutLwM2MServer(t.Context(), first)
	check(t, err)
	if moved := comes(second.Name); moved != strings.Replace(told, first.Name, second.Name, 1) {
		t.Errorf("told is %q, was %q", moved, told)
	}
	first.Draining = false
	_, err = h.db.PutLwM2MServer(t.Context(), first)
	check(t, err)
	comes(first.Name)
}

// A device whose servers are all drained is given nothing, and the history says why.
func TestDeviceIsAssignedNone(t *testing.T) {
	h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
	dm, err := h.db.LwM2MServer(t.Context(), "dm")
	check(t, err)
	dm.Draining = true
	_, err = h.db.PutLwM2MServer(t.Context(), dm)
	check(t, err)
	p, err := h.db.Profile(t.Context(), "p")
	check(t, err)
	p.Accounts = []store.Account{{Name: "own", URI: "coaps://a.example", ShortServerID: 101, Servers: []string{"dm"}}}
	_, err = h.db.PutProfile(t.Context(), p)
	check(t, err)
	resp, _ := h.server.ServeRequest(t.Context(), newScriptedClient(nil), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
	check(t, h.server.Close())
	kept, err := h.db.Sessions(t.Context(), store.SessionQuery{})
	check(t, err)
	if resp.Code == lwm2m.CodeChanged || len(kept) != 1 || kept[0].Cause != store.CausePlanInvalid || !strings.Contains(kept[0].Detail, "lwbs lwm2m-server undrain one of them") {
		t.Errorf("answered %v, %+v", resp.Code, kept)
	}
}

// The LwM2M Server that a device was moved from is told to forget it once the device has the account of the other one,
// and has answered Finish, unless it is to keep such devices.
func TestMovedDeviceIsForgotten(t *testing.T) {
	for name, tt := range map[string]struct {
		onDelete store.OnDelete
		want     string // the removal that waits; empty for none
	}{"tell": {store.OnDeleteTell, "removed dev at first"}, "keep": {store.OnDeleteKeep, ""}} {
		t.Run(name, func(t *testing.T) {
			h := newHandOverTest(t, store.Profile{Name: "p", Accounts: []store.Account{{Name: "other", URI: "coaps://a.example", ShortServerID: 101}}}, &lwm2mServer{})
			first, err := h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "first", Kind: store.KindLeshan, Address: "http://127.0.0.1:1", DeviceURI: "coaps://1.example", Weight: store.MaxWeight, OnDelete: tt.onDelete})
			check(t, err)
			p, err := h.db.Profile(t.Context(), "p")
			check(t, err)
			p.Accounts = []store.Account{{Name: "own", ShortServerID: 101, Servers: []string{"first"}}}
			p, err = h.db.PutProfile(t.Context(), p)
			check(t, err)
			h.bootstrap(newScriptedClient(nil))
			_, err = h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "second", Kind: store.KindLeshan, Address: "http://127.0.0.1:1", DeviceURI: "coaps://2.example"})
			check(t, err)
			p.Accounts[0].Servers = []string{"first", "second"}
			_, err = h.db.PutProfile(t.Context(), p)
			check(t, err)
			first.Draining = true
			_, err = h.db.PutLwM2MServer(t.Context(), first)
			check(t, err)
			waits := func() (out string) {
				all, err := h.db.Messages(t.Context(), store.MessageQuery{})
				check(t, err)
				for _, m := range all {
					o, _, err := m.Removed()
					check(t, err)
					out += "removed " + string(o.Endpoint) + " at " + m.Receiver
				}
				return out
			}
			for _, script := range []map[string][]any{
				{"PUT /1/0": {lwm2m.CodeUnauthorized}},
				{"POST /bs": {lwm2m.CodeNotAcceptable}},
				{"POST /bs": {errors.New("no answer")}},
			} {
				if s, _ := h.bootstrap(newScriptedClient(script)); s.Cause.Success() || waits() != "" {
					t.Errorf("after %s: %s waits", s.Cause, waits())
				}
			}
			if s, _ := h.bootstrap(newScriptedClient(nil)); s.Cause != store.CauseDone || waits() != tt.want {
				t.Errorf("after %s: %s waits, want %s", s.Cause, waits(), tt.want)
			}
		})
	}
}
