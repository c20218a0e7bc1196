package store_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"lwbs/lwm2m"
	"lwbs/store"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func failedSession(cause store.Cause) store.Session {
	return store.Session{
		ID: "s1", Endpoint: "dev", Known: true, Proof: store.ProofIdentity, Started: noon, Ended: noon, Remote: "192.0.2.1:1", Transport: store.TransportDTLS,
		Profile: "p", ProfileRevision: 3, Stage: store.StageWrite, Cause: cause, Detail: "it refused /0/1",
	}
}

// Failures of a device with one cause are one event in an hour, which counts those since the one before.
func TestFailuresAreCoalesced(t *testing.T) {
	var series *store.FailureSeries
	for i, tt := range []struct {
		cause    store.Cause
		at       time.Duration
		told     bool
		failures int
	}{
		{store.CauseRefused, 0, true, 1},
		{store.CauseRefused, time.Minute, false, 0},
		{store.CauseRefused, 59 * time.Minute, false, 0},
		{store.CauseRefused, time.Hour, true, 3},
		{store.CauseRefused, 61 * time.Minute, false, 0},
		{store.CauseSilent, 62 * time.Minute, true, 1},
		{store.CauseSilent, -time.Hour, true, 1}, // the clock was set
		{store.CauseDone, 63 * time.Minute, true, 0},
		{store.CauseSilent, 64 * time.Minute, true, 1},
	} {
		var e store.Event
		var told bool
		e, told, series = store.EventOf(failedSession(tt.cause), series, noon.Add(tt.at))
		if data, _ := e.Data.(store.SessionData); told != tt.told || data.Failures != tt.failures || told && (e.Type == store.EventFailed) == tt.cause.Success() {
			t.Errorf("%d: told %v, %+v, want %v, %d", i, told, e, tt.told, tt.failures)
		}
	}
	if series == nil || series.Cause != store.CauseSilent {
		t.Errorf("in the end %+v", series)
	}
}

// Attempts that nothing proves to be the device's, and sessions that were cut off, make no event.
func TestAttemptsWithoutEvent(t *testing.T) {
	for name, change := range map[string]func(*store.Session){
		"no device":    func(s *store.Session) { s.Known = false },
		"no proof":     func(s *store.Session) { s.Proof = store.ProofNone },
		"superseded":   func(s *store.Session) { s.Cause = store.CauseSuperseded },
		"stopped":      func(s *store.Session) { s.Cause = store.CauseStopped },
		"idle":         func(s *store.Session) { s.Cause = store.CauseIdle },
		"without work": func(s *store.Session) { s.Cause = store.CauseNoRequest },
	} {
		s := failedSession(store.CauseRefused)
		change(&s)
		before := &store.FailureSeries{Cause: store.CauseSilent, Told: noon, Failures: 4}
		if e, told, after := store.EventOf(s, before, noon); told || after != before {
			t.Errorf("%s: %+v, %+v", name, e, after)
		}
	}
}

// A certificate is told of 30, 7 and 1 days before it expires, and when it has.
func TestExpiringEvents(t *testing.T) {
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]int{31 * day: -1, 30 * day: 30, 8 * day: 30, 7 * day: 7, 2 * day: 7, day: 1, time.Hour: 1, 0: 0, -900 * day: 0} {
		e, due := store.ExpiringEvent(store.ExpiringData{Of: store.ExpiringCA, Record: "g", Fingerprint: strings.Repeat("0a", 32), Expires: noon.Add(left)}, noon)
		data, _ := e.Data.(store.ExpiringData)
		if due != (want >= 0) || due && (data.Days != want || e.Once == "" || !e.Until.After(noon.Add(left))) {
			t.Errorf("%v before: %+v, %v; want %d", left, e, due, want)
		}
	}
}

// Each event is as docs/events.schema.json has it, and the schema refuses what is not.
func TestEventsAreAsTheSchemaHasThem(t *testing.T) {
	text, err := os.ReadFile("../docs/events.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("events.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("events.json")
	if err != nil {
		t.Fatal(err)
	}
	done, _, _ := store.EventOf(failedSession(store.CauseDone), nil, noon)
	failed, _, _ := store.EventOf(failedSession(store.CauseRefused), nil, noon)
	d := store.Device{Endpoint: "dev", Profile: "p", Group: "g", Tags: []string{"t"}}
	expiring, _ := store.ExpiringEvent(store.ExpiringData{Of: store.ExpiringAccount, Endpoint: "dev", Account: "a", Subject: "CN=dev", Fingerprint: store.Fingerprint([]byte{1}), Expires: noon}, noon)
	types := make(map[store.EventType]bool)
	for _, e := range []store.Event{
		done, failed, expiring,
		store.PendingEvent(store.PendingDevice{ID: "22222222", Endpoint: "dev", Transport: store.TransportDTLS, Kind: store.CredentialPSK, Group: "g", Profile: "p", Remote: "192.0.2.1:1", First: noon}, noon),
		store.PendingEvent(store.PendingDevice{ID: "22222222", Transport: store.TransportPlain, Remote: "192.0.2.1:1", First: noon}, noon),
		store.DeviceEvent(store.EventDisabled, d, noon), store.DeviceEvent(store.EventDeleted, store.Device{Endpoint: lwm2m.EndpointName("d")}, noon),
		store.RemovedEvent(store.HandedOver{Server: "dm", Endpoint: "dev", Identity: "id\xff"}, store.RemovedChanged, noon),
		store.RemovedEvent(store.HandedOver{Server: "dm", Endpoint: "dev"}, store.RemovedDeleted, noon),
	} {
		types[e.Type] = true
		m, err := e.MessageTo("hook")
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(m.Body.Reveal())))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: %v", m.Body.Reveal(), err)
		}
		v.(map[string]any)["data"].(map[string]any)["keyHex"] = "00"
		v.(map[string]any)["type"] = "device.credentials"
		if schema.Validate(v) == nil {
			t.Errorf("the schema permits %v", v)
		}
	}
	for _, kind := range append(store.EventTypes, store.EventRemoved) {
		if !types[kind] {
			t.Errorf("%s was not tried", kind)
		}
	}
}
