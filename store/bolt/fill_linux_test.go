package bolt

import (
	"fmt"
	"path/filepath"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// filled makes a database with so many devices, and so many sessions of each, as quickly as
// that can be done.
func filled(t testing.TB, devices, sessions int) (file string, k *seal.Keyring) {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "x.db")
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	const group = 5000
	for first := 0; first < devices; first += group {
		err := db.edit(t.Context(), func(tx *transaction) (refused, failed error) {
			for i := first; i < min(first+group, devices); i++ {
				if err := fillDevice(tx, db, i, devices, sessions); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return file, k
}

func fillDevice(tx *transaction, db *DB, i, devices, sessions int) error {
	d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("urn:imei:%015d", i)), Revision: 1, Profile: "p", Credentials: []store.Credential{{
		Kind: store.CredentialPSK, Identity: fmt.Sprintf("urn:imei:%015d", i), Key: lwm2m.NewSecret([]byte("0123456789abcdef"))}},
		Accounts: map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("0123456789abcdef"))}}}
	b, err := rows.EncodeDevice(db.keyring, d)
	if err != nil {
		return err
	}
	if err := tx.Bucket(bucketDevice).Put([]byte(d.Endpoint), b); err != nil {
		return err
	}
	if err := reindex(tx, nil, indexEntries(d)); err != nil {
		return err
	}
	for n := range sessions {
		s := store.Session{ID: fmt.Sprintf("%08d%08d", n, i), Endpoint: d.Endpoint, Known: true, Identity: string(d.Endpoint), Cause: store.CauseDone,
			Remote: "192.0.2.1:5684", Transport: "coaps", Profile: "p", Stage: store.StageDone, Links: "</1/0>,</0/1>,</3/0>,</0/0>;bs"}
		for j := range 6 {
			s.Operations = append(s.Operations, store.Operation{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(1, 1), Format: lwm2m.FormatTLV, Bytes: 100 + j, Took: 12345678, Transmissions: 1})
		}
		row, err := rows.EncodeSession(s)
		if err != nil {
			return err
		}
		if err := tx.Bucket(bucketSession).Put([]byte(s.ID), row); err != nil {
			return err
		}
		if err := indexSession(tx, s); err != nil {
			return err
		}
	}
	return nil
}
