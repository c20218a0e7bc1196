package admin_test

import (
	"fmt"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
)

// BenchmarkBatch puts new devices, and the same once more; an operation is one device. With a
// server each goes over the socket, too.
func BenchmarkBatch(b *testing.B) {
	for _, way := range []string{"local", "client"} {
		r := newRig(b)
		api := map[string]admin.API{"local": r.local, "client": r.client}[way]
		for _, what := range []string{"added", "same"} {
			b.Run(way+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				rows := func(yield func(admin.BatchRow) bool) {
					for i := range b.N {
						row := keyed(i, lwm2m.EndpointName(fmt.Sprintf("urn:dev:ops:%s-%d", b.Name(), i)), fmt.Sprintf("%016d", i))
						row.Settings.Profile, row.Settings.AddTags = new("p"), []string{"lot7"}
						if !yield(row) {
							return
						}
					}
				}
				put := func() {
					if err := api.PutDevices(b.Context(), admin.BatchOptions{}, rows, func(r admin.BatchResult) error {
						if r.Outcome == admin.BatchRefused {
							b.Error(r.Error)
						}
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
				if what == "same" {
					put()
					b.ResetTimer()
				}
				put()
			})
		}
	}
}
