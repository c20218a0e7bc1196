package handover_test

import (
	"context"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// records is a store of LwM2M Servers and devices.
type records struct {
	mu      sync.Mutex
	servers map[string]store.LwM2MServer
	devices map[lwm2m.EndpointName]store.Device
}

func newRecords(servers ...store.LwM2MServer) *records {
	r := &records{servers: make(map[string]store.LwM2MServer), devices: make(map[lwm2m.EndpointName]store.Device)}
	for _, s := range servers {
		r.servers[s.Name] = s
	}
	return r
}

func (r *records) LwM2MServer(_ context.Context, name string) (store.LwM2MServer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, found := r.servers[name]; found {
		return s, nil
	}
	return store.LwM2MServer{}, store.ErrNotFound
}

func (r *records) Device(_ context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d, found := r.devices[ep]; found {
		return d, nil
	}
	return store.Device{}, store.ErrNotFound
}

func (r *records) DevicesHandedOver(_ context.Context, server, identity string, limit int) (names []lwm2m.EndpointName, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(r.devices)) {
		is := func(h store.HandedOver) bool { return h.Server == server && h.Identity == identity }
		if slices.ContainsFunc(r.devices[name].HandedOver, is) && len(names) < limit {
			names = append(names, name)
		}
	}
	return names, nil
}

// set makes the record of a device say that a server may know it, or that none does.
func (r *records) set(ep lwm2m.EndpointName, known ...store.HandedOver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.devices[ep] = store.Device{Endpoint: ep, HandedOver: known}
}

// known is what a record says of a server that was to be told at a time.
func known(server string, ep lwm2m.EndpointName, identity string, at int64) store.HandedOver {
	return store.HandedOver{Server: server, Account: "main", Endpoint: ep, Identity: identity, At: time.Unix(at, 0)}
}

// accountWith is a PSK account with an identity.
func accountWith(identity string) lwm2m.ServerAccount {
	return lwm2m.ServerAccount{Security: lwm2m.SecurityInstance{
		ServerURI: "coaps://dm.example", Mode: lwm2m.SecurityPSK, PublicKeyOrIdentity: []byte(identity), SecretKey: lwm2m.NewSecret([]byte("0123456789abcdef")), ShortServerID: 7,
	}}
}

// An edit of a record counts from the next hand-over on, also where it is made anew with the same
// revision.
func TestServersFollowTheirRecords(t *testing.T) {
	first, second := &leshanStandIn{}, &leshanStandIn{old: true}
	a, b := httptest.NewServer(first), httptest.NewServer(second)
	defer a.Close()
	defer b.Close()
	all := newRecords()
	all.set("meter", known("dm", "meter", "id", 1))
	servers := handover.NewServers(all, handover.Options{})
	handOver := func() error {
		return servers.HandOver(t.Context(), "dm", "meter", accountWith("id"), lwm2m.BootstrapInfo{})
	}
	if err := handOver(); err == nil || err.Error() != `there is no LwM2M Server "dm"` {
		t.Error(err)
	}
	for i, address := range []string{a.URL, b.URL} {
		all.servers["dm"] = store.LwM2MServer{Name: "dm", Revision: 1, Kind: store.KindLeshan, Address: address, Updated: time.Unix(int64(i), 0)}
		if err := handOver(); err != nil {
			t.Fatal(err)
		}
	}
	if first.keys["id"] != "30313233343536373839616263646566" || second.keys["id"] != first.keys["id"] {
		t.Errorf("keys %v and %v", first.keys, second.keys)
	}
}

// A test of a server leaves nothing behind, and tells what a hand-over would fail with.
func TestTest(t *testing.T) {
	leshan := &leshanStandIn{}
	a, b := httptest.NewServer(leshan), httptest.NewServer(&thingsBoardStandIn{})
	defer a.Close()
	defer b.Close()
	all := newRecords(
		store.LwM2MServer{Name: "leshan", Kind: store.KindLeshan, Address: a.URL},
		store.LwM2MServer{Name: "tb", Kind: store.KindThingsBoard, Address: b.URL, Secret: lwm2m.NewSecret([]byte("tb_key"))},
		store.LwM2MServer{Name: "wrong", Kind: store.KindThingsBoard, Address: b.URL, Secret: lwm2m.NewSecret([]byte("wrong-key"))},
	)
	servers := handover.NewServers(all, handover.Options{})
	for name, want := range map[string]string{"leshan": "", "tb": "", "wrong": "401 Unauthorized"} {
		err := servers.Test(t.Context(), name)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "wrong-key")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(leshan.clients) != 0 {
		t.Errorf("left behind: %v", leshan.clients)
	}
}
