package handover_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// records is a store of LwM2M Servers.
type records map[string]store.LwM2MServer

func (r records) LwM2MServer(_ context.Context, name string) (store.LwM2MServer, error) {
	if s, found := r[name]; found {
		return s, nil
	}
	return store.LwM2MServer{}, store.ErrNotFound
}

// An edit of a record counts from the next hand-over on, also where it is made anew with the same
// revision.
func TestServersFollowTheirRecords(t *testing.T) {
	first, second := &leshanStandIn{}, &leshanStandIn{old: true}
	a, b := httptest.NewServer(first), httptest.NewServer(second)
	defer a.Close()
	defer b.Close()
	all := records{}
	servers := handover.NewServers(all, handover.Options{})
	account := lwm2m.ServerAccount{Security: lwm2m.SecurityInstance{
		ServerURI: "coaps://dm.example", Mode: lwm2m.SecurityPSK, PublicKeyOrIdentity: []byte("id"), SecretKey: lwm2m.NewSecret([]byte("0123456789abcdef")), ShortServerID: 7,
	}}
	handOver := func() error {
		return servers.HandOver(t.Context(), "dm", "meter", account, lwm2m.BootstrapInfo{})
	}
	if err := handOver(); err == nil || err.Error() != `there is no LwM2M Server "dm"` {
		t.Error(err)
	}
	for i, address := range []string{a.URL, b.URL} {
		all["dm"] = store.LwM2MServer{Name: "dm", Revision: 1, Kind: store.KindLeshan, Address: address, Updated: time.Unix(int64(i), 0)}
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
	all := records{
		"leshan": {Name: "leshan", Kind: store.KindLeshan, Address: a.URL},
		"tb":     {Name: "tb", Kind: store.KindThingsBoard, Address: b.URL, Secret: lwm2m.NewSecret([]byte("tb_key"))},
		"wrong":  {Name: "wrong", Kind: store.KindThingsBoard, Address: b.URL, Secret: lwm2m.NewSecret([]byte("wrong-key"))},
	}
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
