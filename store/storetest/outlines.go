package storetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// testDeviceOutlines: an outline tells what the record and the sessions of the device do, page by page and for
// each query.
func testDeviceOutlines(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	withProfile(t, s, "q")
	at := time.Unix(1_700_000_000, 0).UTC()
	n := 0
	attempt := func(ep lwm2m.EndpointName, proof store.Proof, cause store.Cause) store.Session {
		n++
		return store.Session{ID: fmt.Sprintf("%08d", n), Endpoint: ep, Known: true, Proof: proof, Cause: cause, Profile: "p", ProfileRevision: 1,
			Started: at.Add(time.Duration(n) * time.Minute), Ended: at.Add(time.Duration(n)*time.Minute + time.Second)}
	}
	for i := range 60 {
		d := device(fmt.Sprintf("d-%02d", i), fmt.Sprint("id-", i))
		d.Disabled, d.Profile = i%7 == 0, []string{"p", "q"}[i%2]
		if i%3 == 0 {
			d.Tags = []string{"t"}
		}
		if i%5 == 0 {
			d.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("k")), Delivered: at.Add(time.Duration(i) * time.Hour)}, "other": {Delivered: at}}
		}
		if i%4 == 0 {
			d.Written.Instances = []store.WrittenInstance{{Path: lwm2m.InstancePath(0, 1)}}
		}
		switch i {
		case 8:
			d.Credentials[0].Pending = true
		case 9:
			d.Accounts = map[string]store.AccountKeys{"main": {Pending: lwm2m.NewSecret([]byte("p"))}}
		case 10:
			d.Credentials[0].Rotate, d.Settings = at, 7
			d.Holds = store.Holding{Profile: "p", Revision: 3, Content: "c", Settings: 6, Since: at}
		case 11:
			d.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("k")), KeyMade: at, Rotate: at, PendingMade: at,
				PendingMaster: lwm2m.NewSecret([]byte("m")), Certificate: certificate(t)}}
		}
		must[store.Device](t)(s.PutDevice(t.Context(), d))
	}
	for round := range 2 { // fewer of each device than are kept
		for i := range 60 {
			ep := lwm2m.EndpointName(fmt.Sprintf("d-%02d", i))
			var err error
			switch i % 6 {
			case 1:
				err = s.AppendSession(t.Context(), attempt(ep, store.ProofIdentity, store.CauseDone))
			case 2:
				err = s.AppendSession(t.Context(), attempt(ep, store.ProofNone, store.CauseKeyDiffers))
			case 3:
				err = s.AppendSession(t.Context(), attempt(ep, store.ProofAddress, []store.Cause{store.CauseSilent, store.CauseIdle}[round]))
			case 4:
				err = s.AppendSession(t.Context(), attempt(ep, []store.Proof{store.ProofIdentity, store.ProofNone}[round], store.CauseRefused))
			case 5:
				err = s.AppendSession(t.Context(), attempt(ep, store.ProofIdentity, store.CauseIdle))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, q := range []store.DeviceQuery{{Limit: 7}, {Limit: 100}, {Limit: 3, Tag: "t", Profile: "q"}, {Limit: 4, Prefix: "d-1"}, {Limit: 5, Profile: "p", After: "d-30"}} {
		var got, want []store.DeviceOutline
		for page := q; ; {
			part := must[[]store.DeviceOutline](t)(s.DeviceOutlines(t.Context(), page))
			got = append(got, part...)
			if len(part) < q.Limit {
				break
			}
			page.After = part[len(part)-1].Endpoint
		}
		q.Limit = 1000
		for _, d := range must[[]store.Device](t)(s.Devices(t.Context(), q)) {
			want = append(want, outlineOf(t, s, d))
		}
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%+v: %d outlines, %d devices", q, len(got), len(want))
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%+v: %+v, want %+v", q, got[i], want[i])
			}
		}
	}
}

// certificate is a new one that signs itself, DER.
func certificate(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	return must[[]byte](t)(x509.CreateCertificate(rand.Reader, c, c, public, private))
}

// outlineOf is the outline by the whole records.
func outlineOf(t *testing.T, s store.Store, d store.Device) store.DeviceOutline {
	t.Helper()
	o := d.Outline()
	if o.Rotating != d.Rotating() || len(d.Accounts["main"].Certificate) > 0 == o.Expires.IsZero() {
		t.Errorf("%s: rotating %v, expires %v", d.Endpoint, o.Rotating, o.Expires)
	}
	own := must[[]store.Session](t)(s.Sessions(t.Context(), store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: store.OutlineSessions}))
	if len(own) > 0 {
		i := max(0, slices.IndexFunc(own, func(s store.Session) bool { return s.Cause != store.CauseIdle }))
		o.Newest, o.Last = new(store.OutlineOf(own[0])), new(store.OutlineOf(own[i]))
	}
	return o
}
