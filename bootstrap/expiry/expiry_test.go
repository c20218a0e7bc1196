package expiry_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/expiry"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// told lists what waits, and removes it: "OF RECORD OR ENDPOINT DAYS".
func told(t *testing.T, db *bolt.DB) (out []string) {
	t.Helper()
	all, err := db.Messages(t.Context(), store.MessageQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		var body struct{ Data store.ExpiringData }
		if err := json.Unmarshal(m.Body.Reveal(), &body); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s %s%s %d", body.Data.Of, body.Data.Record, body.Data.Endpoint, body.Data.Days))
		if err := db.DeleteMessage(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// Each certificate is told of once for each threshold, also over restarts: those of devices and accounts, of
// groups and LwM2M Servers, and of the server itself. Without a receiver nothing is looked at or noted.
func TestLook(t *testing.T) {
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := bolt.Open(file, keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { db.Close() }()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ca := certtest.NewAuthority(t, "Vendor").Certificate
	at := func(left time.Duration) time.Time { return ca.NotAfter.Add(-left) }
	must(db.PutProfile(t.Context(), store.Profile{Name: "p"}))
	must(db.PutGroup(t.Context(), store.Group{Name: "lot", Profile: "p", CAs: [][]byte{ca.Raw}}))
	for _, d := range []store.Device{
		{Endpoint: "own", Credentials: []store.Credential{{Kind: store.CredentialCertificate, Identity: store.Fingerprint(ca.Raw), Expires: ca.NotAfter}}},
		{Endpoint: "named", Credentials: []store.Credential{{Kind: store.CredentialCertificateName, Identity: "named", Expires: ca.NotAfter}}},
		{Endpoint: "account", Accounts: map[string]store.AccountKeys{"a": {Certificate: ca.Raw}}},
		{Endpoint: "off", Disabled: true, Accounts: map[string]store.AccountKeys{"a": {Certificate: ca.Raw}}},
		{Endpoint: "key", Accounts: map[string]store.AccountKeys{"a": {Certificate: []byte{0x30, 0x59}}}},
	} {
		d.Profile = "p"
		must(db.PutDevice(t.Context(), d))
	}
	w := expiry.Watcher{Own: func() []*x509.Certificate { return []*x509.Certificate{ca} }}
	look := func(left time.Duration) []string {
		t.Helper()
		w.Store = db
		if err := w.Look(t.Context(), at(left)); err != nil {
			t.Fatal(err)
		}
		return told(t, db)
	}
	const day = 24 * time.Hour
	if got := look(day); len(got) != 0 {
		t.Errorf("without a receiver %v", got)
	}
	must(db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "hook", Kind: store.KindCommand, Address: "/hook", Events: []store.EventType{store.EventExpiring}}))
	all := func(days int) (out []string) {
		for _, of := range []string{"account account", "ca lot", "device named", "device own", "server "} {
			out = append(out, fmt.Sprintf("%s %d", of, days))
		}
		return out
	}
	for i, tt := range []struct {
		left time.Duration
		want []string
	}{{31 * day, nil}, {30 * day, all(30)}, {29 * day, nil}, {6 * day, all(7)}, {5 * day, nil}, {time.Hour, all(1)}, {-time.Hour, all(0)}, {-300 * day, nil}} {
		if got := look(tt.left); !slices.Equal(got, tt.want) {
			t.Errorf("%v before: %v, want %v", tt.left, got, tt.want)
		}
		if i%3 == 0 { // a restart
			db.Close()
			if db, err = bolt.Open(file, keyring, bolt.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(db.PutDevice(t.Context(), store.Device{Endpoint: "new", Profile: "p", Accounts: map[string]store.AccountKeys{"a": {Certificate: ca.Raw}}}))
	if got := look(-time.Hour); !slices.Equal(got, []string{"account new 0"}) {
		t.Errorf("a new device: %v", got)
	}
}

// empty is a store without records, which counts how often it is looked at.
type empty struct{ looks int }

func (e *empty) LwM2MServers(context.Context) ([]store.LwM2MServer, error) {
	e.looks++
	if e.looks == 2 {
		panic("as wanted")
	}
	return nil, nil
}
func (*empty) Groups(context.Context) (store.Groups, error) { return store.Groups{}, nil }
func (*empty) DeviceOutlines(context.Context, store.DeviceQuery) ([]store.DeviceOutline, error) {
	return nil, nil
}
func (*empty) Device(context.Context, lwm2m.EndpointName) (store.Device, error) {
	return store.Device{}, store.ErrNotFound
}
func (*empty) AppendEvent(context.Context, store.Event) (int, error) { return 0, nil }

// It looks at the start and every hour, also after a panic, until it is stopped.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(empty)
		w := expiry.Watcher{Store: e, Logger: slog.New(slog.DiscardHandler), Own: func() []*x509.Certificate { return nil }, Contain: func(f func()) {
			defer func() { _ = recover() }()
			f()
		}}
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan struct{})
		go func() { w.Run(ctx); close(end) }()
		time.Sleep(5*time.Hour + time.Minute)
		cancel()
		<-end
		if e.looks != 6 {
			t.Errorf("%d looks", e.looks)
		}
	})
}
