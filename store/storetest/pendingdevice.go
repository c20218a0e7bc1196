package storetest

import (
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

func pendingDevice(id string, ep lwm2m.EndpointName) store.PendingDevice {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return store.PendingDevice{ID: id, Endpoint: ep, Transport: store.TransportPlain, Remote: "192.0.2.1:5683", First: at, Last: at, Count: 1}
}

func listedPending(t *testing.T, s store.Store) (ids []string) {
	t.Helper()
	for _, p := range must[[]store.PendingDevice](t)(s.PendingDevices(t.Context())) {
		ids = append(ids, p.ID)
	}
	return ids
}

// A pending device is stored with all that it has, also with an identity that is no text, replaced
// by its ID, listed in the order of IDs, and removed.
func testPendingDevices(t *testing.T, s store.Store) {
	full := pendingDevice("22222223", "ep")
	full.Transport, full.Kind, full.Identity, full.Names = store.TransportDTLS, store.CredentialPSK, "\xff\x00id", []string{"a", "b"}
	full.Group, full.Profile, full.Rejected, full.Count, full.Named = "g", "p", full.Last.Add(time.Hour), 7, true
	for _, p := range []store.PendingDevice{full, pendingDevice("22222224", "other"), pendingDevice("22222222", "third")} {
		if err := s.PutPendingDevice(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := listedPending(t, s), []string{"22222222", "22222223", "22222224"}; !reflect.DeepEqual(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	if got := must[[]store.PendingDevice](t)(s.PendingDevices(t.Context()))[1]; !reflect.DeepEqual(got, full) {
		t.Errorf("stored is %+v, want %+v", got, full)
	}
	full.Count++
	if err := s.PutPendingDevice(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	if got := must[[]store.PendingDevice](t)(s.PendingDevices(t.Context())); len(got) != 3 || got[1].Count != 8 {
		t.Errorf("after an edit: %+v", got)
	}
	for range 2 { // that there is none is no error
		if err := s.DeletePendingDevice(t.Context(), full.ID); err != nil {
			t.Fatal(err)
		}
	}
	if got := listedPending(t, s); len(got) != 2 {
		t.Errorf("after one was removed: %v", got)
	}
}

// What the rules of a pending device do not permit is not stored.
func testInvalidPendingDevices(t *testing.T, s store.Store) {
	for name, change := range map[string]func(*store.PendingDevice){
		"an ID of another form":             func(p *store.PendingDevice) { p.ID = "2222222l" },
		"no ID":                             func(p *store.PendingDevice) { p.ID = "" },
		"neither a name nor a credential":   func(p *store.PendingDevice) { p.Endpoint = "" },
		"a credential over plain CoAP":      func(p *store.PendingDevice) { p.Kind, p.Identity = store.CredentialPSK, "id" },
		"DTLS without a credential":         func(p *store.PendingDevice) { p.Transport = store.TransportDTLS },
		"an empty identity":                 func(p *store.PendingDevice) { p.Transport, p.Kind = store.TransportDTLS, store.CredentialPSK },
		"an endpoint name that is no UTF-8": func(p *store.PendingDevice) { p.Endpoint = "\xff" },
		"a name that is no UTF-8":           func(p *store.PendingDevice) { p.Names = []string{"\xff"} },
		"too many names":                    func(p *store.PendingDevice) { p.Names = make([]string, store.MaxPendingNames+1) },
		"a fingerprint that is none": func(p *store.PendingDevice) {
			p.Transport, p.Kind, p.Identity = store.TransportDTLS, store.CredentialCertificate, "abc"
		},
	} {
		p := pendingDevice("22222222", "ep")
		change(&p)
		t.Run(name, func(t *testing.T) { want(t, s.PutPendingDevice(t.Context(), p), store.ErrInvalid) })
	}
	if got := listedPending(t, s); len(got) != 0 {
		t.Errorf("stored are %v", got)
	}
}
