package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// bothWays runs a test with a server and without.
func bothWays(t *testing.T, test func(*testing.T, admin.API)) {
	t.Run("local", func(t *testing.T) { test(t, newRig(t).local) })
	t.Run("client", func(t *testing.T) { test(t, newRig(t).client) })
}

// put sends rows, and returns the results as lines.
func put(t *testing.T, api admin.API, o admin.BatchOptions, rows ...admin.BatchRow) (lines []string) {
	t.Helper()
	err := api.PutDevices(t.Context(), o, slices.Values(rows), func(r admin.BatchResult) error {
		line := fmt.Sprintf("%d %s", r.Row, r.Outcome)
		for _, text := range slices.Concat([]string{r.Error}, r.Warnings) {
			if text != "" {
				line += " | " + text
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func keyed(row int, ep lwm2m.EndpointName, key string) admin.BatchRow {
	return admin.BatchRow{Row: row, Endpoint: ep, Settings: admin.DeviceSettings{Profile: new("meter"), PSK: &admin.PSK{Key: []byte(key)}}}
}

// A batch does the same with a server and without: it adds, changes, leaves what is the same,
// and refuses row by row.
func TestBatch(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		const keyA, keyB = "0123456789abcdef", "fedcba9876543210"
		rows := []admin.BatchRow{
			keyed(2, "a", keyA), keyed(3, "b", keyB),
			{Row: 4, Endpoint: "c", Settings: admin.DeviceSettings{Profile: new("nosuch")}},
			{Row: 5, Endpoint: "", Settings: admin.DeviceSettings{Profile: new("meter")}},
			{Row: 6, Endpoint: "d", Settings: admin.DeviceSettings{Profile: new("meter"), PSK: &admin.PSK{Identity: "a", Key: []byte(keyB)}, Vars: map[string]string{"x": "1"}}},
		}
		want := func(what string, got []string, wanted ...string) {
			t.Helper()
			if len(got) != len(wanted) {
				t.Fatalf("%s: %q", what, got)
			}
			for i, line := range got {
				if !strings.HasPrefix(line, wanted[i]) {
					t.Errorf("%s: %q, want %q", what, line, wanted[i])
				}
			}
		}
		want("dry run", put(t, api, admin.BatchOptions{DryRun: true}, rows...), "2 added", "3 added", `4 refused | profile "nosuch": not found`, "5 refused | ", "6 added")
		if page, err := api.Devices(t.Context(), admin.DeviceQuery{}); err != nil || len(page) != 0 {
			t.Fatalf("after a dry run there are %d devices, error %v", len(page), err)
		}
		want("first", put(t, api, admin.BatchOptions{}, rows[:4]...), "2 added", "3 added", `4 refused | profile "nosuch": not found`, "5 refused | ")
		want("second", put(t, api, admin.BatchOptions{}, rows[4]), `6 refused | psk identity "a": `)
		before, err := api.Device(t.Context(), "a", true)
		if err != nil {
			t.Fatal(err)
		}
		want("again", put(t, api, admin.BatchOptions{}, rows[:2]...), "2 same", "3 same")
		if after, err := api.Device(t.Context(), "a", true); err != nil || after.Revision != before.Revision || after.Credentials[0] != before.Credentials[0] {
			t.Errorf("the same row once more makes revision %d of %d, error %v", after.Revision, before.Revision, err)
		}
		tagged := keyed(7, "a", keyA)
		tagged.Settings.AddTags = []string{"lot7"}
		want("dry run", put(t, api, admin.BatchOptions{DryRun: true}, tagged, rows[4]), "7 changed", `6 refused | psk identity "a": `)
		want("a tag more", put(t, api, admin.BatchOptions{}, tagged), "7 changed")
		want("and again", put(t, api, admin.BatchOptions{}, tagged), "7 same")
		if a, err := api.Device(t.Context(), "a", false); err != nil || !slices.Equal(a.Tags, []string{"lot7"}) {
			t.Errorf("the tags are %q, error %v", a.Tags, err)
		}
	})
}

// The results come in the order of the rows, however many are under way at a time.
func TestBatchInOrder(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}}, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		const n = 1000
		next := 0
		err := api.PutDevices(t.Context(), admin.BatchOptions{}, func(yield func(admin.BatchRow) bool) {
			for i := range n {
				if !yield(keyed(i, lwm2m.EndpointName(fmt.Sprint("dev-", i)), fmt.Sprintf("%016d", i))) {
					return
				}
			}
		}, func(r admin.BatchResult) error {
			if r.Row != next || r.Outcome != admin.BatchAdded {
				t.Fatalf("row %d is %s (%s), want row %d", r.Row, r.Outcome, r.Error, next)
			}
			next++
			return nil
		})
		if err != nil || next != n {
			t.Errorf("%d results, error %v", next, err)
		}
	})
}

// A client may send the whole of its request before it reads any of the answer.
func TestBatchOfClientThatReadsLast(t *testing.T) {
	const n = 20_000
	var rows bytes.Buffer
	for i := range n {
		fmt.Fprintf(&rows, "{\"row\":%d,\"endpoint\":\"\",\"settings\":{}}\n", i+1)
	}
	c, err := net.Dial("unix", newRig(t).socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "POST /v1/devices HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", rows.Len(), &rows); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || !bytes.HasSuffix(answer, fmt.Appendf(nil, "{\"end\":{\"rows\":%d}}\n", n)) {
		t.Errorf("error %v, the answer ends with %q", err, answer[max(0, len(answer)-100):])
	}
}

// A row can have the identity that a row before it takes from another device, in a dry run too.
func TestBatchMovesIdentities(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		const n = 300
		var first, second []admin.BatchRow
		for i := range n {
			row := keyed(i, lwm2m.EndpointName(fmt.Sprint("dev-", i)), fmt.Sprintf("%016d", i))
			row.Settings.PSK.Identity = fmt.Sprint("id-", i)
			first = append(first, row)
			second = append(second, admin.BatchRow{Row: i, Endpoint: row.Endpoint, Settings: admin.DeviceSettings{PSKIdentity: new(fmt.Sprint("id-", i-1))}})
		}
		put(t, api, admin.BatchOptions{}, first...)
		for _, dryRun := range []bool{true, false} {
			for i, line := range put(t, api, admin.BatchOptions{DryRun: dryRun}, second...) {
				if want := fmt.Sprint(i, " changed"); line != want {
					t.Fatalf("dry run %v: %s, want %s", dryRun, line, want)
				}
			}
		}
	})
}

// A row that was given up when the context ended has no result.
func TestBatchCancelled(t *testing.T) {
	api := newRig(t).local
	ctx, cancel := context.WithCancel(t.Context())
	waits := hangingStore{api.Store, make(chan struct{}, 10)}
	api.Store = waits
	go func() {
		<-waits.asked
		cancel()
	}()
	err := api.PutDevices(ctx, admin.BatchOptions{}, slices.Values([]admin.BatchRow{keyed(1, "a", "0123456789abcdef"), keyed(2, "b", "0123456789abcdef")}), func(r admin.BatchResult) error {
		t.Errorf("row %d is %s: %s", r.Row, r.Outcome, r.Error)
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A hangingStore finds a device only when the context has ended.
type hangingStore struct {
	admin.Backend
	asked chan struct{}
}

func (s hangingStore) Device(ctx context.Context, _ lwm2m.EndpointName) (store.Device, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return store.Device{}, ctx.Err()
}

// A full disk is no fault of a row, and ends the batch.
func TestBatchEndsWhenFull(t *testing.T) {
	r := newRig(t)
	if _, err := r.local.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	r.local.Store = fullStore{r.local.Store}
	err := r.local.PutDevices(t.Context(), admin.BatchOptions{}, slices.Values([]admin.BatchRow{keyed(1, "a", "0123456789abcdef")}), func(result admin.BatchResult) error {
		t.Errorf("row %d is %s: %s", result.Row, result.Outcome, result.Error)
		return nil
	})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v, want %v", err, store.ErrFull)
	}
}

type fullStore struct{ admin.Backend }

func (fullStore) PutDevice(context.Context, store.Device) (store.Device, error) {
	return store.Device{}, store.ErrFull
}

func (fullStore) PutDevices(context.Context, []store.Device) ([]store.PutResult, error) {
	return nil, store.ErrFull
}

// A batch ends with the error of who takes the results, and with its context; what was put stays.
func TestBatchEndsEarly(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}}, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		endless := func(yield func(admin.BatchRow) bool) {
			for i := 0; yield(keyed(i, lwm2m.EndpointName(fmt.Sprint("dev-", i)), fmt.Sprintf("%016d", i))); i++ {
			}
		}
		stop := errors.New("enough")
		seen := 0
		if err := api.PutDevices(t.Context(), admin.BatchOptions{}, endless, func(admin.BatchResult) error {
			if seen++; seen == 20 {
				return stop
			}
			return nil
		}); !errors.Is(err, stop) {
			t.Errorf("it ends with %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := api.PutDevices(ctx, admin.BatchOptions{}, iter.Seq[admin.BatchRow](endless), func(admin.BatchResult) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
		if _, err := api.Device(t.Context(), "dev-19", false); err != nil {
			t.Error(err)
		}
	})
}

// A panic over one row is the panic of the call: whoever contains that contains this.
func TestBatchPanics(t *testing.T) {
	r := newRig(t)
	for what, rows := range map[string]iter.Seq[admin.BatchRow]{
		"the store": slices.Values([]admin.BatchRow{keyed(1, "a", "0123456789abcdef")}),
		"the rows":  func(func(admin.BatchRow) bool) { panic("rows") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the panic is lost", what)
				}
			}()
			api := &admin.Local{Store: panickingStore{r.local.Store}}
			_ = api.PutDevices(t.Context(), admin.BatchOptions{}, rows, func(admin.BatchResult) error { return nil })
		}()
	}
}

type panickingStore struct{ admin.Backend }

func (panickingStore) Device(context.Context, lwm2m.EndpointName) (store.Device, error) {
	panic("store")
}

// A row may say what becomes of a device that exists, and a dry run of a profile that is not there yet.
func TestBatchModes(t *testing.T) {
	bothWays(t, func(t *testing.T, api admin.API) {
		if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}}, admin.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		row := keyed(1, "a", "0123456789abcdef")
		row.Mode = admin.BatchAdd
		other, replaced := row, row
		other.Settings.Vars = map[string]string{"x": "1"}
		replaced.Mode, replaced.Settings.AddTags = admin.BatchReplace, []string{"t2"}
		want := func(what string, got []string, wanted string) {
			t.Helper()
			if len(got) != 1 || !strings.HasPrefix(got[0], wanted) {
				t.Errorf("%s: %q, want %q", what, got, wanted)
			}
		}
		want("a new device", put(t, api, admin.BatchOptions{}, row), "1 added")
		if _, err := api.SetDevice(t.Context(), "a", 0, admin.DeviceSettings{Note: new("kept"), Tags: &[]string{"t1"}}); err != nil {
			t.Fatal(err)
		}
		want("the same", put(t, api, admin.BatchOptions{}, row), "1 same")
		want("another", put(t, api, admin.BatchOptions{}, other), "1 refused | the device exists")
		want("another, in a dry run", put(t, api, admin.BatchOptions{DryRun: true}, other), "1 refused | the device exists")
		other.Mode = ""
		want("changed", put(t, api, admin.BatchOptions{}, other), "1 changed")
		want("replaced", put(t, api, admin.BatchOptions{}, replaced), "1 changed")
		if d, err := api.Device(t.Context(), "a", false); err != nil || d.Note != "kept" || !slices.Equal(d.Tags, []string{"t1", "t2"}) || len(d.Vars) != 0 {
			t.Errorf("the replaced record is %+v, error %v", d, err)
		}
		odd, early := row, row
		odd.Mode, early.With = "merge", &store.Profile{Name: "x"}
		want("a mode that is none", put(t, api, admin.BatchOptions{}, odd), `1 refused | invalid: mode "merge" is not add or replace`)
		want("a profile, in no dry run", put(t, api, admin.BatchOptions{}, early), "1 refused | invalid: with is for dry runs")

		next := keyed(2, "b", "fedcba9876543210")
		next.Settings.Profile = new("new")
		want("no such profile", put(t, api, admin.BatchOptions{DryRun: true}, next), `2 refused | profile "new": not found`)
		next.With = &store.Profile{Name: "new", Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}}
		want("one that would be applied", put(t, api, admin.BatchOptions{DryRun: true}, next), "2 added")
		if _, err := api.Profile(t.Context(), "new"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the profile of a dry run: %v", err)
		}
	})
}
