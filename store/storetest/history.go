package storetest

import (
	"fmt"
	"slices"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// add appends a session, which must do.
func add(t *testing.T, s store.Store, session store.Session) {
	t.Helper()
	if err := s.AppendSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
}

// listed are the IDs that q selects.
func listed(t *testing.T, s store.Store, q store.SessionQuery) string {
	t.Helper()
	return fmt.Sprint(ids(must[[]store.Session](t)(s.Sessions(t.Context(), q))))
}

// Attempts of peers that proved nothing displace none of peers that proved their identity or address,
// neither of one device nor of all.
func testSessionShares(t *testing.T, s store.Store) {
	n := 0
	of := func(ep string, proof store.Proof) {
		n++
		one := session(n, ep, store.CauseKeyDiffers)
		one.Proof = proof
		add(t, s, one)
	}
	for range 2 {
		of("dev", store.ProofIdentity)
		of("dev", "") // of a former release
		of("dev", store.ProofAddress)
	}
	const own = "[000006 000005 000004 000003 000002 000001]"
	for range 10 * SessionsPerDevice {
		of("dev", store.ProofNone)
	}
	if got := listed(t, s, store.SessionQuery{Endpoint: "dev", Own: true}); got != own {
		t.Errorf("its own are %s, want %s", got, own)
	}
	if got, want := listed(t, s, store.SessionQuery{Endpoint: "dev"}), fmt.Sprintf("[%06d %06d %06d %s", n, n-1, n-2, own[1:]); got != want {
		t.Errorf("all of them are %s, want %s", got, want)
	}
	for i := range 3 * Sessions {
		of(fmt.Sprintf("dev-%d", i), store.ProofNone)
	}
	if got := listed(t, s, store.SessionQuery{Endpoint: "dev", Own: true}); got != own {
		t.Errorf("after others its own are %s, want %s", got, own)
	}
	settle(t, s)
	if all := must[[]store.Session](t)(s.Sessions(t.Context(), store.SessionQuery{Limit: 1000})); len(all) != 6+UnprovedSessions {
		t.Errorf("%d are kept, want %d that proved something and %d that did not", len(all), 6, UnprovedSessions)
	}
	for range 2 * SessionsPerDevice {
		of("dev", store.ProofAddress)
	}
	all := must[[]store.Session](t)(s.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev", Own: true}))
	all = slices.DeleteFunc(all, func(s store.Session) bool { return s.Proof == store.ProofAddress })
	if got := fmt.Sprint(ids(all)); got != "[000005 000004 000002 000001]" {
		t.Errorf("after sessions over plain CoAP those with a credential are %s", got)
	}
	for _, q := range []store.SessionQuery{{Endpoint: "dev", Own: true, Limit: 1}, {Own: true, Limit: 1}} {
		if got := must[[]store.Session](t)(s.Sessions(t.Context(), q)); len(got) != 1 || got[0].Proof != store.ProofAddress {
			t.Errorf("%+v gives %v", q, got)
		}
	}
}

// An attempt under another name is found under both names, and is the last one only of the device that
// made it.
func testClaimedNames(t *testing.T, s store.Store) {
	for i, tt := range []struct{ endpoint, claimed string }{
		{"meter-B", ""}, {"meter-C", "meter-B"}, {"meter-B", ""}, {"meter-C", "meter-X"}, {"?", ""}, {"meter-C", ""}, {"meter-D", "meter-B"},
	} {
		one := session(i+1, tt.endpoint, store.CauseIdentityMismatch)
		one.Claimed, one.Proof = lwm2m.EndpointName(tt.claimed), store.ProofIdentity
		add(t, s, one)
	}
	for q, want := range map[store.SessionQuery]string{
		{Endpoint: "meter-B"}:                             "[000007 000003 000002 000001]",
		{Endpoint: "meter-B", Own: true}:                  "[000003 000001]",
		{Endpoint: "meter-B", Before: "000007", Limit: 2}: "[000003 000002]",
		{Endpoint: "meter-C"}:                             "[000006 000004 000002]",
		{Endpoint: "meter-X"}:                             "[000004]",
		{Endpoint: "meter-X", Own: true}:                  "[]",
		{Endpoint: "meter-B", Identity: "id-meter-C"}:     "[000002]",
		{Unknown: true}:                                   "[000005]",
		{Unknown: true, Endpoint: "meter-C"}:              "[]",
	} {
		if got := listed(t, s, q); got != want {
			t.Errorf("%+v gives %s, want %s", q, got, want)
		}
	}
	// The oldest goes from both.
	for i := range SessionsPerDevice {
		add(t, s, session(100+i, "meter-C", store.CauseDone))
	}
	if got := listed(t, s, store.SessionQuery{Endpoint: "meter-B"}); got != "[000007 000003 000001]" {
		t.Errorf("after the attempt under the name is gone: %s", got)
	}
}

// An identity that is the name of a device finds the attempts with it, of whatever device, and no others.
func testIdentityIsTheName(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("meter")))
	for i, of := range []struct{ endpoint, identity string }{{"meter", "meter"}, {"meter", "other"}, {"thief", "meter"}, {"meter", "meter"}, {"meter", ""}, {"meter", "meter"}} {
		one := session(i+1, of.endpoint, store.CauseDone)
		one.Identity = of.identity
		add(t, s, one)
	}
	check := func(when string) {
		for q, want := range map[store.SessionQuery]string{
			{Identity: "meter"}:                                    "[000006 000004 000003 000001]",
			{Identity: "meter", Limit: 2}:                          "[000006 000004]",
			{Identity: "meter", Before: "000004", Limit: 2}:        "[000003 000001]",
			{Identity: "meter", Before: "000003"}:                  "[000001]",
			{Identity: "meter", Endpoint: "thief"}:                 "[000003]",
			{Identity: "meter", Unknown: true}:                     "[]",
			{Identity: "meter", Failed: true}:                      "[]",
			{Identity: "other"}:                                    "[000002]",
			{Identity: "mete"}:                                     "[]",
			{Identity: "meter", Own: true, Before: "0000035"}:      "[000003 000001]",
			{Identity: "other", Own: true, Before: "000002"}:       "[]",
			{Identity: "thief"}:                                    "[]",
			{Identity: "meter", Before: "000006", Own: true}:       "[000004 000003 000001]",
			{Identity: "meter", Endpoint: "ghost", Before: "0009"}: "[]",
		} {
			if got := listed(t, s, q); got != want {
				t.Errorf("%s: %+v gives %s, want %s", when, q, got, want)
			}
		}
	}
	check("at first")
	must[store.Device](t)(s.RenameDevice(t.Context(), "meter", "renamed", 0))
	check("after the device was renamed")
	for i := range SessionsPerDevice - 1 {
		one := session(100+i, "renamed", store.CauseDone)
		one.Identity = "renamed"
		add(t, s, one)
	}
	if got := listed(t, s, store.SessionQuery{Identity: "meter"}); got != "[000006 000003]" {
		t.Errorf("after the others of the device are gone: %s", got)
	}
}

func testRename(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	d := device("old", "id-1", "id-2")
	d.Tags, d.Note = []string{"t"}, "note"
	d.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("k")), MasterSecret: lwm2m.NewSecret([]byte("m")), Pending: lwm2m.NewSecret([]byte("p"))}}
	d.Secrets = map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): lwm2m.NewSecret([]byte("s"))}
	before := must[store.Device](t)(s.PutDevice(t.Context(), d))
	after := must[store.Device](t)(s.RenameDevice(t.Context(), "old", "new", before.Revision))
	_, err := s.Device(t.Context(), "old")
	want(t, err, store.ErrNotFound)
	read := must[store.Device](t)(s.Device(t.Context(), "new"))
	for what, got := range map[string]store.Device{"returned": after, "read": read} {
		a, secret := got.Accounts["main"], got.Secrets[lwm2m.ResourcePath(11, 0, 6)]
		switch {
		case got.Endpoint != "new" || got.Revision != before.Revision+1 || !got.Created.Equal(before.Created) || got.Note != "note":
			t.Errorf("%s: %+v", what, got)
		case string(a.Key.Reveal()) != "k" || string(a.MasterSecret.Reveal()) != "m" || string(a.Pending.Reveal()) != "p" || string(secret.Reveal()) != "s":
			t.Errorf("%s: the secrets have changed", what)
		}
	}
	for _, id := range []string{"id-1", "id-2"} {
		owner := must[store.Device](t)(s.DeviceByIdentity(t.Context(), store.CredentialPSK, id))
		if owner.Endpoint != "new" || string(owner.Credentials[0].Key.Reveal()) != "key of id-1" {
			t.Errorf("identity %s is that of %q", id, owner.Endpoint)
		}
	}
	for _, q := range []store.DeviceQuery{{}, {Tag: "t"}, {Profile: "p"}} {
		if page := must[[]store.Device](t)(s.Devices(t.Context(), q)); len(page) != 1 || page[0].Endpoint != "new" {
			t.Errorf("%+v gives %v", q, page)
		}
	}
	again := device("old", "id-3") // the name is free
	must[store.Device](t)(s.PutDevice(t.Context(), again))
	read.Note = "edited"
	must[store.Device](t)(s.PutDevice(t.Context(), read))
}

func testRenameRefused(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("a", "id-a")))
	must[store.Device](t)(s.PutDevice(t.Context(), device("b", "id-b")))
	for _, tt := range []struct {
		ep, to lwm2m.EndpointName
		rev    store.Revision
		err    error
	}{
		{"a", "b", 0, store.ErrExists},
		{"a", "a", 0, store.ErrExists},
		{"x", "c", 0, store.ErrNotFound},
		{"a", "c", 7, store.ErrConflict},
		{"a", "", 0, store.ErrInvalid},
		{"a", "c\n", 0, store.ErrInvalid},
	} {
		_, err := s.RenameDevice(t.Context(), tt.ep, tt.to, tt.rev)
		want(t, err, tt.err)
	}
	for _, ep := range []lwm2m.EndpointName{"a", "b"} {
		if d := must[store.Device](t)(s.Device(t.Context(), ep)); d.Revision != 1 {
			t.Errorf("%s has revision %d", ep, d.Revision)
		}
	}
}

// The history goes with the device, also what is appended later under the old name to
// sessions that are kept; what others did under the old name stays as it was.
func testRenameMovesHistory(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("old")))
	unknown := session(1, "old", store.CauseEndpointUnknown)
	unknown.Known = false
	add(t, s, unknown)
	add(t, s, session(2, "old", store.CauseDone))
	unproved := session(3, "old", store.CauseKeyDiffers)
	unproved.Proof = store.ProofNone
	add(t, s, unproved)
	other := session(4, "other", store.CauseIdentityMismatch)
	other.Claimed = "old"
	add(t, s, other)
	mistaken := session(5, "old", store.CauseEndpointUnknown)
	mistaken.Claimed = "new"
	add(t, s, mistaken)
	must[store.Device](t)(s.RenameDevice(t.Context(), "old", "new", 0))
	unproved.Attempts = 7
	add(t, s, unproved) // as the history does while the same failure goes on
	for q, want := range map[store.SessionQuery]string{
		{Endpoint: "new"}:            "[000005 000003 000002]",
		{Endpoint: "new", Own: true}: "[000005 000002]",
		{Endpoint: "old"}:            "[000004 000001]",
		{Identity: "id-old"}:         "[000005 000003 000002 000001]",
		{Failed: true}:               "[000005 000004 000003 000001]",
	} {
		if got := listed(t, s, q); got != want {
			t.Errorf("%+v gives %s, want %s", q, got, want)
		}
	}
	if got := must[store.Session](t)(s.Session(t.Context(), "000003")); got.Endpoint != "new" || got.Attempts != 7 {
		t.Errorf("the session that went on is %+v", got)
	}
}

func testNearDevices(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	for _, d := range []store.Device{
		device("urn:imei:350123450000051", "urn:imei:350123450000051"), device("urn:imei:350123450000052"), device("urn:imei:350123450000999"),
		device("meter-A", "id-A"), device("meter-B"), device("METER_C", "\xffbytes"),
	} {
		must[store.Device](t)(s.PutDevice(t.Context(), d))
	}
	pinned := device("pinned")
	pinned.Credentials = []store.Credential{
		{Kind: store.CredentialCertificateName, Identity: "serial-0007"},
		{Kind: store.CredentialCertificate, Identity: store.Fingerprint([]byte("certificate"))},
	}
	must[store.Device](t)(s.PutDevice(t.Context(), pinned))
	for name, want := range map[string]string{
		"350123450000051":          "[urn:imei:350123450000051 urn:imei:350123450000052]",
		"URN-IMEI-350123450000051": "[urn:imei:350123450000051 urn:imei:350123450000052]",
		"meter-c":                  "[METER_C meter-A meter-B]",
		"iD a":                     "[meter-A=id-A]",
		"id-B":                     "[]", // too short for a typo
		"serial_0007":              "[pinned=serial-0007]",
		"serial-0008":              "[pinned=serial-0007]",
		"quite another":            "[]",
	} {
		var got []string
		for _, n := range must[[]store.NearDevice](t)(s.NearDevices(t.Context(), name, 5)) {
			text := string(n.Endpoint)
			if n.Identity != "" {
				text += "=" + n.Identity
			}
			got = append(got, text)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("near to %q are %v, want %s", name, got, want)
		}
	}
	if got := must[[]store.NearDevice](t)(s.NearDevices(t.Context(), "urn:imei:350123450000053", 1)); len(got) != 1 || got[0].Endpoint != "urn:imei:350123450000051" {
		t.Errorf("the nearest one is %v", got)
	}
}

func testNamesBeginning(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	for _, d := range []store.Device{device("meter-A", "id-1", "meter-A1"), device("meter-B", "\xff\x01bytes"), device("gate", "id-2")} {
		must[store.Device](t)(s.PutDevice(t.Context(), d))
	}
	pinned := device("pinned")
	pinned.Credentials = []store.Credential{{Kind: store.CredentialCertificate, Identity: store.Fingerprint([]byte("certificate"))}}
	must[store.Device](t)(s.PutDevice(t.Context(), pinned))
	for i, identity := range []string{"id-1", "id-9", "stray-1", "stray-1", "stray-2"} {
		if err := s.AppendSession(t.Context(), store.Session{ID: fmt.Sprintf("%06d", i), Identity: identity}); err != nil {
			t.Fatal(err)
		}
	}
	named := session(7, "stray-3", store.CauseEndpointUnknown) // whose identity is its name
	named.Identity, named.Known = "stray-3", false
	add(t, s, named)
	add(t, s, session(8, "stray-4", store.CauseEndpointUnknown))
	for prefix, want := range map[string]string{
		"meter":  "[meter-A meter-B]", // each once
		"id-":    "[meter-A=id-1 gate=id-2]",
		"id-2":   "[gate=id-2]",
		"hex:ff": "[meter-B=hex:ff016279746573]",
		"stray":  "[=stray-1 =stray-2 =stray-3]", // only the history has it
		"meterr": "[]",
		store.Fingerprint([]byte("certificate"))[:8]: "[pinned=" + store.Fingerprint([]byte("certificate")) + "]",
	} {
		got := []string{}
		for _, n := range must[[]store.NearDevice](t)(s.NamesBeginning(t.Context(), prefix, 5)) {
			text := string(n.Endpoint)
			if n.Identity != "" {
				text += "=" + n.Identity
			}
			got = append(got, text)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("beginning with %q are %v, want %s", prefix, got, want)
		}
	}
	if got := must[[]store.NearDevice](t)(s.NamesBeginning(t.Context(), "meter", 1)); len(got) != 1 {
		t.Errorf("more than the limit: %v", got)
	}
}
