package bolt_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
)

// BenchmarkAppendSession appends to histories that are full, 256 sessions at a time.
func BenchmarkAppendSession(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "x.db"), keyring(b), bolt.Options{SessionsPerDevice: 3})
	defer db.Close()
	var n atomic.Int64
	add := func() error {
		i := n.Add(1)
		ep := fmt.Sprintf("urn:imei:%015d", i*7919%2000)
		return db.AppendSession(b.Context(), store.Session{ID: fmt.Sprintf("%016d", i), Endpoint: lwm2m.EndpointName(ep), Identity: ep, Known: true, Cause: store.CauseDone, Links: "</1/0>,</0/1>"})
	}
	b.SetParallelism(128)
	for range 6000 {
		if err := add(); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := add(); err != nil {
				b.Error(err)
			}
		}
	})
}
