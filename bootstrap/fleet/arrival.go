package fleet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// An Arrival is when devices come. The zero Arrival is a storm: all at once, as after a power cut.
type Arrival struct {
	// Rate is how many devices come in a second, on average, independently of each other (a Poisson
	// process); 0 for all at once.
	Rate float64

	// From and Over are a ramp: the rate rises, or falls, from From to Rate within Over, and stays there.
	// Over 0 is no ramp.
	From float64
	Over time.Duration

	// AtATime is how many are under way at the same time: the next one comes when one has accepted Finish or has failed.
	// It is for measuring what a server spends on a device. A server that stalls then delays the devices
	// that would have come, so that latencies say less. 0 for no such limit; not together with a Rate.
	AtATime int
}

func (a Arrival) check() error {
	for _, rate := range []float64{a.Rate, a.From} {
		if rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
			return fmt.Errorf("%w: a rate of %v devices a second", ErrConfig, rate)
		}
	}
	if a.AtATime < 0 || a.AtATime > 0 && a.Rate > 0 {
		return fmt.Errorf("%w: %d devices at a time, and %v a second", ErrConfig, a.AtATime, a.Rate)
	}
	if a.Over < 0 || a.Over > 0 && a.Rate == 0 {
		return fmt.Errorf("%w: a ramp over %v to %v devices a second", ErrConfig, a.Over, a.Rate)
	}
	return nil
}

// String describes the arrival.
func (a Arrival) String() string {
	switch {
	case a.AtATime > 0:
		return fmt.Sprintf("%d at a time", a.AtATime)
	case a.Rate == 0:
		return "all at once"
	case a.Over > 0:
		return fmt.Sprintf("from %g to %g a second within %v, at random", a.From, a.Rate, a.Over)
	}
	return fmt.Sprintf("%g a second, at random", a.Rate)
}

// places has room for as many devices as may be under way; nil for any number.
func (a Arrival) places() chan struct{} {
	if a.AtATime == 0 {
		return nil
	}
	return make(chan struct{}, a.AtATime)
}

// times returns a function that yields when one device after the other comes, from the beginning.
func (a Arrival) times(r *rand.Rand) func() time.Duration {
	sum := 0.0 // of what a process with one device a second would have
	return func() time.Duration {
		if a.Rate == 0 {
			return 0
		}
		sum += r.ExpFloat64()
		return seconds(a.reaches(sum))
	}
}

// reaches is when n devices have come on average, in seconds. In a ramp the average number until t is
// From·t + (Rate-From)·t²/(2·Over).
func (a Arrival) reaches(n float64) float64 {
	over := a.Over.Seconds()
	if over == 0 {
		return n / a.Rate
	}
	in := over * (a.From + a.Rate) / 2 // the ramp
	if n >= in {
		return over + (n-in)/a.Rate
	}
	bend := (a.Rate - a.From) / over
	if bend == 0 {
		return n / a.From
	}
	return (math.Sqrt(a.From*a.From+2*bend*n) - a.From) / bend
}

// seconds is a duration that does not overflow.
func seconds(s float64) time.Duration {
	return time.Duration(min(s*float64(time.Second), float64(math.MaxInt64/2)))
}
