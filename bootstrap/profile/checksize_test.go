package profile_test

import (
	"fmt"
	"testing"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// The largest profile that can be kept is checked in seconds at most: what is done for each
// account is not done for each value of the other Objects.
func TestLargestProfileIsCheckedSoon(t *testing.T) {
	p := store.Profile{Name: "large", NoAccessControl: true}
	for i := range store.MaxAccounts {
		p.Accounts = append(p.Accounts, store.Account{Name: fmt.Sprint("a", i), URI: fmt.Sprintf("coaps://h%d.example:{{.Vars.p%d}}", i, i), ShortServerID: lwm2m.ShortServerID(i + 1)})
	}
	for i := range store.MaxObjects {
		o := store.ObjectValues{Path: lwm2m.InstancePath(20000, lwm2m.InstanceID(i)), Resources: make(map[lwm2m.ResourceID]store.Literal)}
		for j := range 35 {
			value := fmt.Sprintf("{{.Vars.v%d}}", j)
			o.Resources[lwm2m.ResourceID(j)] = store.Literal{Text: &value}
		}
		p.Objects = append(p.Objects, o)
	}
	if b, err := rows.EncodeProfile(p); err != nil || len(b) < store.MaxProfile*3/4 {
		t.Fatalf("the profile has %d bytes, %v", len(b), err)
	}
	began := time.Now()
	for _, f := range profile.Check(p, nil) {
		if !f.Warning {
			t.Errorf("%v", f)
		}
	}
	if took := time.Since(began); took > 20*time.Second { // it was minutes on a slow machine
		t.Errorf("the check took %v", took)
	}
}
