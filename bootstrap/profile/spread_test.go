package profile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
)

// givenAccount is what device ep is given of a Bootstrap-Server Account.
func givenAccount(t *testing.T, b store.BootstrapServer, ep lwm2m.EndpointName) lwm2m.SecurityInstance {
	t.Helper()
	b.URI = "coaps://bs.example"
	p := store.Profile{Name: "p", BootstrapServer: &b, Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 1}}}
	info, found := profile.Resolve(p, store.Device{Endpoint: ep, Profile: "p"}, nil)
	for _, f := range found {
		if !f.Warning {
			t.Fatalf("%v", f)
		}
	}
	return *info.BootstrapServer
}

// Each device has a time of its own within the range, always the same; over many they are spread evenly, and the two times
// do not depend on each other.
func TestTimesAreSpread(t *testing.T) {
	const n, spread = 2000, 9 * time.Second
	b := store.BootstrapServer{ClientHoldOffTime: new(store.Duration(5 * time.Second)), ClientHoldOffSpread: store.Duration(spread), AccountTimeout: store.Duration(time.Hour), AccountTimeoutSpread: store.Duration(spread)}
	holdOffs, timeouts, equal := make(map[time.Duration]int), make(map[time.Duration]int), 0
	for i := range n {
		ep := lwm2m.EndpointName(fmt.Sprintf("urn:imei:%015d", i))
		given := givenAccount(t, b, ep)
		if again := givenAccount(t, b, ep); again.ClientHoldOffTime != given.ClientHoldOffTime || again.BootstrapServerAccountTimeout != given.BootstrapServerAccountTimeout {
			t.Fatalf("%s has other times the second time", ep)
		}
		holdOffs[given.ClientHoldOffTime]++
		timeouts[given.BootstrapServerAccountTimeout]++
		if given.ClientHoldOffTime-5*time.Second == given.BootstrapServerAccountTimeout-time.Hour {
			equal++
		}
	}
	for s := range 10 {
		for _, count := range []int{holdOffs[time.Duration(5+s)*time.Second], timeouts[time.Hour+time.Duration(s)*time.Second]} {
			if count < n/10*2/3 || count > n/10*4/3 {
				t.Errorf("%d of %d devices have %d s more", count, n, s)
			}
		}
	}
	if len(holdOffs) != 10 || len(timeouts) != 10 || equal > n/10*4/3 {
		t.Errorf("%d and %d times; %d devices have the same of both", len(holdOffs), len(timeouts), equal)
	}
	plain := givenAccount(t, store.BootstrapServer{}, "dev")
	if plain.ClientHoldOffTime != time.Second || plain.BootstrapServerAccountTimeout != 0 {
		t.Errorf("without a spread it is %+v", plain)
	}
}

func TestSpreadsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		account store.BootstrapServer
		want    string
	}{
		"negative":         {store.BootstrapServer{ClientHoldOffSpread: -1}, "bootstrapServer.clientHoldOffSpread: -1ns is not a whole number"},
		"half a second":    {store.BootstrapServer{AccountTimeout: store.Duration(1500 * time.Millisecond)}, "bootstrapServer.accountTimeout: 1.5s is not"},
		"without time-out": {store.BootstrapServer{AccountTimeoutSpread: store.Duration(time.Second)}, "there is no accountTimeout"},
		"too long":         {store.BootstrapServer{ClientHoldOffSpread: store.Duration(50 * 365 * 24 * time.Hour)}, "is not a whole number of seconds of 0 to"},
		"does not return":  {store.BootstrapServer{AccountTimeout: store.Duration(time.Hour)}, "warning"},
		"good":             {store.BootstrapServer{ClientHoldOffSpread: store.Duration(time.Hour)}, ""},
	} {
		test.account.URI = "coaps://bs.example"
		text := ""
		for _, f := range profile.Check(store.Profile{Name: "p", BootstrapServer: &test.account, Accounts: []store.Account{{Name: "main", URI: "coap://a.example", ShortServerID: 1}}}, nil) {
			if f.Warning {
				text += "warning "
			}
			text += f.String() + "\n"
		}
		if test.want == "" && text != "" || !strings.Contains(text, test.want) {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
	}
}
