package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/campaign"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A fleet is devices whose LwM2M Server asks them. Each comes back as its behaviour says.
type fleet struct {
	t      *testing.T
	db     *bolt.DB
	runner *campaign.Runner
	stop   func()

	mu     sync.Mutex
	asked  []string // endpoints, with the time since the beginning
	began  time.Time
	behave func(ep lwm2m.EndpointName) behaviour

	byServer func(server string, ep lwm2m.EndpointName) behaviour // in place of behave
	slow     func()                                               // while a device is asked; nil for nothing

	elsewhere bool // devices come to another server of the store
}

// A behaviour is what a device does when it is asked.
type behaviour struct {
	err      error         // of its LwM2M Server
	ofServer bool          // the error is about the server
	after    time.Duration // until it comes; zero for never
	cause    store.Cause
}

var comesBack = behaviour{after: time.Second, cause: store.CauseDone}

// newFleet makes n devices, dev-000 and so on, in a bubble of package synctest.
func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	keyring, err := seal.NewKeyring()
	f := &fleet{t: t, began: time.Now(), behave: func(lwm2m.EndpointName) behaviour { return comesBack }}
	f.ok(err)
	f.db, err = bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	f.ok(err)
	t.Cleanup(func() { f.stop(); f.db.Close() })
	_, err = f.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: "http://127.0.0.1:1"})
	f.ok(err)
	_, err = f.db.PutProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 1, HandOver: "dm"}}})
	f.ok(err)
	for i := range n {
		d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%03d", i)), Profile: "p"}
		d.Written.Instances = []store.WrittenInstance{{Path: lwm2m.InstancePath(1, 3), Account: "main"}}
		_, err := f.db.PutDevice(t.Context(), d)
		f.ok(err)
	}
	f.start()
	return f
}

func (f *fleet) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// start starts a server, as after a restart.
func (f *fleet) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r := campaign.New(campaign.Config{
		Store: f.db, Shared: f.elsewhere, Logger: slog.New(slog.DiscardHandler), Panics: panics.New(slog.New(slog.DiscardHandler)),
		Select: func(ctx context.Context, s store.CampaignSelection, after lwm2m.EndpointName, limit int) (names []lwm2m.EndpointName, err error) {
			page, err := f.db.Devices(ctx, store.DeviceQuery{After: after, Limit: limit, Profile: s.Profile})
			for _, d := range page {
				names = append(names, d.Endpoint)
			}
			return names, err
		},
		Trigger: func(ctx context.Context, server string, t campaign.Trigger) (string, bool, error) {
			return f.trigger(ctx, server, t)
		},
	})
	f.runner = r
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	f.stop = func() { cancel(); <-done }
}

// trigger is the LwM2M Server.
func (f *fleet) trigger(ctx context.Context, server string, t campaign.Trigger) (note string, ofServer bool, err error) {
	if server != "dm" && f.byServer == nil || t.Instance != 3 || t.Campaign == "" {
		f.t.Errorf("%s is asked for %+v", server, t)
	}
	f.mu.Lock()
	f.asked = append(f.asked, fmt.Sprintf("%s %v", t.Endpoint, time.Since(f.began)))
	b := f.behave(t.Endpoint)
	if f.byServer != nil {
		b = f.byServer(server, t.Endpoint)
	}
	f.mu.Unlock()
	if f.slow != nil {
		f.slow()
	}
	if b.err != nil {
		return "", b.ofServer, b.err
	}
	if b.after > 0 {
		go func() {
			time.Sleep(b.after)
			observe := f.runner.Observe
			if f.elsewhere {
				observe = func(bootstrap.Event) {}
			}
			f.comes(t.Endpoint, b.cause, observe)
		}()
	}
	return "", false, nil
}

// comes is a session of a device, from its beginning to its end, which the history has.
func (f *fleet) comes(ep lwm2m.EndpointName, cause store.Cause, observe func(bootstrap.Event)) {
	s := store.Session{ID: fmt.Sprintf("s-%s-%d", ep, time.Now().UnixNano()), Endpoint: ep, Known: true, Proof: store.ProofIdentity, Started: time.Now(), Profile: "p"}
	observe(bootstrap.Event{Kind: bootstrap.EventStarted, Session: s})
	time.Sleep(100 * time.Millisecond)
	s.Cause, s.Ended = cause, time.Now()
	if err := f.db.AppendSession(context.Background(), s); err != nil {
		f.t.Error(err)
	}
	observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: s})
}

// begin makes a campaign.
func (f *fleet) begin(change func(*store.Campaign)) string {
	f.t.Helper()
	c := store.Campaign{
		ID: "c1", Select: store.CampaignSelection{Profile: "p"}, Interval: store.Duration(time.Second), StopAt: 20,
		Patience: store.Duration(10 * time.Minute), State: store.CampaignRunning,
	}
	if change != nil {
		change(&c)
	}
	_, err := f.db.PutCampaign(f.t.Context(), c)
	f.ok(err)
	f.runner.Wake()
	return c.ID
}

// edit changes the record of the campaign, as an operator does.
func (f *fleet) edit(change func(*store.CampaignRecord)) {
	f.t.Helper()
	r := f.record()
	change(&r)
	_, err := f.db.PutCampaign(f.t.Context(), r.Campaign)
	f.ok(err)
	f.runner.Wake()
}

func (f *fleet) resume() {
	f.t.Helper()
	f.edit(func(r *store.CampaignRecord) {
		r.Campaign.State, r.Campaign.Reason, r.Campaign.Forgiven = store.CampaignRunning, "", r.Progress.Tally()
	})
}

func (f *fleet) record() store.CampaignRecord {
	f.t.Helper()
	r, err := f.db.Campaign(f.t.Context(), "c1")
	f.ok(err)
	return r
}

// want compares how far the campaign is, such as "done: asked 3, came 3, done 3".
func (f *fleet) want(want string) {
	f.t.Helper()
	r := f.record()
	p := r.Progress
	text := string(r.Campaign.State) + ":"
	for _, n := range []struct {
		name string
		n    int
	}{{"asked", p.Asked}, {"not asked", p.NotAsked}, {"came", p.Came}, {"done", p.Done}, {"failed", p.Failed}, {"silent", p.Silent}} {
		if n.n > 0 {
			text += fmt.Sprintf(" %s %d,", n.name, n.n)
		}
	}
	if text = strings.TrimSuffix(text, ","); text != want {
		f.t.Errorf("it is %s\nwant  %s", text, want)
	}
	open, err := f.db.CampaignDevices(f.t.Context(), store.CampaignDeviceQuery{Campaign: "c1", Open: true, Limit: 1000})
	f.ok(err)
	asking := 0
	for _, d := range open {
		if d.State == store.CampaignDeviceAsking {
			asking++
		}
	}
	if n := p.Waiting(); n != len(open)-asking {
		f.t.Errorf("%d are waited for, and %d are open, %d of them being asked", n, len(open), asking)
	}
}

// listed are the devices that are kept by name.
func (f *fleet) listed() (out []string) {
	f.t.Helper()
	page, err := f.db.CampaignDevices(f.t.Context(), store.CampaignDeviceQuery{Campaign: "c1", Limit: 1000})
	f.ok(err)
	for _, d := range page {
		out = append(out, fmt.Sprintf("%s %s %s%s", d.Endpoint, d.State, d.Cause, d.Detail))
	}
	return out
}

// inBubble runs a test in a bubble of package synctest, in which time passes when nothing else happens.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// Devices are asked at the rate, and the progress ends when it is known what became of each.
func TestDevicesAreAskedAtTheRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 5)
		f.began = time.Now()
		f.begin(func(c *store.Campaign) { c.Interval = store.Duration(10 * time.Second) })
		time.Sleep(25 * time.Second)
		f.want("running: asked 3, came 3, done 3")
		time.Sleep(time.Minute)
		f.want("done: asked 5, came 5, done 5")
		want := []string{"dev-000 0s", "dev-001 10s", "dev-002 20s", "dev-003 30s", "dev-004 40s"}
		if !slices.Equal(f.asked, want) {
			t.Errorf("asked %q", f.asked)
		}
		if r := f.record(); r.Campaign.Ended.IsZero() || !r.Progress.Complete || len(f.listed()) != 0 {
			t.Errorf("it is %+v, listed %q", r, f.listed())
		}
	})
}

// What becomes of each device is told apart.
func TestWhatBecomesOfDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 7)
		f.behave = func(ep lwm2m.EndpointName) behaviour {
			switch ep {
			case "dev-001":
				return behaviour{err: errors.New("the device is not registered there")}
			case "dev-002":
				return behaviour{} // silent
			case "dev-003":
				return behaviour{after: time.Minute, cause: store.CauseRefused}
			case "dev-004":
				return behaviour{after: time.Minute, cause: store.CauseSuperseded} // it comes again by itself
			}
			return comesBack
		}
		f.begin(func(c *store.Campaign) { c.StopAt = 100 })
		d, err := f.db.Device(t.Context(), "dev-005")
		f.ok(err)
		d.Disabled = true
		_, err = f.db.PutDevice(t.Context(), d)
		f.ok(err)
		time.Sleep(2 * time.Minute)
		f.want("running: asked 5, not asked 2, came 4, done 2, failed 1")
		f.comes("dev-004", store.CauseDone, f.runner.Observe)
		f.comes("dev-003", store.CauseDone, f.runner.Observe) // it mended itself
		f.comes("dev-000", store.CauseDone, f.runner.Observe) // which is nothing new
		time.Sleep(20 * time.Minute)
		f.want("done: asked 5, not asked 2, came 4, done 4, silent 1")
		want := []string{"dev-001 not-asked LwM2M Server \"dm\": the device is not registered there", "dev-002 silent ", "dev-005 not-asked it is disabled"}
		if got := f.listed(); !slices.Equal(got, want) {
			t.Errorf("listed %q", got)
		}
	})
}

// The first devices are asked, and no other before it is known what became of them.
func TestCanary(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 30)
		slow := behaviour{after: 5 * time.Minute, cause: store.CauseDone}
		f.behave = func(lwm2m.EndpointName) behaviour { return slow }
		f.begin(func(c *store.Campaign) { c.First, c.Interval = 10, store.Duration(100*time.Millisecond) })
		time.Sleep(4 * time.Minute)
		f.want("running: asked 10")
		time.Sleep(2 * time.Minute)
		if r := f.record(); r.Progress.Done != 10 || r.Progress.Asked != 30 {
			t.Errorf("after the first ones: %+v", r.Progress)
		}
		time.Sleep(10 * time.Minute)
		f.want("done: asked 30, came 30, done 30")
	})
}

// Where too many of the first devices fail, no other is asked, until an operator lets it go on; then what failed
// before is forgiven.
func TestCanaryThatFails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 30)
		f.behave = func(ep lwm2m.EndpointName) behaviour {
			if ep < "dev-003" {
				return behaviour{after: time.Second, cause: store.CauseRefused}
			}
			return comesBack
		}
		f.begin(func(c *store.Campaign) { c.First, c.Interval = 10, store.Duration(100*time.Millisecond) })
		time.Sleep(time.Minute)
		f.want("paused: asked 10, came 10, done 7, failed 3")
		if reason := f.record().Campaign.Reason; !strings.Contains(reason, "3 of 10 devices have failed or are silent, which is more than 20 per cent") {
			t.Errorf("reason %q", reason)
		}
		time.Sleep(time.Hour)
		f.want("paused: asked 10, came 10, done 7, failed 3")
		f.resume()
		time.Sleep(10 * time.Minute)
		f.want("done: asked 30, came 30, done 27, failed 3")
	})
}

// A campaign that is paused asks no device and still notes who comes; a canceled one ends.
func TestPauseAndCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 10)
		f.behave = func(lwm2m.EndpointName) behaviour { return behaviour{after: 10 * time.Second, cause: store.CauseDone} }
		f.begin(nil)
		time.Sleep(2500 * time.Millisecond)
		f.edit(func(r *store.CampaignRecord) { r.Campaign.State = store.CampaignPaused })
		time.Sleep(time.Minute)
		f.want("paused: asked 3, came 3, done 3")
		f.resume()
		time.Sleep(1500 * time.Millisecond)
		f.edit(func(r *store.CampaignRecord) { r.Campaign.State = store.CampaignCanceled })
		time.Sleep(time.Hour)
		f.want("canceled: asked 5, came 3, done 3")
	})
}

// A server that cannot be reached pauses the campaign, and no device is counted for that; then they are asked
// again.
func TestServerThatCannotBeReached(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 5)
		f.behave = func(lwm2m.EndpointName) behaviour {
			return behaviour{err: errors.New("connection refused"), ofServer: true}
		}
		f.begin(nil)
		time.Sleep(time.Minute)
		f.want("paused:")
		if reason := f.record().Campaign.Reason; !strings.Contains(reason, `LwM2M Server "dm": connection refused`) || !strings.Contains(reason, "lwbs lwm2m-server test") {
			t.Errorf("reason %q", reason)
		}
		f.mu.Lock()
		f.behave = func(lwm2m.EndpointName) behaviour { return comesBack }
		f.mu.Unlock()
		f.resume()
		time.Sleep(time.Minute)
		f.want("done: asked 5, came 5, done 5")
	})
}

// One device that its server cannot bear does not stop the others for good.
func TestDeviceThatItsServerCannotBear(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 3)
		f.behave = func(ep lwm2m.EndpointName) behaviour {
			if ep == "dev-001" {
				return behaviour{err: errors.New("500 Internal Server Error"), ofServer: true}
			}
			return comesBack
		}
		f.begin(nil)
		time.Sleep(time.Minute)
		f.want("paused: asked 1, came 1, done 1")
		f.resume()
		time.Sleep(time.Minute)
		f.want("done: asked 2, not asked 1, came 2, done 2")
	})
}

// A server that was killed goes on where it was: who came meanwhile is in the history, and who was being asked
// is asked again.
func TestServerThatWasKilled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 6)
		hold := make(chan struct{})
		f.behave = func(ep lwm2m.EndpointName) behaviour { return behaviour{} }
		f.begin(nil)
		time.Sleep(2500 * time.Millisecond)
		f.want("running: asked 3")
		f.stop()
		progress := f.record().Progress
		progress.After = "dev-003" // it was killed between the record and the request
		f.ok(f.db.AdvanceCampaign(t.Context(), "c1", progress, store.CampaignDevice{Endpoint: "dev-003", State: store.CampaignDeviceAsking, Asked: time.Now()}))
		f.comes("dev-000", store.CauseDone, func(bootstrap.Event) {})
		f.comes("dev-001", store.CauseRefused, func(bootstrap.Event) {})
		f.mu.Lock()
		f.behave, f.asked = func(lwm2m.EndpointName) behaviour { return comesBack }, nil
		f.mu.Unlock()
		close(hold)
		f.start()
		time.Sleep(time.Minute)
		f.want("running: asked 6, came 5, done 4, failed 1")
		time.Sleep(time.Hour)
		f.want("done: asked 6, came 5, done 4, failed 1, silent 1")
		for i, ep := range []string{"dev-003", "dev-004", "dev-005"} {
			if !strings.HasPrefix(f.asked[i], ep) || len(f.asked) != 3 {
				t.Errorf("asked after the restart: %q", f.asked)
			}
		}
	})
}

// Not more devices are asked at a time than the limit, however fast they are to be asked.
func TestDevicesThatAreAskedAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 150)
		most, now := 0, 0
		f.slow = func() {
			f.mu.Lock()
			now++
			most = max(most, now)
			f.mu.Unlock()
			time.Sleep(time.Second)
			f.mu.Lock()
			now--
			f.mu.Unlock()
		}
		f.begin(func(c *store.Campaign) { c.Interval = store.Duration(time.Millisecond) })
		time.Sleep(time.Minute)
		f.want("done: asked 150, came 150, done 150")
		if most != 64 {
			t.Errorf("%d were asked at a time", most)
		}
	})
}

// Events that are lost, as there are too many, are found in the history.
func TestEventsThatAreLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 3)
		f.behave = func(ep lwm2m.EndpointName) behaviour { return behaviour{} }
		f.begin(func(c *store.Campaign) { c.Interval = store.Duration(time.Millisecond) })
		time.Sleep(time.Minute)
		for _, ep := range []lwm2m.EndpointName{"dev-000", "dev-001", "dev-002"} {
			f.comes(ep, store.CauseDone, func(bootstrap.Event) {})
		}
		f.want("running: asked 3")
		flood := store.Session{Endpoint: "other", Known: true, Proof: store.ProofIdentity}
		for range 5000 {
			f.runner.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: flood})
		}
		time.Sleep(time.Minute)
		f.want("done: asked 3, came 3, done 3")
	})
}

// A device that may be at one of several LwM2M Servers is asked by each, until it is registered with one.
func TestDeviceAtOneOfSeveralServers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFleet(t, 4)
		for _, name := range []string{"dm-1", "dm-2"} {
			_, err := f.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: name, Kind: store.KindLeshan, Address: "http://127.0.0.1:1"})
			f.ok(err)
		}
		_, err := f.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "quiet", Kind: store.KindNone})
		f.ok(err)
		p, err := f.db.Profile(t.Context(), "p")
		f.ok(err)
		p.Accounts[0].HandOver, p.Accounts[0].Servers = "", []string{"quiet", "dm-1", "dm-2"}
		_, err = f.db.PutProfile(t.Context(), p)
		f.ok(err)
		var asked []string
		f.byServer = func(server string, ep lwm2m.EndpointName) behaviour {
			asked = append(asked, server+" "+string(ep))
			switch at := map[lwm2m.EndpointName]string{"dev-000": "dm-1", "dev-001": "dm-2"}[ep]; {
			case ep == "dev-003" && server == "dm-2":
				return behaviour{err: errors.New("connection refused"), ofServer: true}
			case at != server:
				return behaviour{err: errors.New("the device is not registered there")}
			}
			return comesBack
		}
		f.begin(nil)
		time.Sleep(time.Minute)
		f.want("paused: asked 2, not asked 1, came 2, done 2")
		want := []string{"dm-1 dev-000", "dm-1 dev-001", "dm-2 dev-001", "dm-1 dev-002", "dm-2 dev-002", "dm-1 dev-003", "dm-2 dev-003"}
		if !slices.Equal(asked, want) {
			t.Errorf("asked %q", asked)
		}
		if got := f.listed(); len(got) != 1 || got[0] != `dev-002 not-asked LwM2M Server "dm-1": the device is not registered there` {
			t.Errorf("listed %q", got)
		}
	})
}

// A device that comes to another server of the store counts as one that came.
func TestDevicesComeElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3)
		f.stop()
		f.elsewhere = true
		f.start()
		f.begin(nil)
		time.Sleep(5 * time.Minute)
		if r := f.record(); r.Campaign.State != store.CampaignDone || r.Progress.Done != 3 || r.Progress.Silent != 0 {
			t.Errorf("it is %s: %+v", r.Campaign.State, r.Progress)
		}
	})
}
