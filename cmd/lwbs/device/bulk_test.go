package device

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// contested is an API under whose lists the records change.
type contested struct {
	admin.API
	edit func()
}

func (c contested) Devices(ctx context.Context, q admin.DeviceQuery) ([]admin.Device, error) {
	page, err := c.API.Devices(ctx, q)
	c.edit()
	return page, err
}

// A device that someone else edits or deletes between its selection and its edit is left.
func TestBulkEditLeavesWhatChanged(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := &admin.Local{Store: db}
	defer api.Close()
	meter := store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coap://lwm2m.example.com", ShortServerID: 101}}}
	if _, err := api.ApplyProfile(t.Context(), meter, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, ep := range []lwm2m.EndpointName{"m-1", "m-2", "m-3"} {
		if _, err := api.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: &meter.Name, NoSec: new(true)}); err != nil {
			t.Fatal(err)
		}
	}
	once := false
	r, err := deleteMany(new(deletedFrom)).all(t.Context(), nil, contested{api, func() {
		if once {
			return
		}
		once = true
		_, err := api.SetDevice(t.Context(), "m-1", 0, admin.DeviceSettings{Note: new("mine")})
		if err := errors.Join(err, api.DeleteDevice(t.Context(), "m-2", 0)); err != nil {
			t.Error(err)
		}
	}}, admin.DeviceFilter{})
	if err != nil || r != (bulkResult{Selected: 3, Done: 1, Meanwhile: 2}) {
		t.Errorf("%+v, error %v", r, err)
	}
	for ep, there := range map[lwm2m.EndpointName]bool{"m-1": true, "m-2": false, "m-3": false} {
		if _, err := api.Device(t.Context(), ep, false); errors.Is(err, store.ErrNotFound) == there {
			t.Errorf("%s: %v", ep, err)
		}
	}
}
