package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/lwm2m"
)

// Only so many searches look at all devices at a time; lists that need none are shown all the same.
func TestSearchesAtATime(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	for range web.MaxSearches - 1 {
		defer r.pages.Occupy()()
	}
	r.get(access.Viewer, "/devices?state=never").want(t, http.StatusOK, ">d</a>")
	end := r.pages.Occupy()
	full := r.get(access.Viewer, "/devices?state=never")
	full.want(t, http.StatusServiceUnavailable, "Other searches")
	if full.header.Get("Retry-After") == "" {
		t.Errorf("%v", full.header)
	}
	r.get(access.Viewer, "/devices?q=d").want(t, http.StatusOK, ">d</a>")
	end()
	r.get(access.Viewer, "/devices?state=never").want(t, http.StatusOK)
}

// An edit of more devices than a page edits is refused before any of them is edited.
func TestTooManyDevicesToEdit(t *testing.T) {
	r := newRig(t)
	rows := func(yield func(admin.BatchRow) bool) {
		for i := range web.MaxBulk + 1 {
			if !yield(admin.BatchRow{Row: i, Endpoint: lwm2m.EndpointName(fmt.Sprintf("d%06d", i)), Settings: admin.DeviceSettings{Profile: new("p"), NoSec: new(true)}}) {
				return
			}
		}
	}
	check(t, r.local.PutDevices(t.Context(), admin.BatchOptions{}, rows, func(admin.BatchResult) error { return nil }))
	r.post(access.Engineer, "/devices/bulk", "action", "disable", "all", "yes").want(t, http.StatusOK, "disable 10\u202f001 devices?", "The command below has no such limit", "lwbs device disable")
	r.post(access.Engineer, "/devices/bulk", "action", "disable", "all", "yes", "confirmed", "yes").want(t, http.StatusOK, "Too many devices")
	if d, err := r.local.Device(t.Context(), "d000000", false); err != nil || d.Disabled {
		t.Errorf("%+v, %v", d, err)
	}
}

// Of files that were tried the newest wait for their import, for a while.
func TestFilesThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := web.NewStaging()
		var ids []string
		for i := range web.MaxStaged + 1 {
			ids = append(ids, s.Put("ada", fmt.Sprint(i)))
		}
		if s.Has(ids[0], "ada") {
			t.Error("the oldest of too many is kept")
		}
		if !s.Has(ids[1], "ada") || s.Has(ids[1], "bob") || s.Has("", "ada") {
			t.Error("a file is for the one who brought it")
		}
		if !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(ids[1]) {
			t.Errorf("%q can be guessed", ids[1])
		}
		time.Sleep(web.StagedFor + 1) // of the bubble
		if s.Has(ids[1], "ada") {
			t.Error("it is kept for longer")
		}
	})
}
