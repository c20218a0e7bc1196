package bootstrap_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/ratequeue"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A herd is a fleet that wakes up at once, and the LwM2M Server behind, which notes when it is told of whom.
type herd struct {
	*testing.T
	db     *bolt.DB
	server *bootstrap.Server

	mu    sync.Mutex
	told  []string        // guarded by mu
	at    []time.Time     // guarded by mu
	ended []store.Session // guarded by mu
	began []string        // of those that were queued, their details; guarded by mu
}

// HandOver takes as long as differs from device to device.
func (h *herd) HandOver(_ context.Context, _ string, ep lwm2m.EndpointName, _ lwm2m.ServerAccount, _ lwm2m.BootstrapInfo) error {
	h.mu.Lock()
	h.told, h.at = append(h.told, string(ep)), append(h.at, time.Now())
	n := len(h.told)
	h.mu.Unlock()
	time.Sleep(time.Duration(n%7) * 10 * time.Millisecond)
	return nil
}

func herdName(i int) lwm2m.EndpointName { return lwm2m.EndpointName(fmt.Sprintf("dev-%04d", i)) }

// newHerd has n devices, whose LwM2M Server and profile have these rates.
func newHerd(t *testing.T, n, serverRate, profileRate int, patience time.Duration, cfg bootstrap.Config) *herd {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	h := &herd{T: t}
	h.db, err = bolt.Open(filepath.Join(quickDir(t), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { h.db.Close() })
	_, err = h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "dm", Kind: store.KindPSKFile, Address: "/none", Rate: serverRate})
	check(t, err)
	_, err = h.db.PutProfile(t.Context(), store.Profile{
		Name: "p", BootstrapsPerSecond: profileRate, Device: store.DeviceLimits{Patience: store.Duration(patience)}, SecretsOverNoSec: true,
		Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 101, HandOver: "dm"}},
	})
	check(t, err)
	devices := make([]store.Device, n)
	for i := range devices {
		devices[i] = store.Device{Endpoint: herdName(i), Profile: "p", NoSec: true, Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: string(herdName(i)), Key: lwm2m.NewSecret([]byte("k"))}}}
	}
	for part := range slices.Chunk(devices, 100) {
		kept, err := h.db.PutDevices(t.Context(), part)
		check(t, err)
		for _, k := range kept {
			check(t, k.Err)
		}
	}
	cfg.Store, cfg.HandOver = h.db, h
	cfg.Observe = func(e bootstrap.Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		switch e.Kind {
		case bootstrap.EventEnded:
			h.ended = append(h.ended, e.Session)
		case bootstrap.EventQueued:
			h.began = append(h.began, e.Session.Detail)
		}
	}
	h.server, err = bootstrap.NewServer(cfg)
	check(t, err)
	t.Cleanup(func() { h.server.Close() })
	return h
}

// quickDir is a folder in memory where there is one: thousands of writes to a disk take long.
func quickDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "lwbs-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// asks lets device i ask, and returns the answer.
func (h *herd) asks(i int, c *scriptedClient) bootstrap.Response {
	h.Helper()
	if !c.plain {
		c.identity = string(herdName(i))
	}
	ctx := context.Background()
	resp, after := h.server.ServeRequest(ctx, c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=" + string(herdName(i))}})
	if after != nil {
		go after(ctx)
	}
	return resp
}

// causes counts how sessions ended.
func (h *herd) causes() map[store.Cause]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[store.Cause]int)
	for _, s := range h.ended {
		out[s.Cause]++
	}
	return out
}

// checkRate reports a second in which the LwM2M Server saw more than rate and burst.
func (h *herd) checkRate(rate int) {
	h.Helper()
	most := rate + ratequeue.Burst(rate)
	for i := range h.at {
		if j := i + most; j < len(h.at) && h.at[j].Sub(h.at[i]) < time.Second-time.Millisecond {
			h.Fatalf("%d devices came to the LwM2M Server within %v", most+1, h.at[j].Sub(h.at[i]))
		}
	}
}

// A storm of 500 devices against a rate of 50 a second: all are bootstrapped, those that came first come first, and in no
// second does the LwM2M Server see more than the rate and the burst.
func TestStormIsHeldToTheRate(t *testing.T) {
	for name, test := range map[string]struct{ n, server, profile int }{"of the LwM2M Server": {500, 50, 0}, "of the profile": {150, 0, 50}, "of both": {150, 80, 50}} {
		inBubble(t, name, func(t *testing.T) {
			n := test.n
			h := newHerd(t, n, test.server, test.profile, 0, bootstrap.Config{MaxSessions: 60})
			began := time.Now()
			for i := range n {
				if resp := h.asks(i, newScriptedClient(nil)); resp.Code != lwm2m.CodeChanged {
					t.Fatalf("device %d is answered %v %s", i, resp.Code, resp.Payload)
				}
				synctest.Wait() // so that they come in their order
			}
			if held, active := h.server.HeldCount(), h.server.ActiveCount(); held < n-60 || held+active > n {
				t.Errorf("%d are held, %d active", held, active)
			}
			last := h.server.Running(herdName(n - 1))
			if last == nil || last.Stage != store.StageQueued || !strings.HasPrefix(last.Detail, fmt.Sprintf("waits for its turn: %d before it, about %d s (", n-6, (n+25-5)/50)) {
				t.Errorf("the last one is %+v", last)
			}
			queues := h.server.RateQueues()
			if !slices.ContainsFunc(queues, func(q bootstrap.QueueState) bool { return q.Rate == 50 && q.Waiting == n-5 }) {
				t.Errorf("the queues are %+v", queues)
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if causes := h.causes(); causes[store.CauseDone] != n {
				t.Fatalf("they ended as %v", causes)
			}
			h.checkRate(50)
			if took, least := h.at[n-1].Sub(began), time.Duration(n-5)*time.Second/50; took < least-100*time.Millisecond || took > least+600*time.Millisecond {
				t.Errorf("the last one is through after %v", took)
			}
			if h.server.HeldCount() != 0 || len(h.began) < n-5 || !strings.HasPrefix(h.began[0], "waits for its turn: 0 before it") {
				t.Errorf("%d are held; %d were queued, the first as %s", h.server.HeldCount(), len(h.began), h.began[0])
			}
			if late := slices.IndexFunc(h.told, func(ep string) bool { return ep == string(herdName(n-1)) }); late < n-20 {
				t.Errorf("the one that came last is the %dth to be served", late)
			}
		})
	}
}

// Those that would wait longer than they can are told at once when to come again, and then have the place that they had.
func TestImpatientDevicesComeAgain(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		const n, rate = 60, 1
		h := newHerd(t, n, rate, 0, 30*time.Second, bootstrap.Config{})
		told := 0 // to come again, at once
		for round := 0; h.causes()[store.CauseDone] < n; round++ {
			if round == 10 {
				t.Fatalf("%v have had their turn", h.causes())
			}
			for k := range n {
				i := k
				if round > 0 {
					i = n - 1 - k // the last first, which is of no use to them
				}
				if h.isDone(i) || h.server.Running(herdName(i)) != nil {
					continue
				}
				resp := h.asks(i, newScriptedClient(nil))
				switch late := resp.Code == lwm2m.CodeServiceUnavailable; {
				case late && (resp.MaxAge < 20*time.Second || resp.MaxAge > time.Minute), !late && resp.MaxAge != 0, !late && resp.Code != lwm2m.CodeChanged:
					t.Fatalf("device %d is answered %v, Max-Age %v", i, resp.Code, resp.MaxAge)
				case late && i == 0:
					t.Error("the first is told to come again")
				case late:
					told++
				}
				synctest.Wait()
			}
			time.Sleep(21 * time.Second)
			synctest.Wait()
		}
		if causes := h.causes(); told == 0 || causes[store.CauseDeferred] < told || len(causes) != 2 {
			t.Errorf("%d were told to come again; they ended as %v", told, causes)
		}
		h.checkRate(rate)
		if slices.Index(h.told, string(herdName(25))) > slices.Index(h.told, string(herdName(50))) {
			t.Errorf("they were served as %v", h.told)
		}
	})
}

// queued is how many devices had to wait so far.
func (h *herd) queued() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.began)
}

// isDone reports whether device i was bootstrapped.
func (h *herd) isDone(i int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.ended, func(s store.Session) bool { return s.Endpoint == herdName(i) && s.Cause == store.CauseDone })
}

// What ends the wait of a device, and what that leaves.
func TestWaitForTheTurnEnds(t *testing.T) {
	found := bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>`)}
	for name, test := range map[string]struct {
		answers []any // to Discover
		during  func(h *herd)
		cause   store.Cause
		detail  string
		within  time.Duration
	}{
		"its turn":                      {[]any{found}, nil, store.CauseDone, "", 70 * time.Second},
		"knows no Discover":             {[]any{lwm2m.CodeMethodNotAllowed}, nil, store.CauseDone, "", 70 * time.Second},
		"ends its bootstrap, as Leshan": {[]any{found, lwm2m.CodeInternalServerError}, nil, store.CauseGone, "while it waited for its turn", 45 * time.Second},
		"goes":                          {[]any{errors.New("association closed")}, nil, store.CauseInternal, "association closed", 25 * time.Second},
		"silent":                        {[]any{bootstrap.ErrSilent}, nil, store.CauseSilent, "did not answer", 25 * time.Second},
		"is disabled": {[]any{found}, func(h *herd) {
			d, err := h.db.Device(h.Context(), herdName(60))
			check(h.T, err)
			d.Disabled = true
			_, err = h.db.PutDevice(h.Context(), d)
			check(h.T, err)
		}, store.CauseDisabled, "", 70 * time.Second},
		"the server stops": {[]any{found}, func(h *herd) { check(h.T, h.server.Drain(h.Context())) }, store.CauseStopped, "while it waited for its turn", 5 * time.Second},
		"the rate is raised": {[]any{found}, func(h *herd) {
			s, err := h.db.LwM2MServer(h.Context(), "dm")
			check(h.T, err)
			s.Rate = 1000
			_, err = h.db.PutLwM2MServer(h.Context(), s)
			check(h.T, err)
			h.asks(61, newScriptedClient(nil)) // the next to come shows
		}, store.CauseDone, "", 5 * time.Second},
	} {
		inBubble(t, name, func(t *testing.T) {
			h := newHerd(t, 62, 1, 0, 0, bootstrap.Config{})
			for i := range 60 {
				h.asks(i, newScriptedClient(map[string][]any{"GET /": {found}}))
				synctest.Wait()
			}
			began := time.Now()
			h.asks(60, newScriptedClient(map[string][]any{"GET /": test.answers}))
			time.Sleep(time.Second)
			if test.during != nil {
				test.during(h)
			}
			end := func() *store.Session {
				h.mu.Lock()
				defer h.mu.Unlock()
				for _, s := range h.ended {
					if s.Endpoint == herdName(60) {
						return &s
					}
				}
				return nil
			}
			for end() == nil && time.Since(began) < 2*time.Minute {
				time.Sleep(time.Second)
			}
			s := end()
			if s == nil || s.Cause != test.cause || !strings.Contains(s.Detail, test.detail) || time.Since(began) > test.within {
				t.Fatalf("after %v it is %+v", time.Since(began), s)
			}
			if s.Cause == store.CauseDone && !strings.Contains(strings.Join(s.Notes, ";"), "waited for its turn for") {
				t.Errorf("its notes are %v", s.Notes)
			}
			check(t, h.server.Close())
			if held := h.server.HeldCount(); held != 0 {
				t.Errorf("%d are held", held)
			}
		})
	}
}

// A device that asks again while it waits, on whichever association, keeps its place.
func TestDeviceAsksAgainWhileItWaits(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		h := newHerd(t, 12, 1, 0, 0, bootstrap.Config{})
		for i := range 12 {
			h.asks(i, newScriptedClient(nil))
			synctest.Wait()
		}
		time.Sleep(500 * time.Millisecond)
		for range 3 {
			h.asks(5, newScriptedClient(nil))
			synctest.Wait()
		}
		if s := h.server.Running(herdName(5)); s == nil || !strings.HasPrefix(s.Detail, "waits for its turn: 4 before it") {
			t.Errorf("it is %+v", s)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if causes := h.causes(); causes[store.CauseDone] != 12 || causes[store.CauseSuperseded] != 3 {
			t.Errorf("they ended as %v", causes)
		}
		if !slices.IsSorted(h.told) {
			t.Errorf("they were served as %v", h.told)
		}
	})
}

// There is a limit of those that wait, of which others take no share, and peers of plain CoAP cost a place only once they
// have answered.
func TestHeldAreBounded(t *testing.T) {
	inBubble(t, "", func(t *testing.T) {
		h := newHerd(t, 30, 1, 0, 0, bootstrap.Config{MaxHeld: 10, MaxSessions: 5})
		refused := 0
		for i := range 20 {
			switch resp := h.asks(i, newScriptedClient(nil)); {
			case resp.Code == lwm2m.CodeServiceUnavailable && resp.MaxAge > 0:
				refused++
			case resp.Code != lwm2m.CodeChanged:
				t.Fatalf("answered %v", resp.Code)
			}
			synctest.Wait()
		}
		if held := h.server.HeldCount(); held != 10 || refused != 9 {
			t.Errorf("%d are held, %d refused", held, refused)
		}
		silent := plainClient(map[string][]any{"GET /": {endless{}}})
		h.asks(20, silent)
		answering := plainClient(nil)
		h.asks(21, answering)
		synctest.Wait()
		if s := h.server.Running(herdName(21)); h.server.HeldCount() != 10 || s != nil {
			t.Errorf("%d are held; the one over plain CoAP is %+v", h.server.HeldCount(), s)
		}
		time.Sleep(30 * time.Second)
		h.asks(22, plainClient(nil))
		synctest.Wait()
		h.asks(23, plainClient(nil))
		synctest.Wait()
		if s := h.server.Running(herdName(23)); h.server.HeldCount() != 1 || s == nil || s.Stage != store.StageQueued {
			t.Errorf("%d are held; the one over plain CoAP is %+v", h.server.HeldCount(), s)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if causes := h.causes(); causes[store.CauseDone] != 13 {
			t.Errorf("they ended as %v", causes)
		}
		check(t, h.server.Close())
	})
}

// No pack is given where devices wait for their turn: the client goes on to POST /bs.
func TestNoPackWhereThereIsARate(t *testing.T) {
	h := newHerd(t, 1, 0, 0, 0, bootstrap.Config{})
	p, err := h.db.Profile(t.Context(), "p")
	check(t, err)
	p.Pack, p.Accounts[0].HandOver, p.Accounts[0].Servers = "allow", "", []string{"free"}
	_, err = h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "free", Kind: store.KindNone, Rate: 10})
	check(t, err)
	_, err = h.db.PutProfile(t.Context(), p)
	check(t, err)
	c := newScriptedClient(nil)
	c.identity = string(herdName(0))
	resp, _ := h.server.ServeRequest(t.Context(), c, bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: []string{"ep=" + string(herdName(0)), "acc=</0/0>"}, Accept: lwm2m.FormatSenMLCBOR})
	if resp.Code != lwm2m.CodeNotImplemented {
		t.Errorf("answered %v", resp.Code)
	}
}

// What a device costs that waits for its turn, without its association.
func TestMemoryOfHeldSessions(t *testing.T) {
	const devices, limit = 500, 24 << 10 // bytes each
	h := newHerd(t, devices+1, 1, 0, 0, bootstrap.Config{})
	took := coaptest.MemoryOf(limit*coaptest.MemoryFactor*devices, func() {
		for i := range devices + 1 {
			h.asks(i, newScriptedClient(nil))
		}
		for deadline := time.Now().Add(time.Minute); h.queued() < devices && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	})
	t.Logf("%d bytes for each", took/devices)
	if took > limit*coaptest.MemoryFactor*devices {
		t.Errorf("a held session takes %d bytes, want %d at the most", took/devices, limit)
	}
	if n := h.server.HeldCount(); n < devices-100 {
		t.Errorf("%d are held", n)
	}
}
