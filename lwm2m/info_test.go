package lwm2m_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
)

func TestObjectsAreInWritingOrder(t *testing.T) {
	b := lwm2m.BootstrapInfo{
		Accounts: []lwm2m.ServerAccount{{}}, OSCORE: []lwm2m.OSCOREInstance{{}}, AccessControl: []lwm2m.AccessControlInstance{{}},
		Others: []lwm2m.Object{{ID: 3, Instances: []lwm2m.Instance{{}}}},
	}
	objects, err := b.Objects(true)
	if err != nil {
		t.Fatal(err)
	}
	var ids []lwm2m.ObjectID
	for _, o := range objects {
		ids = append(ids, o.ID)
	}
	if want := []lwm2m.ObjectID{0, 1, 21, 2, 3}; !reflect.DeepEqual(ids, want) {
		t.Errorf("order %v, want %v", ids, want)
	}
}

func TestEmptyObjectsAreLeftOut(t *testing.T) {
	if objects, err := (lwm2m.BootstrapInfo{}).Objects(true); err != nil || len(objects) > 0 {
		t.Errorf("nothing gives %v, %v", objects, err)
	}
	b := lwm2m.BootstrapInfo{Others: []lwm2m.Object{{ID: 3}}}
	if objects, err := b.Objects(true); err != nil || len(objects) > 0 {
		t.Errorf("an Object without Instances gives %v, %v", objects, err)
	}
}

func TestBootstrapServerIsWrittenLast(t *testing.T) {
	b := lwm2m.BootstrapInfo{Accounts: []lwm2m.ServerAccount{{Security: lwm2m.SecurityInstance{ID: 1, ServerURI: "coaps://a"}}}}
	b.BootstrapServer = &lwm2m.SecurityInstance{ID: 9, ServerURI: "coaps://b", BootstrapServer: true}
	objects, err := b.Objects(true)
	if err != nil {
		t.Fatal(err)
	}
	security := objects[0].Instances
	if len(security) != 2 || security[0].ID != 1 || security[1].ID != 9 {
		t.Errorf("Security Instances are %v, want 1 and 9", security)
	}
}

func TestObjectsReportsValueErrors(t *testing.T) {
	fraction := 1500 * time.Millisecond
	single := func(id lwm2m.ResourceID) []lwm2m.Resource {
		return []lwm2m.Resource{lwm2m.Single(id, lwm2m.IntegerValue(1))}
	}
	for name, b := range map[string]lwm2m.BootstrapInfo{
		"security":         {Accounts: []lwm2m.ServerAccount{{Security: lwm2m.SecurityInstance{Extra: single(2)}}}},
		"server":           {Accounts: []lwm2m.ServerAccount{{Server: lwm2m.ServerInstance{Lifetime: fraction}}}},
		"bootstrap server": {BootstrapServer: &lwm2m.SecurityInstance{BootstrapServer: true, ClientHoldOffTime: fraction}},
		"oscore":           {OSCORE: []lwm2m.OSCOREInstance{{Extra: single(1)}}},
	} {
		var value *lwm2m.ValueError
		if objects, err := b.Objects(true); !errors.As(err, &value) || objects != nil {
			t.Errorf("%s: %v, %v; want a ValueError", name, objects, err)
		}
	}
}
