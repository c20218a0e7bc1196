package near_test

import (
	"testing"

	"lwbs/store"
	"lwbs/store/near"
)

func TestNear(t *testing.T) {
	const imei = "urn:imei:350123450000051"
	tests := []struct {
		name, other string
		want        store.Nearness
	}{
		{"meter-A", "meter-A", store.NearSpelling},
		{"METER_a", "meter-A", store.NearSpelling},
		{"meterA", "meter-A", store.NearSpelling},
		{"URN:IMEI:350123450000051", imei, store.NearSpelling},
		{"urn:imei:35-012345-000005-1", imei, store.NearSpelling},
		{"Ä-1", "ä1", store.NearSpelling},
		{"350123450000051", imei, store.NearPrefix},
		{"imei:350123450000051", imei, store.NearPrefix},
		{"0051", imei, store.NearPrefix},
		{"acme/meter-1", "meter-1", store.NearPrefix},
		{"urn:imei:350123450000052", imei, store.NearTypo},
		{"urn:imei:35012345000051", imei, store.NearTypo},   // one too few
		{"urn:imei:3501234500000551", imei, store.NearTypo}, // one too many
		{"urn:imei:530123450000051", imei, store.NearTypo},  // two exchanged
		{"350123450000057", imei, store.NearTypo},           // and no prefix
		{"35012345000051", imei, store.NearTypo},
		{"3501234500000515", imei, store.NearTypo},
		{"urn:imie:350123450000051", imei, store.NearTypo},
		{"meter-1", "metre-1", store.NearTypo},
		{"meter-1", "meter-B2", store.NotNear},
		{"urn:imei:350123450000099", imei, store.NotNear},
		{"051", imei, store.NotNear},
		{"a", "b", store.NotNear},
		{"", "", store.NotNear},
		{"--", ":", store.NotNear},
		{"meter-1", "", store.NotNear},
		{"1234567", "urn:imei:350123450001267", store.NotNear},
	}
	for _, tt := range tests {
		if got := near.New(tt.name).Near(tt.other); got != tt.want {
			t.Errorf("%q is near to %q: %v, want %v", tt.name, tt.other, got, tt.want)
		}
		if got := near.New(tt.other).Near(tt.name); got != tt.want {
			t.Errorf("%q is near to %q: %v, want %v, as the other way round", tt.other, tt.name, got, tt.want)
		}
	}
}

// A matcher is used for many names, and none leaves anything behind.
func TestNearAgainAndAgain(t *testing.T) {
	m := near.New("meter-1")
	for range 2 {
		for other, want := range map[string]store.Nearness{"urn:dev:os:32473-meter-1": store.NearPrefix, "METER1": store.NearSpelling, "x": store.NotNear} {
			if got := m.Near(other); got != want {
				t.Errorf("near to %q: %v, want %v", other, got, want)
			}
		}
	}
}

func FuzzNear(f *testing.F) {
	for _, s := range []string{"", "urn:imei:350123450000051", "Ä\xff\x00", "meter-1"} {
		f.Add(s, "meter-1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		there, back := near.New(a).Near(b), near.New(b).Near(a)
		if there != back {
			t.Errorf("%q is near to %q: %v; the other way round: %v", a, b, there, back)
		}
	})
}

func BenchmarkNear(b *testing.B) {
	m := near.New("350123450000051")
	for b.Loop() {
		m.Near("urn:imei:350123450012345")
	}
}
