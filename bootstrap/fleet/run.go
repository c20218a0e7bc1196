package fleet

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Run plays the fleet once, and returns when the last device is done or has failed, or soon after ctx is
// cancelled: then with the report of what happened until then, and without error. Its error is one of the
// configuration.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	r := &run{
		cfg: cfg, began: time.Now(), meter: new(meter), causes: make(map[Cause]*CauseCount),
		latency: newLatencies(digits), fromStart: newLatencies(digits), course: newCourse(),
		random: rand.New(rand.NewPCG(cfg.Seed, 1)),
	}
	for _, c := range cfg.Clients {
		r.weights += c.Weight
		r.clients = append(r.clients, &clientCount{name: c.Name, latency: newLatencies(digits)})
	}
	server, own := measure(cfg.ServerProcess), measure(ownProcess())
	r.playAll(ctx)
	report := r.report()
	report.Server, report.Simulator = server.end(), own.end()
	return report, nil
}

// A run is a fleet under way.
type run struct {
	cfg     Config
	began   time.Time
	meter   *meter
	random  *rand.Rand // of the loop that starts devices
	weights int        // of all clients

	mu         sync.Mutex
	due        int                   // guarded by mu, as what follows
	running    int                   // devices that are neither served nor have failed
	mostAtOnce int                   // of running
	done       int                   //
	failed     int                   //
	attempts   int                   //
	late       time.Duration         // at most
	ended      time.Time             // the last device
	latency    latencies             //
	fromStart  latencies             //
	causes     map[Cause]*CauseCount //
	clients    []*clientCount        //
	course     *course               //
}

// A clientCount is how the devices of a kind of client fare.
type clientCount struct {
	name      string
	due, done int
	latency   latencies
}

// playAll starts the devices when they are due, and waits for all of them.
func (r *run) playAll(ctx context.Context) {
	stop := r.watch()
	defer stop()
	var all sync.WaitGroup
	defer all.Wait()
	next, places := r.cfg.Arrival.times(r.random), r.cfg.Arrival.places()
	for i := range r.cfg.Devices {
		due, ok := r.await(ctx, next, places)
		if !ok {
			return
		}
		d := &player{run: r, index: i, due: due, client: r.pick(), seed: r.random.Uint64()}
		r.starts(d)
		d.served = sync.OnceFunc(func() { r.isServed(places) })
		all.Go(func() {
			d.play(ctx)
			d.served()
		})
	}
}

// await waits until the next device is due, and has a place where there are places. It reports false where ctx
// ends before.
func (r *run) await(ctx context.Context, next func() time.Duration, places chan<- struct{}) (due time.Time, ok bool) {
	due = r.began.Add(next())
	wait := time.NewTimer(time.Until(due))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return due, false
	}
	if places != nil {
		select {
		case places <- struct{}{}:
			due = time.Now()
		case <-ctx.Done():
			return due, false
		}
	}
	return due, ctx.Err() == nil
}

// pick returns the index of a kind of client, by the weights.
func (r *run) pick() int {
	n := r.random.IntN(r.weights)
	for i, c := range r.cfg.Clients {
		if n -= c.Weight; n < 0 {
			return i
		}
	}
	return 0
}

func (r *run) starts(d *player) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d.started = time.Now()
	r.due++
	r.running++
	r.mostAtOnce = max(r.mostAtOnce, r.running)
	r.late = max(r.late, d.started.Sub(d.due))
	r.clients[d.client].due++
	r.course.at(d.due.Sub(r.began)).due++
}

// ends notes that a device is done, by the time of its answer to Finish, or why it failed.
func (r *run) ends(d *player, finished time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts += d.attempts
	if err == nil {
		r.done++
		r.ended = later(r.ended, finished)
		took := finished.Sub(d.due)
		r.latency.add(took)
		r.fromStart.add(finished.Sub(d.started))
		r.clients[d.client].done++
		r.clients[d.client].latency.add(took)
		r.course.at(finished.Sub(r.began)).finished(took)
		return
	}
	now := time.Now()
	r.failed++
	r.ended = later(r.ended, now)
	r.course.at(now.Sub(r.began)).failed++
	cause := causeOf(err, d.at)
	if r.causes[cause] == nil {
		r.causes[cause] = &CauseCount{Cause: cause, Device: string(r.cfg.Devices[d.index].Endpoint), Message: oneLine(err)}
	}
	r.causes[cause].Count++
}

// isServed notes that the server has no more to do for a device, and gives its place to another.
func (r *run) isServed(places <-chan struct{}) {
	r.mu.Lock()
	r.running--
	r.mu.Unlock()
	if places != nil {
		<-places
	}
}

// interrupted notes that the run ends while a device is under way.
func (r *run) interrupted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = later(r.ended, time.Now())
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// watch tells of the progress each second until stop is called, which tells of it once more.
func (r *run) watch() (stop func()) {
	if r.cfg.Watch == nil {
		return func() {}
	}
	var last Progress
	tell := func() {
		p := r.progress()
		p.DoneInSecond, p.FailedInSecond = p.Done-last.Done, p.Failed-last.Failed
		last = p
		r.cfg.Watch(p)
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				tell()
			case <-end:
				tell()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (r *run) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Progress{
		Since: time.Since(r.began), Devices: len(r.cfg.Devices), Due: r.due, Running: r.running,
		Done: r.done, Failed: r.failed, P50: r.latency.at(50), P99: r.latency.at(99),
	}
}

func (r *run) report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{
		URI: r.cfg.URI, Devices: len(r.cfg.Devices), Arrival: r.cfg.Arrival.String(), Network: r.cfg.Network.String(), Seed: r.cfg.Seed,
		Started: r.began.Round(0), Took: max(0, r.ended.Sub(r.began)), Due: r.due, Done: r.done, Failed: r.failed,
		Attempts: r.attempts, MostAtOnce: r.mostAtOnce, Late: r.late,
		Latency: r.latency.summary(), FromStart: r.fromStart.summary(), Causes: sorted(r.causes), Traffic: r.meter.traffic(),
		Slot: r.course.width, Course: []Slot{},
	}
	for _, c := range r.clients {
		report.Clients = append(report.Clients, ClientCount{c.name, c.due, c.done, c.latency.summary()})
	}
	for _, s := range r.course.slots {
		report.Course = append(report.Course, Slot{s.due, s.done, s.failed, s.took.at(50), s.took.at(99)})
	}
	return report
}
