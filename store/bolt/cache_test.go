package bolt

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// TestCacheIsNeverOutOfDate edits devices while others read them: whoever has been told of an
// edit reads it, by name and by identity, also after a deletion and another name.
func TestCacheIsNeverOutOfDate(t *testing.T) {
	ctx := context.Background()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(filepath.Join(t.TempDir(), "db"), keyring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.PutProfile(ctx, store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					return
				default:
					ep := fmt.Sprintf("dev-%d", i%3)
					_, _ = db.Device(ctx, lwm2m.EndpointName(ep))
					_, _ = db.DeviceByIdentity(ctx, store.CredentialPSK, ep)
				}
			}
		})
	}
	for i := range 3 {
		writers.Go(func() { editAndRead(t, db, fmt.Sprintf("dev-%d", i)) })
	}
	writers.Wait()
	close(end)
	readers.Wait()
}

// editAndRead makes edits of one device, and reads it after each.
func editAndRead(t *testing.T, db *DB, name string) {
	ctx, ep := context.Background(), lwm2m.EndpointName(name)
	d := store.Device{Endpoint: ep, Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: name, Key: lwm2m.NewSecret(make([]byte, 16))}}}
	for i := range 60 {
		d.Vars = map[string]string{"n": strconv.Itoa(i)}
		kept, err := db.PutDevice(ctx, d)
		if err != nil {
			t.Error(err)
			return
		}
		byName, err1 := db.Device(ctx, d.Endpoint)
		byIdentity, err2 := db.DeviceByIdentity(ctx, store.CredentialPSK, name)
		if err1 != nil || err2 != nil || byName.Revision != kept.Revision || byIdentity.Revision != kept.Revision {
			t.Errorf("read revisions %d and %d, errors %v and %v, want %d", byName.Revision, byIdentity.Revision, err1, err2, kept.Revision)
			return
		}
		d = kept
		if i%3 == 1 {
			if d, err = db.RenameDevice(ctx, ep, ep+"-moved", 0); err == nil {
				byIdentity, err = db.DeviceByIdentity(ctx, store.CredentialPSK, name)
			}
			if _, gone := db.Device(ctx, ep); err != nil || byIdentity.Endpoint != ep+"-moved" || gone == nil {
				t.Errorf("after the renaming: device %q, error %v; under the old name: %v", byIdentity.Endpoint, err, gone)
				return
			}
			ep = d.Endpoint
		}
		if i%3 == 2 {
			err := db.DeleteDevice(ctx, ep, 0)
			_, err1 := db.Device(ctx, ep)
			_, err2 := db.DeviceByIdentity(ctx, store.CredentialPSK, name)
			if err != nil || err1 == nil || err2 == nil {
				t.Errorf("deleted with error %v; then read with errors %v and %v", err, err1, err2)
				return
			}
			ep, d.Revision, d.Created = lwm2m.EndpointName(name), 0, d.Updated
			d.Endpoint = ep
		}
	}
}
