package bolt

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
)

// Devices that are put in their order, or in that of the numbers in their names, fill the pages, so that a fleet takes
// half the space; those that are put in no order leave room for others, as bbolt does.
func TestPagesOfManyDevices(t *testing.T) {
	const devices, part = 6000, 500
	shuffled := rand.New(rand.NewPCG(1, 2)).Perm(devices)
	for name, c := range map[string]struct {
		name        func(i int) string
		least, most int // per cent of the leaves that are used
	}{
		"in their order": {func(i int) string { return fmt.Sprintf("urn:imei:%015d", i) }, 80, 100},
		"by numbers":     {func(i int) string { return fmt.Sprintf("meter-%d", i) }, 75, 100},
		"in no order":    {func(i int) string { return fmt.Sprintf("urn:imei:%015d", shuffled[i]) }, 45, 80},
	} {
		t.Run(name, func(t *testing.T) {
			db := openNew(t, Options{noSync: true})
			for first := 0; first < devices; first += part {
				var ds []store.Device
				for i := first; i < first+part; i++ {
					ep := c.name(i)
					ds = append(ds, store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "p", Tags: []string{fmt.Sprintf("lot%d", i%3)}, Credentials: []store.Credential{
						{Kind: store.CredentialPSK, Identity: ep, Key: lwm2m.NewSecret([]byte("0123456789abcdef"))},
					}})
				}
				results, err := db.PutDevices(t.Context(), ds)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
			}
			err := db.file.RawView(func(tx *dbfile.RawTx) error {
				for _, bucket := range [][]byte{bucketDevice, bucketIdentity, bucketDeviceProfile} {
					s := tx.Bucket(bucket).Stats()
					if used := s.LeafInuse * 100 / s.LeafAlloc; used < c.least || used > c.most {
						t.Errorf("%d %% of the leaves of %s are used, %d to %d are expected", used, bucket, c.least, c.most)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
