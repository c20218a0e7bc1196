package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// began is when the attempts of these tests began.
var began = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

// own is an attempt of a device with its credential, n seconds after the first.
func own(n int, ep lwm2m.EndpointName, cause store.Cause) store.Session {
	return store.Session{
		ID: fmt.Sprintf("s%03d", n), Endpoint: ep, Known: true, Proof: store.ProofIdentity, Identity: "id-" + string(ep), Transport: "coaps",
		Remote: "192.0.2.7:5683", Started: began.Add(time.Duration(n) * time.Second), Ended: began.Add(time.Duration(n+1) * time.Second), Stage: store.StageRequest, Cause: cause,
	}
}

func with(s store.Session, change func(*store.Session)) store.Session {
	change(&s)
	return s
}

// unknown is an attempt of a peer that belongs to no device.
func unknown(n int, identity string, cause store.Cause) store.Session {
	return with(own(n, "", cause), func(s *store.Session) {
		s.Known, s.Proof, s.Identity, s.Remote = false, store.ProofNone, identity, "198.51.100.9:4711"
	})
}

// unproved is an attempt in the name of a device that proved nothing.
func unproved(n int, ep lwm2m.EndpointName, cause store.Cause) store.Session {
	return with(own(n, ep, cause), func(s *store.Session) { s.Proof, s.Remote = store.ProofNone, "203.0.113.5:9" })
}

// wrongPort is something that came to the wrong port, which may be forged.
func wrongPort(n int, transport, detail string) store.Session {
	return with(unknown(n, "", store.CauseWrongPort), func(s *store.Session) {
		s.Stage, s.Transport, s.Detail = store.StageDatagram, transport, detail
	})
}

// from is s from another address.
func from(remote string, s store.Session) store.Session {
	s.Remote = remote
	return s
}

// asked are the situations in which an engineer asks why.
var asked = []struct {
	name     string
	server   bool
	running  *store.Session
	shaking  string // the identity of a handshake under way
	sessions []store.Session
	ask      string

	endpoint lwm2m.EndpointName
	attempts string   // IDs
	likely   string   // IDs
	near     string   // endpoints
	told     []string // somewhere in the answer
	untold   []string
}{
	{name: "never seen", server: true, ask: "meter-A", endpoint: "meter-A",
		told:   []string{"never seen by this database (/var/lib/x.db)", `nor with its identity \"id-meter-A\"`, "coaps://192.0.2.1:5684 since 2026-11-28 09:00:00 UTC", "firewall"},
		untold: []string{"never came"}},
	{name: "never seen, and no server", ask: "meter-A", endpoint: "meter-A",
		told: []string{"never seen by this database (/var/lib/x.db)", "none is running with this database", "another database"}, untold: []string{"firewall"}},
	{name: "seen, and no server", ask: "meter-A", endpoint: "meter-A", sessions: []store.Session{own(1, "meter-A", store.CauseDone)},
		attempts: "s001", told: []string{"No server is running with this database (/var/lib/x.db)"}},
	{name: "first handshake is under way", server: true, ask: "meter-A", endpoint: "meter-A", shaking: "id-meter-A",
		told:   []string{"DTLS handshake, under way", `PSK identity \"id-meter-A\" is under way since 2026-11-28 09:00:07 UTC, from coaps://192.0.2.7:1`, "Ask again in ten seconds"},
		untold: []string{"never seen", "firewall"}},
	{name: "another handshake is under way", server: true, ask: "meter-A", endpoint: "meter-A", shaking: "id-meter-A",
		sessions: []store.Session{own(1, "meter-A", store.CauseDone)}, attempts: "s001", told: []string{"is under way since"}},
	{name: "a handshake of another device is under way", server: true, ask: "meter-A", endpoint: "meter-A", shaking: "id-meter-B",
		told: []string{"never seen"}, untold: []string{"under way"}},
	{name: "first session is running", server: true, ask: "meter-A", endpoint: "meter-A",
		running: new(with(own(1, "meter-A", ""), func(s *store.Session) { s.Stage = store.StageWrite })),
		told:    []string{`"running":{"session":{"id":"s001"`, `"stage":"Bootstrap-Write"`, "Wait"}, untold: []string{"never", "firewall"}},
	{name: "identity that is nearly its own", server: true, ask: "urn:imei:350123450000051", endpoint: "urn:imei:350123450000051",
		sessions: []store.Session{unknown(1, "350123450000051", store.CauseIdentityUnknown), unknown(2, "quite-another", store.CauseIdentityUnknown)},
		likely:   "s001", told: []string{`it gave \"350123450000051\", and the record has \"urn:imei:350123450000051\"`, "lwbs device set urn:imei:350123450000051 --psk-identity 350123450000051"}, untold: []string{"firewall"}},
	{name: "name that is nearly its own", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{with(unknown(1, "", store.CauseEndpointUnknown), func(s *store.Session) { s.Endpoint = "METER_A" })},
		likely:   "s001", told: []string{"lwbs device rename meter-A METER_A"}},
	{name: "near, but before it came itself", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{unknown(1, "id_meter-A", store.CauseIdentityUnknown), own(2, "meter-A", store.CauseDone)}, attempts: "s002"},
	{name: "came before it was added", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{unknown(1, "id-meter-A", store.CauseIdentityUnknown)}, attempts: "s001",
		told: []string{`by now \"meter-A\" has this identity`}, untold: []string{"firewall"}},
	{name: "comes under another name", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{with(own(1, "meter-A", store.CauseEndpointUnknown), func(s *store.Session) { s.Claimed = "meter-X" })}, attempts: "s001",
		told: []string{`calls itself \"meter-X\"`, "lwbs device rename meter-A meter-X"}, untold: []string{"firewall"}},
	{name: "the other name", server: true, ask: "meter-X",
		sessions: []store.Session{with(own(1, "meter-A", store.CauseEndpointUnknown), func(s *store.Session) { s.Claimed = "meter-X" })}, attempts: "s001",
		near: "meter-A meter-B", told: []string{"lwbs device rename meter-A meter-X"}},
	{name: "wrong key under its identity", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{unproved(1, "meter-A", store.CauseKeyDiffers)}, attempts: "s001",
		told: []string{"two keys differ", "lwbs device get meter-A --reveal", "Nothing proves that this was the device"}},
	{name: "another device in its name", server: true, ask: "meter-B", endpoint: "meter-B",
		sessions: []store.Session{own(1, "meter-B", store.CauseDone), with(own(2, "meter-A", store.CauseIdentityMismatch), func(s *store.Session) { s.Claimed = "meter-B" })},
		attempts: "s002 s001", told: []string{"lwbs device delete meter-B, then lwbs device rename meter-A meter-B"}},
	{name: "and that other device", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{own(1, "meter-B", store.CauseDone), with(own(2, "meter-A", store.CauseIdentityMismatch), func(s *store.Session) { s.Claimed = "meter-B" })},
		attempts: "s002"},
	{name: "its own is among them", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{own(1, "meter-A", store.CauseDone), unproved(2, "meter-A", store.CauseKeyDiffers), unproved(3, "meter-A", store.CauseNoSecRefused), unproved(4, "meter-A", store.CauseCertificateUnknown)},
		attempts: "s004 s003 s001", told: []string{"Since then there were attempts under its name"}},
	{name: "refuses the certificate of the server", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{own(1, "meter-A", store.CauseDone), from("192.0.2.7:9999", unknown(2, "", store.CauseServerRefused)), unknown(3, "", store.CauseServerRefused)},
		attempts: "s001", likely: "s002", told: []string{"it came from 192.0.2.7, as the device did last, and told nothing of who it is", "Since then there were attempts that may be this device's"}},
	{name: "by its identity", server: true, ask: "id-meter-A", endpoint: "meter-A",
		sessions: []store.Session{own(1, "meter-A", store.CauseDone)}, attempts: "s001", told: []string{`\"id-meter-A\" is an identity of the device \"meter-A\"`}},
	{name: "by the beginning of its name", server: true, ask: "urn:imei:3501", endpoint: "urn:imei:350123450000051",
		sessions: []store.Session{own(1, "urn:imei:350123450000051", store.CauseDone)}, attempts: "s001",
		told: []string{`\"urn:imei:3501\" is the beginning of the name of the device \"urn:imei:350123450000051\"`}},
	{name: "by a beginning that several have", server: true, ask: "mete", near: "meter-A meter-B"},
	{name: "by the beginning of an identity that no device has", server: true, ask: "factory",
		sessions: []store.Session{unknown(1, "factory-4711", store.CauseIdentityUnknown)}, attempts: "s001",
		told: []string{`\"factory\" is the beginning of the identity \"factory-4711\"`}},
	{name: "address from which a session runs", server: true, ask: "192.0.2.7", running: new(own(1, "meter-A", "")),
		told: []string{`"running":{"session":{"id":"s001"`}},
	{name: "fingerprint with which a session runs", server: true, ask: "0a1b2c3d", running: new(with(own(1, "meter-A", ""), func(s *store.Session) { s.Identity = "0a1b2c3d" })),
		told: []string{`"running":{"session":{"id":"s001"`}},
	{name: "unknown identity", server: true, ask: "factory-4711", sessions: []store.Session{unknown(1, "factory-4711", store.CauseIdentityUnknown)}, attempts: "s001",
		told: []string{"lwbs device add NAME --profile PROFILE --psk-identity factory-4711"}},
	{name: "no device", server: true, ask: "350123450000051", near: "urn:imei:350123450000051"},

	{name: "address that sends to the wrong port", server: true, ask: "198.51.100.9",
		sessions: []store.Session{wrongPort(1, "coap", "it speaks DTLS to the port for plain CoAP"), from("198.51.100.10:4711", wrongPort(2, "coap", "not this one"))},
		attempts: "s001", told: []string{`"address":"198.51.100.9"`, "A peer sends to the wrong port: it speaks DTLS to the port for plain CoAP", "the port of the coaps address"}, untold: []string{"not this one", "meter"}},
	{name: "address with port and scheme", server: true, ask: "coaps://198.51.100.9:1",
		sessions: []store.Session{wrongPort(1, "coaps", "it speaks plain CoAP to the port for DTLS: POST /bs?ep=meter-A")},
		attempts: "s001", told: []string{"POST /bs?ep=meter-A", "coaps://", "lwbs serve --coap"}},
	{name: "address of IPv6", server: true, ask: "[2001:db8::1]:5683",
		sessions: []store.Session{from("[2001:db8::1]:9", wrongPort(1, "coap", "x")), from("[2001:db8::2]:9", wrongPort(2, "coap", "x"))}, attempts: "s001"},
	{name: "address of a network that has a record", server: true, ask: "198.51.100.77",
		sessions: []store.Session{with(wrongPort(1, "coap", ""), func(s *store.Session) { s.Network = "198.51.100.0/24" })},
		attempts: "s001", told: []string{"Peers in 198.51.100.0/24 sent more of what is not for this port"}},
	{name: "address of a device", server: true, ask: "192.0.2.7", sessions: []store.Session{own(1, "meter-A", store.CauseDone)}, attempts: "s001"},
	{name: "address that nothing came from", server: true, ask: "192.0.2.99", sessions: []store.Session{own(1, "meter-A", store.CauseDone)}},
	{name: "wrong port under the name of a device", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{with(wrongPort(1, "coaps", "it speaks plain CoAP to the port for DTLS: POST /bs?ep=meter-A"), func(s *store.Session) { s.Claimed = "meter-A" })},
		attempts: "s001", told: []string{"it speaks plain CoAP to the port for DTLS", "lwbs device set meter-A --no-sec"}, untold: []string{"never seen"}},
	{name: "no device, and none near", server: true, ask: "quite-another"},
	{name: "two devices with its name", server: true, ask: "meter-A", endpoint: "meter-A",
		sessions: []store.Session{
			from("192.0.2.7:1", own(1, "meter-A", store.CauseDone)), from("198.51.100.3:1", own(2, "meter-A", store.CauseDone)),
			from("192.0.2.7:2", own(3, "meter-A", store.CauseDone)), from("198.51.100.3:2", own(4, "meter-A", store.CauseDone)),
		},
		attempts: "s004 s003 s002", told: []string{"Two devices may have this name", "192.0.2.7 and 198.51.100.3 in turn", "lwbs device add NAME"}},
}

func TestWhy(t *testing.T) {
	for _, way := range []string{"local", "client"} {
		for _, tt := range asked {
			t.Run(way+"/"+tt.name, func(t *testing.T) {
				r := newRig(t)
				r.local.Database = "/var/lib/x.db"
				if tt.server {
					r.local.Server = func() admin.Status {
						return admin.Status{Started: began.Add(-time.Hour), Listens: []string{"coaps://192.0.2.1:5684"}}
					}
				}
				r.local.Running = func(ep lwm2m.EndpointName) *store.Session {
					if tt.running != nil && tt.running.Endpoint == ep {
						return tt.running
					}
					return nil
				}
				r.local.Handshake = func(identity string) (from string, since time.Time, ok bool) {
					return "coaps://192.0.2.7:1", began.Add(-time.Hour + 7*time.Second), identity == tt.shaking
				}
				if tt.running != nil {
					r.local.Active = func() []store.Session { return []store.Session{*tt.running} }
				}
				for _, ep := range []lwm2m.EndpointName{"meter-A", "meter-B"} {
					_, err := r.local.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Identity: "id-" + string(ep)}})
					check(t, err)
				}
				_, err := r.local.AddDevice(t.Context(), "urn:imei:350123450000051", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
				check(t, err)
				for _, s := range tt.sessions {
					check(t, r.local.Store.AppendSession(t.Context(), s))
				}
				var api admin.API = r.local
				if way == "client" {
					api = r.client
				}
				w, err := api.Why(t.Context(), tt.ask, 3)
				check(t, err)
				var attempts, likely, near []string
				for _, a := range w.Attempts {
					attempts = append(attempts, a.Session.ID)
				}
				for _, l := range w.Likely {
					likely = append(likely, l.Session.ID)
				}
				for _, n := range w.Near {
					near = append(near, string(n.Endpoint))
				}
				for what, lists := range map[string][2]string{
					"endpoint": {string(w.Endpoint), string(tt.endpoint)}, "attempts": {strings.Join(attempts, " "), tt.attempts},
					"likely": {strings.Join(likely, " "), tt.likely}, "near": {strings.Join(near, " "), tt.near},
				} {
					if lists[0] != lists[1] {
						t.Errorf("%s: %q, want %q", what, lists[0], lists[1])
					}
				}
				text, err := json.Marshal(w)
				check(t, err)
				for _, want := range tt.told {
					if !strings.Contains(string(text), want) {
						t.Errorf("no %q in\n%s", want, text)
					}
				}
				for _, unwanted := range tt.untold {
					if strings.Contains(string(text), unwanted) {
						t.Errorf("%q in\n%s", unwanted, text)
					}
				}
			})
		}
	}
}

// The state of a device is what it proved itself; what came under its name since stands
// beside it.
func TestLastOfADevice(t *testing.T) {
	tests := []struct {
		name           string
		sessions       []store.Session
		last, unproved string
	}{
		{"nothing", nil, "", ""},
		{"done", []store.Session{own(1, "meter-A", store.CauseDone)}, "s001", ""},
		{"idle since", []store.Session{own(1, "meter-A", store.CauseDone), own(2, "meter-A", store.CauseIdle)}, "s001", ""},
		{"idle only", []store.Session{own(1, "meter-A", store.CauseIdle)}, "s001", ""},
		{"wrong keys since", []store.Session{own(1, "meter-A", store.CauseDone), unproved(2, "meter-A", store.CauseKeyDiffers)}, "s001", "s002"},
		{"wrong keys before", []store.Session{unproved(1, "meter-A", store.CauseKeyDiffers), own(2, "meter-A", store.CauseDone)}, "s002", ""},
		{"wrong keys only", []store.Session{unproved(1, "meter-A", store.CauseKeyDiffers)}, "", "s001"},
		{"another device in its name", []store.Session{own(1, "meter-A", store.CauseDone), with(own(2, "meter-C", store.CauseIdentityMismatch), func(s *store.Session) { s.Claimed = "meter-A" })}, "s001", "s002"},
		{"mistaken in its own name", []store.Session{own(1, "meter-A", store.CauseDone), with(own(2, "meter-A", store.CauseIdentityMismatch), func(s *store.Session) { s.Claimed = "meter-C" })}, "s002", ""},
		{"plain CoAP", []store.Session{with(own(1, "meter-A", store.CauseDone), func(s *store.Session) { s.Proof = store.ProofAddress }), with(own(2, "meter-A", store.CauseSilent), func(s *store.Session) { s.Proof = store.ProofNone })}, "s001", "s002"},
		{"of a former release", []store.Session{with(own(1, "meter-A", store.CauseDone), func(s *store.Session) { s.Proof = "" })}, "s001", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			_, err := r.local.AddDevice(t.Context(), "meter-A", admin.DeviceSettings{Profile: new("p")})
			check(t, err)
			for _, s := range tt.sessions {
				check(t, r.local.Store.AppendSession(t.Context(), s))
			}
			d, err := r.client.Device(t.Context(), "meter-A", false)
			check(t, err)
			id := func(s *store.Session) string {
				if s == nil {
					return ""
				}
				return s.ID
			}
			if id(d.Last) != tt.last || id(d.Unproved) != tt.unproved || d.Running != nil {
				t.Errorf("last %q, under its name %q; want %q and %q", id(d.Last), id(d.Unproved), tt.last, tt.unproved)
			}
		})
	}
}

// A device is renamed with what it has, and it is said what changes with the name.
func TestRename(t *testing.T) {
	r := newRig(t)
	added, err := r.client.AddDevice(t.Context(), "old/name", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	check(t, r.local.Store.AppendSession(t.Context(), own(1, "old/name", store.CauseDone)))
	before, err := r.client.Device(t.Context(), "old/name", true)
	check(t, err)

	r.local.Running = func(lwm2m.EndpointName) *store.Session { return new(own(2, "old/name", "")) }
	if _, err := r.client.RenameDevice(t.Context(), "old/name", "new name", 0); !errors.Is(err, admin.ErrSessionRunning) {
		t.Errorf("while a session is running: %v", err)
	}
	r.local.Running = nil
	if _, err := r.client.RenameDevice(t.Context(), "old/name", "new name", 7); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another revision: %v", err)
	}
	renamed, err := r.client.RenameDevice(t.Context(), "old/name", "new name", added.Revision)
	check(t, err)
	if renamed.Endpoint != "new name" || renamed.Last == nil || renamed.Last.ID != "s001" {
		t.Errorf("renamed to %+v", renamed)
	}
	if !slices.ContainsFunc(renamed.Warnings, func(w string) bool {
		return strings.Contains(w, `"new name" in place of "old/name"`)
	}) {
		t.Errorf("the warnings are %q", renamed.Warnings)
	}
	after, err := r.client.Device(t.Context(), "new name", true)
	check(t, err)
	if !reflect.DeepEqual(after.Credentials, before.Credentials) || after.Accounts["main"].Key != before.Accounts["main"].Key {
		t.Error("the keys have changed")
	}
	if _, err := r.client.Device(t.Context(), "old/name", false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the old name: %v", err)
	}
	if _, err := r.client.RenameDevice(t.Context(), "old/name", "x", 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of what is not there: %v", err)
	}
}

// The identity of a key can be corrected without the key.
func TestPSKIdentity(t *testing.T) {
	r := newRig(t)
	_, err := r.client.AddDevice(t.Context(), "meter-A", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Identity: "id-A"}})
	check(t, err)
	_, err = r.client.AddDevice(t.Context(), "meter-B", admin.DeviceSettings{Profile: new("p")})
	check(t, err)
	before, err := r.client.Device(t.Context(), "meter-A", true)
	check(t, err)
	_, err = r.client.SetDevice(t.Context(), "meter-A", 0, admin.DeviceSettings{PSKIdentity: new("hex:0aff")})
	check(t, err)
	after, err := r.client.Device(t.Context(), "meter-A", true)
	check(t, err)
	if after.Credentials[0].Identity != "hex:0aff" || after.Credentials[0].Key != before.Credentials[0].Key || len(after.Credentials) != 1 {
		t.Errorf("the credentials are %+v", after.Credentials)
	}
	if _, err := r.client.SetDevice(t.Context(), "meter-B", 0, admin.DeviceSettings{PSKIdentity: new("id-B")}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("of a device without a key: %v", err)
	}
	_, err = r.client.SetDevice(t.Context(), "meter-B", 0, admin.DeviceSettings{PSK: &admin.PSK{}})
	check(t, err)
	if _, err := r.client.SetDevice(t.Context(), "meter-B", 0, admin.DeviceSettings{PSKIdentity: new("hex:0aff")}); !errors.Is(err, store.ErrIdentityTaken) {
		t.Errorf("that of another device: %v", err)
	}
}

// An endingStore has a session end after so many looks at the history.
type endingStore struct {
	admin.Backend
	looks int
	end   func()
}

func (s *endingStore) Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error) {
	page, err := s.Backend.Sessions(ctx, q)
	if s.looks--; s.looks == 0 {
		s.end()
	}
	return page, err
}

// A session that ends while the question is answered is in the answer, as running or as ended,
// whenever that is.
func TestWhyWhileASessionEnds(t *testing.T) {
	for looks := range 6 {
		t.Run(fmt.Sprint(looks+1), func(t *testing.T) {
			r := newRig(t)
			r.local.Server = func() admin.Status { return admin.Status{Started: began} }
			_, err := r.local.AddDevice(t.Context(), "meter-A", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Identity: "id-A"}})
			check(t, err)
			running := new(own(1, "meter-A", ""))
			db := r.local.Store
			r.local.Running = func(lwm2m.EndpointName) *store.Session { return running }
			r.local.Store = &endingStore{db, looks + 1, func() {
				check(t, db.AppendSession(t.Context(), own(1, "meter-A", store.CauseDone)))
				running = nil
			}}
			w, err := r.local.Why(t.Context(), "meter-A", 3)
			check(t, err)
			if w.Never != nil || w.Running == nil && len(w.Attempts) == 0 {
				t.Errorf("after %d looks: %+v", looks+1, w)
			}
		})
	}
}
