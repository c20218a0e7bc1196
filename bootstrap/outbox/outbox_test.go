package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/outbox"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A bench is a store, and receivers that answer as they are told to.
type bench struct {
	*testing.T
	file    string
	keyring *seal.Keyring
	db      *bolt.DB
	outbox  *outbox.Outbox
	log     strings.Builder

	mu     sync.Mutex
	leads  func() bool               // nil for always
	answer func(store.Message) error // guarded by mu
	took   []string                  // "RECEIVER DEVICE NUMBER", guarded by mu
	tried  []time.Time               // guarded by mu
}

func newBench(t *testing.T, receivers ...string) *bench {
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, file: filepath.Join(t.TempDir(), "x.db"), keyring: keyring}
	b.open()
	for _, name := range receivers {
		_, err := b.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: name, Kind: store.KindCommand, Address: "/none", Events: []store.EventType{store.EventExpiring}})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(b.close)
	return b
}

func (b *bench) open() {
	b.Helper()
	db, err := bolt.Open(b.file, b.keyring, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.db = db
}

func (b *bench) start() {
	b.outbox = outbox.Start(outbox.Config{Store: b.db, Deliver: b.deliver, Leads: b.leads, Logger: slog.New(slog.NewTextHandler(&b.log, nil)), Contain: func(f func()) {
		defer func() { _ = recover() }()
		f()
	}})
}

// close ends all, as a crash of the process does for the messages.
func (b *bench) close() {
	if b.outbox != nil {
		b.outbox.Close()
		b.outbox = nil
	}
	if b.db != nil {
		if err := b.db.Check(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
		b.db.Close()
		b.db = nil
	}
}

func (b *bench) restart() {
	b.close()
	b.open()
	b.start()
}

func (b *bench) answers(answer func(store.Message) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *bench) deliver(_ context.Context, m store.Message) error {
	b.mu.Lock()
	answer := b.answer
	b.tried = append(b.tried, time.Now())
	b.mu.Unlock()
	if answer != nil {
		if err := answer(m); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = append(b.took, fmt.Sprintf("%s %s %s", m.Receiver, m.Endpoint, m.Body.Reveal()[strings.Index(string(m.Body.Reveal()), `"data":`)+7:]))
	return nil
}

// send appends messages about a device, numbered from 1, for a receiver.
func (b *bench) send(receiver string, ep lwm2m.EndpointName, n int) {
	b.Helper()
	for i := range n {
		_, err := b.db.AppendEvent(b.Context(), store.Event{Type: store.EventExpiring, Endpoint: ep, At: time.Now(), Data: i + 1, Receiver: receiver})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// allTaken is all that was taken, in order.
func (b *bench) allTaken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.took)
}

// taken are what a receiver took about a device, in order.
func (b *bench) taken(receiver string, ep lwm2m.EndpointName) (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.took {
		if rest, is := strings.CutPrefix(line, fmt.Sprintf("%s %s ", receiver, ep)); is {
			out = append(out, strings.TrimSuffix(rest, "}"))
		}
	}
	return out
}

func (b *bench) waiting() (out []store.Message) {
	b.Helper()
	out, err := b.db.Messages(b.Context(), store.MessageQuery{Limit: 1000})
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func unavailable() error { return &handover.Error{Reason: "it answers with 503", Again: true} }
func refused() error     { return &handover.Error{Reason: "it answers with 400"} }

// settle lets time pass, and then waits until nothing moves.
func settle(d time.Duration) {
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}

// All is delivered once, what is about one device in order, also what was there before the start.
func TestDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a", "b")
		b.send("a", "d1", 3)
		b.start()
		for i := range 30 {
			b.send([]string{"a", "b"}[i%2], lwm2m.EndpointName(fmt.Sprint("e", i%5)), 2)
		}
		b.send("a", "d1", 2)
		settle(time.Second)
		if got := b.taken("a", "d1"); !slices.Equal(got, []string{"1", "2", "3", "1", "2"}) {
			t.Errorf("about one device: %v", got)
		}
		if n := len(b.waiting()); n != 0 || len(b.allTaken()) != 65 || b.outbox.Results()[outbox.Delivered] != 65 {
			t.Errorf("%d wait, %d were taken, results %v", n, len(b.allTaken()), b.outbox.Results())
		}
	})
}

// A receiver that cannot be reached is tried after ever longer pauses, with one message at a time, and stops
// no other. When it is back, all is delivered in order.
func TestReceiverAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "away", "there")
		var tries []time.Time
		b.answers(func(m store.Message) error {
			if m.Receiver != "away" {
				return nil
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			tries = append(tries, time.Now())
			return unavailable()
		})
		began := time.Now()
		b.start()
		for i := range 20 {
			b.send("away", lwm2m.EndpointName(fmt.Sprint("d", i)), 2)
		}
		b.send("there", "d", 20)
		settle(time.Minute)
		if got := b.taken("there", "d"); len(got) != 20 {
			t.Errorf("the other has %v", got)
		}
		settle(24*time.Hour - time.Minute)
		b.mu.Lock()
		n := len(tries)
		b.mu.Unlock()
		if n < 24 || n > 60 { // about one an hour, and those at the beginning
			t.Errorf("tried %d times in a day", n)
		}
		for i := 8; i+1 < n; i++ {
			if pause := tries[i+1].Sub(tries[i]); pause < outbox.FirstPause || pause > outbox.MaxPause*6/5+time.Second {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
		w := b.outbox.Waiting()
		i := slices.IndexFunc(w, func(w outbox.Waiting) bool { return w.Receiver == "away" })
		if w[i].Messages != 40 || w[i].Failures == 0 || w[i].Reason != "it answers with 503" || w[i].Oldest.Sub(began) > time.Second {
			t.Errorf("waiting %+v", w[i])
		}
		b.answers(nil)
		settle(3 * time.Hour)
		for i := range 20 {
			if got := b.taken("away", lwm2m.EndpointName(fmt.Sprint("d", i))); !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("device %d: %v", i, got)
			}
		}
	})
}

// A message that its receiver cannot take does not stop those about other devices, and is a dead letter
// after a number of refusals. Then the next one about its device is delivered.
func TestRefused(t *testing.T) {
	for name, answer := range map[string]func() error{"refused": refused, "unavailable": unavailable} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "a")
				b.answers(func(m store.Message) error {
					if m.Endpoint == "bad" && strings.HasSuffix(string(m.Body.Reveal()), ":1}") {
						return answer()
					}
					return nil
				})
				b.start()
				b.send("a", "bad", 2)
				for i := range 200 {
					b.send("a", lwm2m.EndpointName(fmt.Sprint("d", i)), 1)
				}
				settle(30 * time.Second)
				if len(b.allTaken()) != 200 {
					t.Errorf("%d of 200 are delivered beside it", len(b.allTaken()))
				}
				settle(outbox.MaxAge + 2*outbox.MaxPause)
				if got := b.taken("a", "bad"); !slices.Equal(got, []string{"2"}) {
					t.Errorf("about its device: %v", got)
				}
				dead, err := b.db.Messages(t.Context(), store.MessageQuery{Dead: true})
				if err != nil || len(dead) != 1 || dead[0].Tries < 2 || name == "refused" && dead[0].Tries != outbox.MaxRefusals || !strings.Contains(dead[0].Error, "it answers") {
					t.Fatalf("dead letters %+v, %v", dead, err)
				}
				if !strings.Contains(b.log.String(), "message became a dead letter") {
					t.Error("the log does not tell")
				}
				b.answers(nil)
				if err := b.outbox.Requeue(t.Context(), dead[0].ID); err != nil {
					t.Fatal(err)
				}
				settle(time.Second)
				if got := b.taken("a", "bad"); !slices.Equal(got, []string{"2", "1"}) {
					t.Errorf("after it is delivered again: %v", got)
				}
			})
		})
	}
}

// What waits for a receiver that stays away is a dead letter after three days, all of it, and another
// receiver is not.
func TestTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "away")
		b.answers(func(store.Message) error { return unavailable() })
		b.start()
		for i := range 100 {
			b.send("away", lwm2m.EndpointName(fmt.Sprint("d", i)), 2)
		}
		settle(outbox.MaxAge - outbox.MaxPause)
		if n := len(b.waiting()); n != 200 {
			t.Errorf("%d wait before their time", n)
		}
		settle(3 * outbox.MaxPause)
		dead, err := b.db.Messages(t.Context(), store.MessageQuery{Dead: true, Limit: 1000})
		if err != nil || len(dead) != 200 || len(b.waiting()) != 0 {
			t.Errorf("%d dead letters, %d wait, %v", len(dead), len(b.waiting()), err)
		}
		for _, m := range dead {
			if m.Error == "" || m.Dead.IsZero() {
				t.Fatalf("dead letter %+v", m)
			}
		}
	})
}

// After a restart, also in the middle of a delivery, what was not acknowledged is delivered again, and how
// often it was tried is known.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a")
		b.answers(func(store.Message) error { return unavailable() })
		b.start()
		b.send("a", "d", 3)
		settle(time.Minute)
		before := b.waiting()
		b.answers(nil)
		b.restart()
		settle(2 * outbox.MaxPause)
		if got := b.taken("a", "d"); !slices.Equal(got, []string{"1", "2", "3"}) || before[0].Tries < 2 || before[1].Tries != 0 {
			t.Errorf("taken %v; before %+v", got, before)
		}
	})
}

// What waits for a hand-over is tried again soon, and is not counted as a failure; what is superseded is
// dropped.
func TestBusyAndSuperseded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a")
		busy := true
		b.answers(func(m store.Message) error {
			switch {
			case m.Endpoint == "superseded":
				return handover.ErrSuperseded
			case busy:
				return handover.ErrBusy
			}
			return nil
		})
		b.start()
		b.send("a", "superseded", 1)
		b.send("a", "busy", 1)
		settle(10 * time.Second)
		if w := b.waiting(); len(w) != 1 || w[0].Tries != 0 {
			t.Errorf("%+v wait", w)
		}
		b.answers(nil)
		settle(2 * time.Second)
		if got := b.outbox.Results(); len(b.allTaken()) != 1 || got[outbox.Superseded] != 1 || got[outbox.Delivered] != 1 || got[outbox.Unavailable]+got[outbox.Refused] != 0 {
			t.Errorf("taken %v, results %v", b.allTaken(), got)
		}
	})
}

// Of one receiver 4 messages are on their way at a time, and of all 64.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 20 {
			names = append(names, fmt.Sprint("r", i))
		}
		b := newBench(t, names...)
		release := make(chan struct{})
		var mu sync.Mutex
		now, most := make(map[string]int), make(map[string]int)
		count := func(name string, n int) {
			mu.Lock()
			defer mu.Unlock()
			now[name] += n
			most[name] = max(most[name], now[name])
		}
		b.answers(func(m store.Message) error {
			for _, name := range []string{m.Receiver, "all"} {
				count(name, 1)
				defer count(name, -1)
			}
			<-release
			return nil
		})
		b.start()
		for _, name := range names {
			for i := range 6 {
				b.send(name, lwm2m.EndpointName(fmt.Sprint("d", i)), 1)
			}
		}
		settle(time.Second)
		close(release)
		settle(time.Minute)
		if len(b.allTaken()) != 20*6 || most["all"] != outbox.MaxAtOnce || most["r0"] != outbox.MaxOfReceiver {
			t.Errorf("%d were taken; at most %v at once", len(b.allTaken()), most)
		}
	})
}

// A delivery that panics fails, and nothing else does.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a", "b")
		b.answers(func(m store.Message) error {
			if m.Receiver == "a" {
				panic("as wanted")
			}
			return nil
		})
		b.start()
		b.send("a", "d", 1)
		b.send("b", "d", 1)
		settle(time.Second)
		if w := b.waiting(); len(w) != 1 || w[0].Receiver != "a" || w[0].Tries != 1 || !strings.Contains(w[0].Error, "panicked") {
			t.Errorf("%+v wait", w)
		}
	})
}

// A message can be dropped, and tried at once, while its receiver is away; while it is on its way it is not
// queued again.
func TestDropAndRequeue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a")
		b.answers(func(store.Message) error { return unavailable() })
		b.start()
		b.send("a", "d", 3)
		settle(6 * time.Hour)
		first := b.waiting()
		if err := b.outbox.Drop(t.Context(), first[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := b.outbox.Drop(t.Context(), first[0].ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("dropped twice: %v", err)
		}
		block := make(chan struct{})
		b.answers(func(store.Message) error { <-block; return nil })
		if err := b.outbox.Requeue(t.Context(), first[2].ID); err != nil {
			t.Fatal(err)
		}
		settle(time.Second)
		if err := b.outbox.Requeue(t.Context(), first[1].ID); !errors.Is(err, handover.ErrBusy) {
			t.Errorf("while it is on its way: %v", err)
		}
		close(block)
		settle(time.Second)
		if got := b.taken("a", "d"); !slices.Equal(got, []string{"2", "3"}) || len(b.waiting()) != 0 {
			t.Errorf("taken %v, %+v wait", got, b.waiting())
		}
	})
}

// A countedStore counts the messages that are read.
type countedStore struct {
	*bolt.DB
	read atomic.Int64
}

func (c *countedStore) Messages(ctx context.Context, q store.MessageQuery) ([]store.Message, error) {
	if q.Endpoint != "" {
		return nil, errors.New("it goes over all messages")
	}
	page, err := c.DB.Messages(ctx, q)
	c.read.Add(int64(len(page)))
	return page, err
}

func (c *countedStore) Message(ctx context.Context, id store.MessageID) (store.Message, error) {
	c.read.Add(1)
	return c.DB.Message(ctx, id)
}

// What waits about one device is found without reading what waits about others: as many messages are read with a few
// that wait as with many. The answer is that of the store, also about what was appended at this moment.
func TestAboutOneDevice(t *testing.T) {
	for _, others := range []int{5, 200} {
		t.Run(fmt.Sprint(others), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "a", "b")
				counted := &countedStore{DB: b.db}
				b.answers(func(m store.Message) error {
					if m.Endpoint == "dead" {
						return refused()
					}
					return unavailable()
				})
				b.outbox = outbox.Start(outbox.Config{Store: counted, Deliver: b.deliver, Logger: slog.New(slog.NewTextHandler(&b.log, nil)), Contain: func(f func()) { f() }})
				b.send("b", "mine", 2)
				for i := range others {
					b.send([]string{"a", "b"}[i%2], lwm2m.EndpointName(fmt.Sprint("d", i)), 1)
				}
				b.send("a", "mine", 3)
				settle(time.Minute)
				check := func(q store.MessageQuery) {
					t.Helper()
					got, err := b.outbox.About(t.Context(), q)
					want, failed := b.db.Messages(t.Context(), q)
					if err != nil || failed != nil || !slices.EqualFunc(got, want, func(a, b store.Message) bool { return a.ID == b.ID && a.Receiver == b.Receiver && a.Tries == b.Tries }) {
						t.Errorf("%+v: %d messages, %v, want %d, %v", q, len(got), err, len(want), failed)
					}
				}
				before := counted.read.Load()
				check(store.MessageQuery{Endpoint: "mine"})
				check(store.MessageQuery{Endpoint: "none"})
				if n := counted.read.Load() - before; n != 5 {
					t.Errorf("%d messages are read for 5", n)
				}
				b.send("b", "mine", 1) // and is looked for before the outbox was told
				check(store.MessageQuery{Endpoint: "mine"})
				check(store.MessageQuery{Endpoint: "mine", Limit: 2})
				check(store.MessageQuery{Endpoint: "mine", Receiver: "b"})
				all := b.waiting()
				for _, m := range all {
					if m.Endpoint == "mine" {
						check(store.MessageQuery{Endpoint: "mine", After: m.Cursor()})
					}
				}
				first := slices.IndexFunc(all, func(m store.Message) bool { return m.Endpoint == "mine" })
				if err := b.outbox.Drop(t.Context(), all[first].ID); err != nil {
					t.Fatal(err)
				}
				if err := b.outbox.Requeue(t.Context(), all[first+1].ID); err != nil && !errors.Is(err, handover.ErrBusy) {
					t.Fatal(err)
				}
				check(store.MessageQuery{Endpoint: "mine"})
			})
		})
	}
}

// What another server delivers is not delivered here, and all that waits is once this one is to.
func TestAnotherServerDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, "a")
		var leads atomic.Bool
		b.leads = leads.Load
		b.send("a", "d1", 2)
		b.start()
		b.send("a", "d1", 1)
		settle(time.Minute)
		if n := len(b.waiting()); n != 3 || len(b.allTaken()) != 0 {
			t.Errorf("%d wait, %d were taken", n, len(b.allTaken()))
		}
		if err := b.db.DeleteMessage(t.Context(), b.waiting()[0].ID); err != nil { // which the other has delivered
			t.Error(err)
		}
		leads.Store(true)
		settle(5 * time.Second)
		if n := len(b.waiting()); n != 0 || len(b.allTaken()) != 2 {
			t.Errorf("%d wait, %d were taken", n, len(b.allTaken()))
		}
		leads.Store(false)
		settle(5 * time.Second)
		b.send("a", "d1", 1)
		settle(time.Minute)
		if n := len(b.waiting()); n != 1 {
			t.Errorf("%d wait after it is another's", n)
		}
	})
}
