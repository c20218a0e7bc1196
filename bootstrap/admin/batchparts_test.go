package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// batchRig has a profile with the name meter.
func batchRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	if _, err := r.local.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	return r
}

// Rows for one device are put one after the other, in one part of a batch and in several.
func TestBatchRepeatsDevices(t *testing.T) {
	api := batchRig(t).local
	const devices, times = 700, 4 // 2800 rows are three parts
	var rows []admin.BatchRow
	for i := range devices * times {
		row := keyed(i, lwm2m.EndpointName(fmt.Sprint("dev-", i%devices)), fmt.Sprintf("%016d", i%devices))
		row.Settings.AddTags = []string{fmt.Sprint("round-", i/devices)}
		rows = append(rows, row)
	}
	rows = append(rows[:devices:devices], append([]admin.BatchRow{rows[0], rows[0]}, rows[devices:]...)...)
	count := make(map[string]int)
	for _, line := range put(t, api, admin.BatchOptions{}, rows...) {
		_, outcome, _ := strings.Cut(line, " ")
		count[outcome]++
	}
	if count["added"] != devices || count["changed"] != devices*(times-1) || count["same"] != 2 {
		t.Errorf("%v", count)
	}
	for i := range devices {
		d, err := api.Device(t.Context(), lwm2m.EndpointName(fmt.Sprint("dev-", i)), false)
		if slices.Sort(d.Tags); err != nil || len(d.Tags) != times || d.Revision != times {
			t.Fatalf("dev-%d has the tags %q at revision %d, error %v", i, d.Tags, d.Revision, err)
		}
	}
}

// A row is put although the next one lets wait for itself.
func TestBatchDoesNotWaitForRows(t *testing.T) {
	told := make(chan struct{})
	err := batchRig(t).local.PutDevices(t.Context(), admin.BatchOptions{}, func(yield func(admin.BatchRow) bool) {
		if yield(keyed(1, "a", "0123456789abcdef")) {
			<-told
			yield(keyed(2, "b", "fedcba9876543210"))
		}
	}, func(r admin.BatchResult) error {
		if r.Row == 1 {
			close(told)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Where rows cannot be stored together they are stored one by one, and only the one at fault is refused.
func TestBatchOneByOne(t *testing.T) {
	r := batchRig(t)
	r.local.Store = damagedStore{r.local.Store}
	got := put(t, r.local, admin.BatchOptions{}, keyed(1, "a", "0123456789abcdef"), keyed(2, "damaged", "0123456789abcdeg"), keyed(3, "b", "0123456789abcdeh"))
	if want := []string{"1 added", "2 refused | page 7 is damaged", "3 added"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A damagedStore cannot store one device.
type damagedStore struct{ admin.Backend }

var errDamaged = errors.New("page 7 is damaged")

func (s damagedStore) PutDevices(ctx context.Context, ds []store.Device) ([]store.PutResult, error) {
	if slices.ContainsFunc(ds, func(d store.Device) bool { return d.Endpoint == "damaged" }) {
		return nil, errDamaged
	}
	return s.Backend.PutDevices(ctx, ds)
}

func (s damagedStore) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	if d.Endpoint == "damaged" {
		return d, errDamaged
	}
	return s.Backend.PutDevice(ctx, d)
}
