package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/audit"
	"lwbs/lwm2m"
	"lwbs/store"
)

// fleet adds devices d0, d1, … and returns how many entries the audit has then.
func fleet(t *testing.T, api admin.API, n int) (before int) {
	t.Helper()
	if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coap://a", ShortServerID: 1}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := api.AddDevice(t.Context(), lwm2m.EndpointName(fmt.Sprint("d", i)), admin.DeviceSettings{Profile: new("p")}); err != nil {
			t.Fatal(err)
		}
	}
	return len(entries(t, api))
}

// An edit of many devices is one entry with its count, whoever edits how many at a time; what is refused is not counted.
func TestEditOfManyDevicesIsOneEntry(t *testing.T) {
	api, _ := newAPI(t)
	before := fleet(t, api, 20)
	note := admin.Bulk{Action: admin.BulkSet, Detail: "disabled where tag=lot7"}
	err := admin.RunBulk(t.Context(), api, note, func(ctx context.Context) error {
		if got := entries(t, api)[before:]; len(got) != 1 || got[0] != "root: device set : disabled where tag=lot7: running" {
			t.Errorf("while it runs: %q", got)
		}
		var edits sync.WaitGroup
		for i := range 25 {
			edits.Go(func() {
				_, err := api.SetDevice(ctx, lwm2m.EndpointName(fmt.Sprint("d", i)), 0, admin.DeviceSettings{Disabled: new(true)})
				if (err == nil) != (i < 20) {
					t.Errorf("d%d: %v", i, err)
				}
			})
		}
		edits.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = admin.RunBulk(t.Context(), api, admin.Bulk{Action: admin.BulkDelete, Detail: "where tag=lot7"}, func(ctx context.Context) error {
		// Another kind of edit is no part of it.
		_, err := api.SetDevice(ctx, "d2", 0, admin.DeviceSettings{Note: new("n")})
		return errors.Join(err, api.DeleteDevice(ctx, "d1", 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"root: device set : disabled where tag=lot7: 20 devices", "root: device delete : where tag=lot7: 1 device", "root: device set d2: note"}
	if got := entries(t, api)[before:]; strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", got, want)
	}
}

// An edit cannot hide in that of someone else, in one that has ended, or in one that was never begun.
func TestEditsOfOthersHaveEntriesOfTheirOwn(t *testing.T) {
	api, log := newAPI(t)
	before := fleet(t, api, 1)
	ada := access.With(t.Context(), access.Principal{Name: "ada", Role: access.Engineer, Way: access.WayPassword})
	id, err := api.BeginBulk(t.Context(), admin.Bulk{Action: admin.BulkSet, Detail: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.EndBulk(ada, id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("someone else ends it: %v", err)
	}
	for note, ctx := range map[string]context.Context{"of another": admin.WithBulk(ada, id), "never begun": admin.WithBulk(t.Context(), id+7)} {
		if _, err := api.SetDevice(ctx, "d0", 0, admin.DeviceSettings{Note: &note}); err != nil {
			t.Fatal(err)
		}
	}
	if err := api.EndBulk(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := api.SetDevice(admin.WithBulk(t.Context(), id), "d0", 0, admin.DeviceSettings{Note: new("ended")}); err != nil {
		t.Fatal(err)
	}
	if err := api.EndBulk(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ended again: %v", err)
	}
	if got := entries(t, api)[before:]; len(got) != 4 || got[0] != "root: device set : x: 0 devices" || strings.Count(strings.Join(got, "|"), "device set d0: note") != 3 {
		t.Errorf("%q", got)
	}
	log.fails = errors.New("the disk is full")
	if _, err := api.BeginBulk(t.Context(), admin.Bulk{Action: admin.BulkSet, Detail: "x"}); !errors.Is(err, log.fails) {
		t.Errorf("without an entry: %v", err)
	}
	for _, wrong := range []admin.Bulk{{}, {Action: "user set", Detail: "x"}, {Action: admin.BulkSet, Detail: strings.Repeat("x", 600)}} {
		if _, err := api.BeginBulk(t.Context(), wrong); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%.60v: %v", wrong, err)
		}
	}
}

// notes is an audit in memory.
type notes struct {
	store.AuditLog
	details []string
}

func (n *notes) AppendAudit(_ context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	n.details = append(n.details, e.Detail)
	e.ID = store.AuditID(len(n.details))
	return e, nil
}

func (n *notes) AmendAudit(_ context.Context, id store.AuditID, detail string) error {
	n.details[id-1] = detail
	return nil
}

// Edits of many devices whose client has gone end when they are idle, or too many.
func TestEditsOfManyAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(notes)
		api := audit.New(nil, n, access.Principal{Name: "root"})
		begin := func() {
			t.Helper()
			if _, err := api.BeginBulk(t.Context(), admin.Bulk{Action: admin.BulkSet, Detail: "x"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		running := func() int { return strings.Count(strings.Join(n.details, " "), "running") }
		for range 100 {
			begin()
		}
		if got := running(); got != 64 || n.details[0] != "x: 0 devices" {
			t.Errorf("%d are under way, the first is %q", got, n.details[0])
		}
		time.Sleep(11 * time.Minute)
		begin()
		if got := running(); got != 1 {
			t.Errorf("%d are under way when all others were idle", got)
		}
	})
}
