package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/audit"
	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A log is an audit that can fail.
type log struct {
	store.AuditLog
	fails error
}

func (l *log) AppendAudit(ctx context.Context, e store.AuditEntry) (store.AuditEntry, error) {
	if l.fails != nil {
		return e, l.fails
	}
	return l.AuditLog.AppendAudit(ctx, e)
}

func newAPI(t *testing.T) (*audit.API, *log) {
	t.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	l := &log{AuditLog: db}
	servers := handover.NewServers(db, handover.Options{})
	t.Cleanup(servers.Close)
	return audit.New(&admin.Local{Store: db, HandOver: servers}, l, access.Principal{Name: "root", Role: access.Admin, Way: access.WayDatabase, Address: "pid 1"}), l
}

// entries are all of them as text, the oldest first.
func entries(t *testing.T, api admin.API) (all []string) {
	t.Helper()
	page, err := api.Audit(t.Context(), store.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(page) {
		all = append(all, strings.TrimRight(fmt.Sprintf("%s: %s %s: %s", e.Name, e.Action, e.Target, e.Detail), ": "))
	}
	return all
}

// reads are the methods of the admin API that change and reveal nothing.
var reads = []string{
	"Audit", "Campaign", "CampaignDevices", "Campaigns", "Check", "Close", "CountDevices", "Devices", "Explain", "Failures", "Groups", "LwM2MServers", "Messages",
	"OutboxReceivers", "PendingDevices", "Preview", "Profile", "ProfileRevisions", "Profiles", "RunningSessions", "Session", "Sessions", "Status", "Tokens",
	"Unreadable", "User", "Users", "Watch", "Why",
}

// Each method of the admin API is noted, or is a read: a new one cannot be forgotten.
func TestEachMethodIsNotedOrARead(t *testing.T) {
	own := make(map[string]bool)
	for _, file := range []string{"audit.go", "batch.go", "bulk.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func \(a \*API\) ([A-Z]\w*)\(`).FindAllStringSubmatch(string(text), -1) {
			own[m[1]] = true
		}
	}
	api := reflect.TypeFor[admin.API]()
	for i := range api.NumMethod() {
		if name := api.Method(i).Name; own[name] == slices.Contains(reads, name) {
			t.Errorf("%s: noted %v, a read %v", name, own[name], !own[name])
		}
	}
}

const key = "0123456789abcdef"

// What is done has one entry each, by whom it is, without its secrets; what is refused, changes nothing or only reads
// has none.
func TestEntries(t *testing.T) {
	api, _ := newAPI(t)
	ctx := access.With(t.Context(), access.Principal{Name: "ada", Role: access.Engineer, Way: access.WayPassword, Address: "192.0.2.1"})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coap://a", ShortServerID: 1}}}
	ok(second(api.ApplyProfile(ctx, p, admin.ApplyOptions{DryRun: true})))
	ok(second(api.ApplyProfile(ctx, p, admin.ApplyOptions{})))
	ok(second(api.AddDevice(ctx, "dev", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Key: []byte(key)}, Note: new("secret note")})))
	if _, err := api.AddDevice(ctx, "dev", admin.DeviceSettings{Profile: new("p")}); !errors.Is(err, store.ErrExists) {
		t.Errorf("added again: %v", err)
	}
	ok(second(api.Device(ctx, "dev", false)))
	ok(second(api.Device(ctx, "dev", true)))
	if _, err := api.Device(ctx, "none", true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revealed: %v", err)
	}
	ok(second(api.SetDevice(ctx, "dev", 0, admin.DeviceSettings{Disabled: new(true)})))
	ok(second(api.RenameDevice(ctx, "dev", "other", 0)))
	ok(api.DeleteDevice(ctx, "other", 0))
	ok(second(api.AddUser(t.Context(), "eve", admin.UserSettings{Role: new(access.Viewer), Password: new(access.Plaintext("a right long password"))})))
	ok(second(api.SetUser(ctx, "eve", 0, admin.UserSettings{Role: new(access.Admin), Disabled: new(true)})))
	ok(second(api.CreateToken(ctx, "ci", admin.TokenSettings{Role: access.Viewer, User: "eve"})))
	ok(api.RevokeToken(ctx, "ci", 0))
	ok(api.DeleteUser(ctx, "eve", 0))
	rows := func(yield func(admin.BatchRow) bool) {
		for i := range 10 {
			if !yield(admin.BatchRow{Row: i, Endpoint: lwm2m.EndpointName(fmt.Sprint("d", i)), Settings: admin.DeviceSettings{Profile: new("p")}}) {
				return
			}
		}
		yield(admin.BatchRow{Row: 10, Endpoint: "x", Settings: admin.DeviceSettings{Profile: new("none")}})
	}
	none := func(admin.BatchResult) error { return nil }
	ok(api.PutDevices(ctx, admin.BatchOptions{DryRun: true}, rows, none))
	ok(api.PutDevices(ctx, admin.BatchOptions{}, rows, none))
	ok(api.WriteBackup(ctx, new(bytes.Buffer)))
	want := []string{
		"ada: profile apply p", "ada: device add dev: profile, note, psk", "ada: device reveal dev", "ada: device set dev: disabled", "ada: device rename dev: to other",
		"ada: device delete other", "root: user add eve: role viewer, password", "ada: user set eve: role admin, disabled true", "ada: token create ci: role viewer, of user eve", "ada: token revoke ci",
		"ada: user delete eve", "ada: device import : 10 added, 1 refused", "ada: db backup : to the client",
	}
	got := entries(t, api)
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("entry %d is %q, want %q", i, g, w)
		}
	}
	all, err := api.Audit(t.Context(), store.AuditQuery{Action: "device add"})
	if err != nil || len(all) != 1 || all[0].Way != access.WayPassword || all[0].Role != "engineer" || all[0].Address != "192.0.2.1" {
		t.Errorf("the entry is %+v, %v", all, err)
	}
}

func second[T any](_ T, err error) error { return err }

// Where the audit cannot be written, nothing is revealed, put or backed up.
func TestNothingIsRevealedWithoutAnEntry(t *testing.T) {
	api, log := newAPI(t)
	if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coap://a", ShortServerID: 1}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.AddDevice(t.Context(), "dev", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Key: []byte(key)}}); err != nil {
		t.Fatal(err)
	}
	log.fails = errors.New("the disk is full")
	if d, err := api.Device(t.Context(), "dev", true); !errors.Is(err, log.fails) || len(d.Credentials) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	var out bytes.Buffer
	if err := api.WriteBackup(t.Context(), &out); !errors.Is(err, log.fails) || out.Len() != 0 {
		t.Errorf("%d bytes of a backup, %v", out.Len(), err)
	}
	put := 0
	err := api.PutDevices(t.Context(), admin.BatchOptions{}, func(yield func(admin.BatchRow) bool) {
		yield(admin.BatchRow{Endpoint: "new", Settings: admin.DeviceSettings{Profile: new("p")}})
	}, func(admin.BatchResult) error { put++; return nil })
	if _, missing := api.Device(t.Context(), "new", false); !errors.Is(err, log.fails) || put != 0 || !errors.Is(missing, store.ErrNotFound) {
		t.Errorf("put %d, %v, %v", put, err, missing)
	}
	if d, err := api.Device(t.Context(), "dev", false); err != nil || d.Endpoint != "dev" {
		t.Errorf("what is not secret: %+v, %v", d, err)
	}
}

// A batch that ends early says so, with what it had done.
func TestBatchThatEndsEarly(t *testing.T) {
	api, _ := newAPI(t)
	stop := errors.New("enough")
	err := api.PutDevices(t.Context(), admin.BatchOptions{}, func(yield func(admin.BatchRow) bool) {
		yield(admin.BatchRow{Endpoint: "new", Settings: admin.DeviceSettings{Profile: new("none")}})
	}, func(admin.BatchResult) error { return stop })
	if got := entries(t, api); !errors.Is(err, stop) || len(got) != 1 || got[0] != "root: device import : 1 refused; it ended early" {
		t.Errorf("%q, %v", got, err)
	}
}
