package fleet

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestArrivalReaches(t *testing.T) {
	ramp := Arrival{From: 10, Rate: 30, Over: 10 * time.Second} // 200 devices until then
	for _, tt := range []struct {
		arrival Arrival
		n       float64
		want    float64 // seconds
	}{
		{Arrival{Rate: 100}, 250, 2.5},
		{ramp, 0, 0},
		{ramp, 75, 5}, // 10·5 + 2·5²/2
		{ramp, 200, 10},
		{ramp, 230, 11},
		{Arrival{From: 30, Rate: 10, Over: 10 * time.Second}, 125, 5}, // 30·5 - 2·5²/2
		{Arrival{From: 20, Rate: 20, Over: time.Second}, 10, 0.5},
		{Arrival{Rate: 10, Over: 2 * time.Second}, 10, 2}, // from nothing
	} {
		if got := tt.arrival.reaches(tt.n); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%+v: %v devices after %v s, want %v", tt.arrival, tt.n, got, tt.want)
		}
	}
}

// Devices come in order, as many in a second as the rate says, and at the same times with the same seed.
func TestArrivalTimes(t *testing.T) {
	const n = 20_000
	for _, a := range []Arrival{{}, {Rate: 1000}, {From: 100, Rate: 1900, Over: 20 * time.Second}} {
		next, again := a.times(rand.New(rand.NewPCG(7, 0))), a.times(rand.New(rand.NewPCG(7, 0)))
		var last time.Duration
		for range n {
			at := next()
			if at < last || at != again() {
				t.Fatalf("%v: %v after %v", a, at, last)
			}
			last = at
		}
		want := 20 * time.Second
		if a.Rate == 0 {
			want = 0
		}
		if d := (last - want).Abs(); d > want/20 {
			t.Errorf("%v: the last of %d comes after %v, want about %v", a, n, last, want)
		}
	}
}

func TestBadConfig(t *testing.T) {
	good := Config{URI: "coap://a", Address: "127.0.0.1:1", Devices: []Device{{Endpoint: "a"}}}
	if err := good.complete(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no device":           func(c *Config) { c.Devices = nil },
		"no address":          func(c *Config) { c.Address = "" },
		"no credential":       func(c *Config) { c.Secure = true },
		"client of no weight": func(c *Config) { c.Clients = []Client{{Name: "x"}} },
		"rate":                func(c *Config) { c.Arrival.Rate = -1 },
		"rate NaN":            func(c *Config) { c.Arrival.Rate = math.NaN() },
		"at a time":           func(c *Config) { c.Arrival.AtATime = -1 },
		"two arrivals":        func(c *Config) { c.Arrival = Arrival{AtATime: 5, Rate: 5} },
		"ramp to nothing":     func(c *Config) { c.Arrival = Arrival{From: 5, Over: time.Second} },
		"loss":                func(c *Config) { c.Network.Loss = 1 },
		"duplication NaN":     func(c *Config) { c.Network.Duplication = math.NaN() },
		"delay":               func(c *Config) { c.Network.Delay = -1 },
		"attempts":            func(c *Config) { c.Attempts = -1 },
		"patience":            func(c *Config) { c.Patience = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
