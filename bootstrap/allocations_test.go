package bootstrap_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// maxAllocations is how many allocations a session takes at most, without those of the store: an eighth more than it takes
// where this was measured, as the race detector adds some. A change that needs fewer lowers it.
const maxAllocations = 320

// An unwritten store forgets what sessions leave behind.
type unwritten struct{ bootstrap.Store }

func (unwritten) EndSession(_ context.Context, _ store.Session, d store.Device) (store.Device, error) {
	return d, nil
}

// What a session allocates is most of what it costs beside system calls, and creeps up unnoticed.
func TestAllocationsOfASession(t *testing.T) {
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	defer db.Close()
	p, err := db.PutProfile(t.Context(), store.Profile{Name: "p", SecretsOverNoSec: true, Accounts: []store.Account{
		{Name: "main", URI: "coaps://lwm2m.example.com:5684", ShortServerID: 101},
	}})
	check(t, err)
	const warm, n = 20, 100
	for i := range warm + n {
		name := lwm2m.EndpointName(fmt.Sprintf("dev%d", i))
		d := store.Device{Endpoint: name, Profile: "p", NoSec: true}
		_, err := profile.FillKeys(p, &d, rand.Reader)
		check(t, err)
		_, err = db.PutDevice(t.Context(), d)
		check(t, err)
		_, err = db.Device(t.Context(), name) // into the cache
		check(t, err)
	}
	server, err := bootstrap.NewServer(bootstrap.Config{Store: unwritten{db}, SessionTimeout: timeout})
	check(t, err)
	bootstrapOnce := func(i int) {
		c := newScriptedClient(nil)
		c.plain = true
		resp, after := server.ServeRequest(t.Context(), c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{fmt.Sprintf("ep=dev%d", i)}})
		if resp.Code != lwm2m.CodeChanged || after == nil {
			t.Fatalf("the request is answered with %v %s", resp.Code, resp.Payload)
		}
		after(t.Context())
	}
	for i := range warm {
		bootstrapOnce(i)
	}
	var before, afterwards runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range n {
		bootstrapOnce(warm + i)
	}
	runtime.ReadMemStats(&afterwards)
	check(t, server.Close())
	took := (afterwards.Mallocs - before.Mallocs) / n
	t.Logf("%d allocations and %d bytes for a session", took, (afterwards.TotalAlloc-before.TotalAlloc)/n)
	if took > maxAllocations {
		t.Errorf("a session takes %d allocations, at most %d are wanted", took, maxAllocations)
	}
}
