// Package storetest is the suite that every backend of package store passes.
package storetest

import (
	"errors"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Backend is one implementation of [store.Store] under test.
type Backend struct {
	// Open returns an empty store with the limits below; the suite closes it. Required.
	Open func(t *testing.T) store.Store

	// Reopen opens the data of a closed store. Nil skips what needs it.
	Reopen func(t *testing.T, closed store.Store) store.Store
}

// The limits that Open sets: of sessions of one device and of all devices, of sessions of peers that
// proved nothing in the same way, of sessions of unknown devices, of associations, of messages, and of entries of the audit.
const (
	SessionsPerDevice = 5
	Sessions          = 50
	UnprovedPerDevice = 3
	UnprovedSessions  = 20
	UnknownSessions   = 10
	Associations      = 30
	Messages          = 20 // in the outbox, half of them events
	EventsOfReceiver  = 6
	DeadLetters       = 4 // of one receiver
	AuditEntries      = 10
)

// Run checks the promises of [store.Store]. Each case opens its own store, so that cases are
// independent.
func Run(t *testing.T, b Backend) {
	cases := []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"Missing", testMissing},
		{"DeviceRoundTrip", testDeviceRoundTrip},
		{"Revisions", testRevisions},
		{"RevisionsAfterEdits", testRevisionsAfterEdits},
		{"ConcurrentPuts", testConcurrentPuts},
		{"Identities", testIdentities},
		{"PutDevices", testPutDevices},
		{"DevicePages", testDevicePages},
		{"DeviceFilters", testDeviceFilters},
		{"DeviceSample", testDeviceSample},
		{"DeviceOutlines", testDeviceOutlines},
		{"Profiles", testProfiles},
		{"ProfilesAllOrNone", testProfilesAllOrNone},
		{"ProfileInUse", testProfileInUse},
		{"ProfileRevisions", testProfileRevisions},
		{"Campaigns", testCampaigns},
		{"CampaignDevices", testCampaignDevices},
		{"Groups", testGroups},
		{"GroupInUse", testGroupInUse},
		{"Enrolment", testEnrolment},
		{"EnrolmentsAtOnce", testEnrolmentsAtOnce},
		{"InvalidGroups", testInvalidGroups},
		{"LwM2MServers", testLwM2MServers},
		{"LwM2MServerInUse", testLwM2MServerInUse},
		{"Forgotten", testForgotten},
		{"ForgottenByKind", testForgottenByKind},
		{"DevicesHandedOver", testDevicesHandedOver},
		{"Events", testEvents},
		{"EventsOfFailures", testEventsOfFailures},
		{"EventOnce", testEventOnce},
		{"Messages", testMessages},
		{"OutboxFull", testOutboxFull},
		{"DeadLetters", testDeadLetters},
		{"ReceiverInUse", testReceiverInUse},
		{"NoAliases", testNoAliases},
		{"InvalidRecords", testInvalidRecords},
		{"SessionPages", testSessionPages},
		{"SessionLimits", testSessionLimits},
		{"SessionReplaced", testSessionReplaced},
		{"SessionEnd", testSessionEnd},
		{"SessionShares", testSessionShares},
		{"ClaimedNames", testClaimedNames},
		{"IdentityIsTheName", testIdentityIsTheName},
		{"Rename", testRename},
		{"RenameRefused", testRenameRefused},
		{"RenameMovesHistory", testRenameMovesHistory},
		{"NearDevices", testNearDevices},
		{"NamesBeginning", testNamesBeginning},
		{"PendingDevices", testPendingDevices},
		{"InvalidPendingDevices", testInvalidPendingDevices},
		{"Users", testUsers},
		{"InvalidUsers", testInvalidUsers},
		{"Tokens", testTokens},
		{"WebSessions", testWebSessions},
		{"WebSessionLimits", testWebSessionLimits},
		{"WhatGoesWithAUser", testWhatGoesWithAUser},
		{"Audit", testAudit},
		{"AuditWithTheEdit", testAuditWithTheEdit},
		{"AuditLimit", testAuditLimit},
		{"Stats", testStats},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := b.Open(t)
			defer s.Close()
			c.test(t, s)
		})
	}
	t.Run("Closed", func(t *testing.T) { testClosed(t, b.Open(t)) })
	if b.Reopen != nil {
		t.Run("OutboxDurability", func(t *testing.T) { testOutboxDurability(t, b) })
		t.Run("Durability", func(t *testing.T) { testDurability(t, b) })
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

func testMissing(t *testing.T, s store.Store) {
	_, err := s.Device(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.DeviceByIdentity(t.Context(), store.CredentialPSK, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Revisions(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Group(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Session(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	want(t, s.DeleteDevice(t.Context(), "x", 0), store.ErrNotFound)
	want(t, s.DeleteProfile(t.Context(), "x", 0), store.ErrNotFound)
	want(t, s.DeleteGroup(t.Context(), "x", 0), store.ErrNotFound)
	_, err = s.PutDevice(t.Context(), device("d"))
	want(t, err, store.ErrNotFound) // its profile
}

func testNoAliases(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	in := device("d", "id")
	in.Vars = map[string]string{"a": "b"}
	kept := must[store.Device](t)(s.PutDevice(t.Context(), in))
	in.Vars["a"] = "changed by the caller"
	kept.Credentials[0].Identity = "changed by the caller"
	got := must[store.Device](t)(s.Device(t.Context(), "d"))
	if got.Vars["a"] != "b" || got.Credentials[0].Identity != "id" {
		t.Errorf("the store shares memory with its caller: %+v", got)
	}
}

func testInvalidRecords(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	for name, d := range map[string]store.Device{
		"no name":          device(""),
		"control sign":     device("a\x00b"),
		"no profile":       {Endpoint: "d"},
		"empty identity":   device("d", ""),
		"same identities":  device("d", "i", "i"),
		"long identity":    device("d", string(make([]byte, store.MaxIdentity+1))),
		"empty key":        {Endpoint: "d", Profile: "p", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i"}}},
		"no kind":          {Endpoint: "d", Profile: "p", Credentials: []store.Credential{{Identity: "i", Key: lwm2m.NewSecret([]byte("k"))}}},
		"control in a tag": {Endpoint: "d", Profile: "p", Tags: []string{"a\x00"}},
	} {
		if _, err := s.PutDevice(t.Context(), d); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v, want %v", name, err, store.ErrInvalid)
		}
	}
	_, err := s.PutProfile(t.Context(), store.Profile{})
	want(t, err, store.ErrInvalid)
}

func testStats(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	if err := s.AppendSession(t.Context(), session(1, "d", store.CauseDone)); err != nil {
		t.Fatal(err)
	}
	got := must[store.Stats](t)(s.Stats(t.Context()))
	if got.Devices != 1 || got.Profiles != 1 || got.Sessions != 1 || got.Bytes == 0 {
		t.Errorf("stats %+v", got)
	}
}

func testClosed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Device(t.Context(), "d")
	want(t, err, store.ErrClosed)
	_, err = s.PutProfile(t.Context(), store.Profile{Name: "p"})
	want(t, err, store.ErrClosed)
	_, err = s.Groups(t.Context())
	want(t, err, store.ErrClosed)
	want(t, s.Close(), store.ErrClosed)
}

func testDurability(t *testing.T, b Backend) {
	s := b.Open(t)
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d", "id")))
	must[store.Group](t)(s.PutGroup(t.Context(), group("g")))
	must[store.Device](t)(s.PutDevice(t.Context(), member("m", "g")))
	want(t, s.PutPendingDevice(t.Context(), pendingDevice("22222222", "ep")), nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = b.Reopen(t, s)
	defer s.Close()
	if got := listedPending(t, s); len(got) != 1 {
		t.Errorf("after reopening: pending devices %v", got)
	}
	if d := must[store.Device](t)(s.DeviceByIdentity(t.Context(), store.CredentialPSK, "id")); string(d.Credentials[0].Key.Reveal()) != "key of id" {
		t.Errorf("after reopening: %+v", d)
	}
	if g := must[store.Group](t)(s.Group(t.Context(), "g")); string(g.Keys[0].Key.Reveal()) != "sixteen bytes of g" {
		t.Errorf("after reopening: %+v", g)
	}
	if n := must[int](t)(s.GroupSize(t.Context(), "g")); n != 1 {
		t.Errorf("after reopening: %d devices in the group", n)
	}
}
