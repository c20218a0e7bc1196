package admin_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// withPending makes a profile, and a server's list with one device that has a certificate for name.
func withPending(t *testing.T, r *rig, ep lwm2m.EndpointName, name string) (list *pending.List, id string) {
	t.Helper()
	_, err := r.client.ApplyProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101}}}, admin.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err = pending.Open(t.Context(), r.local.Store, slog.New(slog.DiscardHandler), pending.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(list.Close)
	r.local.Pending = list
	id, err = list.Park(store.PendingDevice{
		Endpoint: ep, Named: true, Transport: store.TransportDTLS, Remote: "192.0.2.1:5683",
		Kind: store.CredentialCertificateName, Identity: name, Names: []string{name},
	}, pending.Wait{Session: "s", Since: time.Now(), Until: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return list, id
}

// Of those who approve a device at once one does, and the others are told that it is not theirs any
// more.
func TestApprovalsAtOnce(t *testing.T) {
	r := newRig(t)
	list, id := withPending(t, r, "dev", "dev")
	results := make(chan error, 8)
	for range 8 {
		go func() {
			_, err := r.client.ApprovePending(t.Context(), id, admin.Approval{Profile: "meter"})
			results <- err
		}()
	}
	done := 0
	for range 8 {
		switch err := <-results; {
		case err == nil:
			done++
		case !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrNotFound):
			t.Errorf("error %v", err)
		}
	}
	d, err := r.client.Device(t.Context(), "dev", false)
	if done != 1 || err != nil || len(d.Credentials) != 1 || d.Credentials[0].Kind != store.CredentialCertificateName || len(list.All()) != 0 {
		t.Errorf("%d were told that they did; the record is %+v, %v", done, d, err)
	}
}

// An approval that makes no record leaves the device where it was.
func TestRefusedApproval(t *testing.T) {
	r := newRig(t)
	_, id := withPending(t, r, "dev", "serial")
	for name, tt := range map[string]struct {
		approval admin.Approval
		want     error
		text     string
	}{
		"no profile":           {admin.Approval{Endpoint: "dev"}, store.ErrInvalid, "a profile is needed"},
		"no such profile":      {admin.Approval{Endpoint: "dev", Profile: "nope"}, store.ErrNotFound, "nope"},
		"a name in doubt":      {admin.Approval{Profile: "meter"}, store.ErrInvalid, "say so with --endpoint"},
		"another name":         {admin.Approval{Profile: "meter", Endpoint: "serial"}, store.ErrInvalid, "served under that name only"},
		"a tag that is no tag": {admin.Approval{Profile: "meter", Endpoint: "dev", Tags: []string{""}}, store.ErrInvalid, "tag"},
	} {
		_, err := r.client.ApprovePending(t.Context(), id, tt.approval)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	all, err := r.client.PendingDevices(t.Context())
	if err != nil || len(all) != 1 || all[0].Session != "s" || !all[0].NameUnproved {
		t.Errorf("pending are %+v, %v", all, err)
	}
}

// A device that was added by hand, and is away, leaves the list with the next look at it; one that waits
// is left to its session.
func TestAddedByHandIsPendingNoMore(t *testing.T) {
	r := newRig(t)
	list, id := withPending(t, r, "dev", "serial")
	if _, err := r.client.AddDevice(t.Context(), "dev", admin.DeviceSettings{Profile: new("meter"), CertificateNames: &[]string{"serial"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		all, err := r.client.PendingDevices(t.Context())
		if err != nil || len(all) != want || len(list.All()) != want {
			t.Errorf("pending are %+v, %v; want %d", all, err, want)
		}
		list.Leave(id, "s")
	}
}
