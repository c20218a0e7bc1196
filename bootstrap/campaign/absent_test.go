package campaign_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/campaign"
	"lwbs/lwm2m"
	"lwbs/store"
)

// notThere is what a device does that its LwM2M Server does not know at that moment.
var notThere = behaviour{err: &campaign.AbsentError{Err: errors.New("the device is not registered there")}}

// lines are the devices that were asked so far, each with the time.
func (f *fleet) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// A device that is not registered when its turn comes is asked again, a few times, within half of the patience; one that
// comes by itself meanwhile is not.
func TestAbsentDeviceIsAskedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 4)
		f.began = time.Now()
		tries := make(map[lwm2m.EndpointName]int)
		f.behave = func(ep lwm2m.EndpointName) behaviour {
			tries[ep]++
			if ep == "dev-003" || ep == "dev-000" && tries[ep] == 3 {
				return comesBack
			}
			return notThere
		}
		f.begin(func(c *store.Campaign) { c.StopAt, c.Patience = 0, store.Duration(8*time.Minute) })
		time.Sleep(30 * time.Second)
		f.want("running: asked 1, came 1, done 1")
		if n := f.record().Progress.Absent; n != 3 {
			t.Errorf("%d are absent, want 3", n)
		}
		f.comes("dev-002", store.CauseDone, f.runner.Observe)
		time.Sleep(time.Second)
		f.want("running: asked 2, came 2, done 2")
		open, err := f.db.CampaignDevices(t.Context(), store.CampaignDeviceQuery{Campaign: "c1", Open: true})
		f.ok(err)
		if len(open) != 2 || open[0].Tries != 1 || open[0].Again.Sub(f.began).Round(time.Second) != time.Minute || !strings.Contains(open[0].Detail, `LwM2M Server "dm": the device is not registered there: it is asked again (1 of 4 times so far)`) {
			t.Errorf("open are %+v", open)
		}
		time.Sleep(10 * time.Minute)
		f.want("done: asked 3, not asked 1, came 3, done 3")
		var seconds []string
		for _, line := range f.lines() {
			ep, at, _ := strings.Cut(line, " ")
			d, err := time.ParseDuration(at)
			f.ok(err)
			seconds = append(seconds, fmt.Sprintf("%s %v", ep, d.Round(time.Second)))
		}
		slices.Sort(seconds)
		want := []string{"dev-000 0s", "dev-000 1m0s", "dev-000 2m0s", "dev-001 1m1s", "dev-001 1s", "dev-001 2m1s", "dev-001 3m1s", "dev-002 2s", "dev-003 3s"}
		if !slices.Equal(seconds, want) {
			t.Errorf("asked %q", seconds)
		}
		if got := f.listed(); f.record().Progress.Absent != 0 || !slices.Equal(got, []string{`dev-001 not-asked LwM2M Server "dm": the device is not registered there (asked 4 times)`}) {
			t.Errorf("listed %q, absent %d", got, f.record().Progress.Absent)
		}
	})
}

// Devices are asked again at the rate of the campaign, too, with others whose turn comes first.
func TestAbsentDevicesAreAskedAtTheRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 100)
		var at []time.Time
		f.behave = func(lwm2m.EndpointName) behaviour {
			at = append(at, time.Now())
			return notThere
		}
		f.begin(func(c *store.Campaign) {
			c.Interval, c.Patience = store.Duration(2*time.Second), store.Duration(16*time.Minute)
		})
		time.Sleep(time.Hour)
		f.want("done: not asked 100")
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range len(at) - 20 {
			if took := at[i+20].Sub(at[i]); took < 39*time.Second {
				t.Fatalf("20 devices are asked within %v", took)
			}
		}
		if len(at) != 400 {
			t.Errorf("asked %d times", len(at))
		}
	})
}

// A restart, and a pause, neither forget that a device is asked again nor ask it before its time.
func TestAbsentDeviceOverRestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 2)
		there := false
		f.behave = func(ep lwm2m.EndpointName) behaviour {
			if there {
				return comesBack
			}
			return notThere
		}
		f.begin(func(c *store.Campaign) { c.First, c.Patience = 1, store.Duration(80*time.Minute) })
		time.Sleep(time.Minute)
		f.stop()
		there = true
		f.start()
		time.Sleep(time.Minute)
		f.edit(func(r *store.CampaignRecord) { r.Campaign.State = store.CampaignPaused })
		time.Sleep(time.Second)
		f.resume()
		time.Sleep(time.Minute)
		if asked := f.lines(); len(asked) != 1 { // the other is not asked before it is known what becomes of the first
			t.Errorf("asked %q", asked)
		}
		time.Sleep(20 * time.Minute)
		f.want("done: asked 2, came 2, done 2")
		if asked, n := f.lines(), f.record().Progress.Absent; len(asked) != 3 || n != 0 {
			t.Errorf("asked %q, %d absent", asked, n)
		}
	})
}
