package rows_test

import (
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// usualDevice is a device as there are most of: one pre-shared key, and one account that it has been given.
func usualDevice() store.Device {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	key := lwm2m.NewSecret([]byte("0123456789abcdef"))
	return store.Device{
		Endpoint: "urn:imei:350123451234560", Revision: 3, Profile: "meter", Tags: []string{"lot-17"}, Created: at, Updated: at, Settings: 1,
		Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "urn:imei:350123451234560", Key: key, Created: at}},
		Accounts:    map[string]store.AccountKeys{"main": {Key: key, KeyMade: at, Delivered: at}},
		Holds:       store.Holding{Profile: "meter", Revision: 4, Content: "k3f9a1c2d4e5b6a7", Settings: 1, Since: at},
		Written: store.Written{BootstrapInstance: new(lwm2m.InstanceID), Instances: []store.WrittenInstance{
			{Path: lwm2m.InstancePath(0, 1), Account: "main", Server: 101}, {Path: lwm2m.InstancePath(1, 1), Account: "main", Server: 101},
		}},
	}
}

// usualSession is a session as there are most of.
func usualSession() store.Session {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	s := store.Session{
		ID: "0190d3f2a6c47d3e8b1f00000001", Endpoint: "urn:imei:350123451234560", Known: true, Proof: store.ProofIdentity, Started: at, Ended: at.Add(3456789012),
		Remote: "192.0.2.17:49152", Transport: store.TransportDTLS, Identity: "urn:imei:350123451234560", Profile: "meter", ProfileRevision: 4, DeviceRevision: 3,
		PreferredFormat: new(lwm2m.FormatSenMLCBOR), Format: lwm2m.FormatSenMLCBOR, Stage: store.StageDone, Cause: store.CauseDone,
		Links: `</>;lwm2m=1.1,</0/0>;uri="coaps://bs.example.com:5684",</1>,</3/0>,</4/0>,</5/0>`,
	}
	for _, op := range []store.Operation{
		{Op: lwm2m.OpDiscover, Code: lwm2m.CodeContent, Bytes: 84}, {Op: lwm2m.OpDelete, Path: lwm2m.ObjectPath(1), Code: lwm2m.CodeDeleted},
		{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(1, 1), Format: lwm2m.FormatSenMLCBOR, Code: lwm2m.CodeChanged, Bytes: 47},
		{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Format: lwm2m.FormatSenMLCBOR, Code: lwm2m.CodeChanged, Bytes: 139},
		{Op: lwm2m.OpFinish, Code: lwm2m.CodeChanged},
	} {
		op.Took, op.Transmissions = 123456789, 1
		s.Operations = append(s.Operations, op)
	}
	return s
}

func BenchmarkRows(b *testing.B) {
	k := keyring(b)
	d, s := usualDevice(), usualSession()
	device, session := mustEncode(b)(rows.EncodeDevice(k, d)), mustEncode(b)(rows.EncodeSession(s))
	for name, run := range map[string]func() (any, error){
		"EncodeDevice":   func() (any, error) { return rows.EncodeDevice(k, d) },
		"DecodeDevice":   func() (any, error) { return rows.DecodeDevice(k, device) },
		"OutlineDevice":  func() (any, error) { return rows.OutlineDevice(device) },
		"EncodeSession":  func() (any, error) { return rows.EncodeSession(s) },
		"DecodeSession":  func() (any, error) { return rows.DecodeSession(session) },
		"OutlineSession": func() (any, error) { return rows.OutlineSession(session) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(device)), "device-bytes")
			b.ReportMetric(float64(len(session)), "session-bytes")
		})
	}
}
