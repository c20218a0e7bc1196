package storetest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// lwm2mServer has every field set that a webhook has.
func lwm2mServer(name string) store.LwM2MServer {
	return store.LwM2MServer{
		Name: name, Kind: store.KindWebhook, Address: "https://dm.example/hook?a=b",
		Secret: lwm2m.NewSecret(bytes.Repeat([]byte("s"), 32)), Former: lwm2m.NewSecret(bytes.Repeat([]byte("f"), 24)),
		Headers: map[string]lwm2m.Secret{"X-Token": lwm2m.NewSecret([]byte("token"))},
		Timeout: store.Duration(5 * time.Second), AllowLinkLocal: true, Note: "a note",
		DeviceURI: "coaps://dm.example", Weight: 7, Draining: true, Rate: 9, OnDelete: store.OnDeleteKeep, Events: []store.EventType{store.EventDeleted},
	}
}

// otherLwM2MServers have what a webhook does not have.
func otherLwM2MServers() []store.LwM2MServer {
	return []store.LwM2MServer{
		{Name: "coiote", Kind: store.KindCoiote, Address: "https://dm.example", User: "u", Domain: "/meters/", Secret: lwm2m.NewSecret([]byte("password"))},
		{Name: "command", Kind: store.KindCommand, Address: "/bin/true", Arguments: []string{"a", "b"}},
	}
}

func testLwM2MServers(t *testing.T, s store.Store) {
	if all := must[[]store.LwM2MServer](t)(s.LwM2MServers(t.Context())); len(all) != 0 {
		t.Errorf("%d in an empty store", len(all))
	}
	_, err := s.LwM2MServer(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	want(t, s.DeleteLwM2MServer(t.Context(), "x", 0), store.ErrNotFound)

	in := lwm2mServer("b")
	kept := must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), in))
	in.Revision, in.Created, in.Updated = 1, kept.Created, kept.Updated
	got := must[store.LwM2MServer](t)(s.LwM2MServer(t.Context(), "b"))
	if !reflect.DeepEqual(kept, in) || !reflect.DeepEqual(got, in) || got.Created.IsZero() {
		t.Errorf("kept %+v\nread %+v\nwant %+v", kept, got, in)
	}
	_, err = s.PutLwM2MServer(t.Context(), lwm2mServer("b"))
	want(t, err, store.ErrExists)
	kept.Note = "another"
	second := must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), kept))
	if second.Revision != 2 || !second.Created.Equal(kept.Created) {
		t.Errorf("revision %d, created %v", second.Revision, second.Created)
	}
	_, err = s.PutLwM2MServer(t.Context(), kept)
	want(t, err, store.ErrConflict)

	for _, in := range otherLwM2MServers() {
		kept := must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), in))
		in.Revision, in.Created, in.Updated = 1, kept.Created, kept.Updated
		if got := must[store.LwM2MServer](t)(s.LwM2MServer(t.Context(), in.Name)); !reflect.DeepEqual(got, in) {
			t.Errorf("read %+v\nwant %+v", got, in)
		}
		want(t, s.DeleteLwM2MServer(t.Context(), in.Name, 1), nil)
	}
	must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), lwm2mServer("a")))
	all := must[[]store.LwM2MServer](t)(s.LwM2MServers(t.Context()))
	if len(all) != 2 || all[0].Name != "a" || !reflect.DeepEqual(all[1], second) {
		t.Errorf("all are %+v", all)
	}
	if n := must[store.Stats](t)(s.Stats(t.Context())).LwM2MServers; n != 2 {
		t.Errorf("%d are counted", n)
	}
	want(t, s.DeleteLwM2MServer(t.Context(), "b", 1), store.ErrConflict)
	want(t, s.DeleteLwM2MServer(t.Context(), "b", 2), nil)
	if all := must[[]store.LwM2MServer](t)(s.LwM2MServers(t.Context())); len(all) != 1 {
		t.Errorf("%d are left", len(all))
	}
}

// A profile names servers that exist, and one that is named stays.
func testLwM2MServerInUse(t *testing.T, s store.Store) {
	p := store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 1, HandOver: "dm"}}}
	_, err := s.PutProfile(t.Context(), p)
	want(t, err, store.ErrNotFound)
	if err == nil || !strings.Contains(err.Error(), `LwM2M Server "dm"`) {
		t.Errorf("error %v", err)
	}
	must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), lwm2mServer("dm")))
	kept := must[store.Profile](t)(s.PutProfile(t.Context(), p))
	want(t, s.DeleteLwM2MServer(t.Context(), "dm", 0), store.ErrInUse)
	kept.Accounts[0].HandOver = ""
	must[store.Profile](t)(s.PutProfile(t.Context(), kept))
	want(t, s.DeleteLwM2MServer(t.Context(), "dm", 0), nil)
}
