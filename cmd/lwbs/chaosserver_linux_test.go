package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap/admin/client"

	"golang.org/x/sys/unix"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/bolt/pages"
	"lwbs/store/seal"
)

const chaosDevices = 120

// A chaos is a server in a process of its own, devices that come to it, and an operator who
// edits their records, while everything around it breaks.
type chaos struct {
	*testing.T
	sh   *shell
	rand *rand.Rand

	process *exec.Cmd
	log     *unreadLog
	coaps   string // where it listens, the same over all its lives
	metrics string

	served atomic.Int64 // sessions that ended well

	mu    sync.Mutex
	edits map[lwm2m.EndpointName]*editing // guarded by mu
}

// An editing is what the operator has made of a record.
type editing struct {
	acknowledged string   // the note that was kept last
	since        []string // those after it whose end was not told
}

// An unreadLog reads the log of the server, or does not.
type unreadLog struct {
	mu    sync.Mutex // held while it is not read
	lines atomic.Int64
}

func (l *unreadLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines.Add(int64(bytes.Count(b, []byte{'\n'})))
	return len(b), nil
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("LWBS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("LWBS_SEED=%q is no number", text)
		}
		seed = n
	}
	t.Logf("LWBS_SEED=%d", seed)
	c := &chaos{T: t, sh: newShellBeside(t), rand: rand.New(rand.NewPCG(seed, 0)), log: new(unreadLog), coaps: "127.0.0.1:0", edits: make(map[lwm2m.EndpointName]*editing)}
	c.sh.ok("profile apply -f $D/meter.yaml")
	c.inFile(func(db *bolt.DB) {
		var wg sync.WaitGroup
		for i := range chaosDevices {
			wg.Go(func() {
				_, err := db.PutDevice(t.Context(), store.Device{Endpoint: chaosName(i), Profile: "meter", Credentials: []store.Credential{
					{Kind: store.CredentialPSK, Identity: string(chaosName(i)), Key: chaosKey(i)}}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Cleanup(func() {
		if c.process != nil {
			_ = c.process.Process.Kill()
			_ = c.process.Wait()
		}
	})
	return c
}

func chaosName(i int) lwm2m.EndpointName {
	return lwm2m.EndpointName(fmt.Sprintf("chaos-%04d", i))
}
func chaosKey(i int) lwm2m.Secret { return lwm2m.NewSecret(fmt.Appendf(nil, "key of chaos%04d", i)) }

// inFile works on the database while no server does.
func (c *chaos) inFile(do func(*bolt.DB)) {
	c.Helper()
	k, err := seal.KeyringFor(c.sh.path("x.db.key"), false)
	if err != nil {
		c.Fatal(err)
	}
	db, err := bolt.Open(c.sh.path("x.db"), k, bolt.Options{})
	if err != nil {
		c.Fatal(err)
	}
	do(db)
	if err := db.Close(); err != nil {
		c.Fatal(err)
	}
}

// start starts the server, at the port that it had.
func (c *chaos) start() {
	c.Helper()
	exe, err := os.Executable()
	if err != nil {
		c.Fatal(err)
	}
	c.process = exec.Command(exe, "--db", c.sh.path("x.db"), "serve", "--coaps", c.coaps, "--metrics", "127.0.0.1:0", "--log", "debug")
	c.process.Env = append(os.Environ(), beLwbs+"=1")
	c.process.Stderr = c.log
	out, err := c.process.StdoutPipe()
	if err != nil {
		c.Fatal(err)
	}
	if err := c.process.Start(); err != nil {
		c.Fatal(err)
	}
	var text strings.Builder
	lines := bufio.NewScanner(out)
	for !strings.Contains(text.String(), "administered at") {
		if !lines.Scan() {
			c.Fatalf("the server does not start: %s", text.String())
		}
		text.WriteString(lines.Text() + "\n")
	}
	c.metrics = addressIn(text.String(), metricsAddress)
	if at := addressIn(text.String(), coapsAddress); at != c.coaps { // the first time, before the devices look
		c.coaps = at
	}
}

// kill ends the server as a crash does.
func (c *chaos) kill() {
	c.Helper()
	if err := c.process.Process.Kill(); err != nil {
		c.Fatal(err)
	}
	_ = c.process.Wait() // it was killed
	if status, ok := c.process.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		c.Fatalf("the server had ended by itself: %v", c.process.ProcessState)
	}
	c.process = nil
}

// stop ends it in order.
func (c *chaos) stop() {
	c.Helper()
	if err := c.process.Process.Signal(syscall.SIGTERM); err != nil {
		c.Fatal(err)
	}
	if err := c.process.Wait(); err != nil {
		c.Errorf("the server ended with %v", err)
	}
	c.process = nil
}

// come bootstraps one device, with its own socket and handshake.
func (c *chaos) come(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := sim.Run(ctx, sim.Config{
		Endpoint:        chaosName(i),
		BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coaps://" + c.coaps, PublicKeyOrIdentity: []byte(chaosName(i)), SecretKey: chaosKey(i)},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, c.coaps, coap.DialConfig{Handler: h, Identity: string(chaosName(i)), Key: chaosKey(i)})
		},
	})
	if err == nil {
		c.served.Add(1)
	}
	return err
}

// load has devices come and records edited until ctx ends. Wait for that with what it returns.
func (c *chaos) load(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	const lanes = 6
	for lane := range lanes {
		wg.Go(func() {
			for i := lane; ctx.Err() == nil; i = (i + lanes) % chaosDevices {
				_ = c.come(ctx, i) // in the end all must
				select {
				case <-ctx.Done():
				case <-time.After(300 * time.Millisecond): // so that no device comes too often
				}
			}
		})
	}
	for lane := range 3 {
		wg.Go(func() { c.operator(ctx, lane) })
	}
	return wg.Wait
}

// operator edits records of its own, over the admin socket.
func (c *chaos) operator(ctx context.Context, lane int) {
	for n := 0; ctx.Err() == nil; n++ {
		ep := chaosName(lane*20 + n%20)
		_ = c.edit(ctx, ep, fmt.Sprintf("%d-%d", lane, n)) // which of them are acknowledged is noted
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// edit sets a note, and notes whether that was acknowledged.
func (c *chaos) edit(ctx context.Context, ep lwm2m.EndpointName, note string) error {
	api, err := client.Dial(ctx, c.sh.path("x.db.sock"))
	if err != nil {
		return err // there is no server
	}
	defer api.Close()
	c.mu.Lock()
	e := c.edits[ep]
	if e == nil {
		e = new(editing)
		c.edits[ep] = e
	}
	e.since = append(e.since, note)
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err = api.SetDevice(ctx, ep, 0, admin.DeviceSettings{Note: &note})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		e.acknowledged, e.since = note, nil
	}
	return err
}

// acknowledged is how many records have an edit that was acknowledged.
func (c *chaos) acknowledged() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.edits {
		if e.acknowledged != "" {
			n++
		}
	}
	return n
}

// lost are the records that do not have the last edit that was acknowledged, nor one after it.
func (c *chaos) lost() (lost []string) {
	c.Helper()
	api, err := client.Dial(c.Context(), c.sh.path("x.db.sock"))
	if err != nil {
		c.Fatal(err)
	}
	defer api.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for ep, e := range c.edits {
		d, err := api.Device(c.Context(), ep, false)
		if err != nil || e.acknowledged != "" && d.Note != e.acknowledged && !slices.Contains(e.since, d.Note) {
			lost = append(lost, fmt.Sprintf("%s has %q, and %q was acknowledged, error %v", ep, d.Note, e.acknowledged, err))
		}
	}
	return lost
}

func everyDevice() []int {
	devices := make([]int, chaosDevices)
	for i := range devices {
		devices[i] = i
	}
	return devices
}

// unserved are those of these devices that do not bootstrap, however often they come within a time.
func (c *chaos) unserved(within time.Duration, devices ...int) (unserved []string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), within)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	turns := make(chan struct{}, 8)
	for _, i := range devices {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			err := errors.New("it did not come")
			for wait := time.Second; err != nil && ctx.Err() == nil; wait *= 2 {
				if err = c.come(ctx, i); err != nil {
					select {
					case <-ctx.Done():
					case <-time.After(wait):
					}
				}
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				unserved = append(unserved, fmt.Sprintf("%s: %v", chaosName(i), err))
			}
		})
	}
	wg.Wait()
	return unserved
}

// damage overwrites pages of the database that the records can do without: of the indexes and
// of the history. Frozen, the server does not write meanwhile.
func (c *chaos) damage(frozen bool) {
	c.Helper()
	if frozen {
		c.signal(syscall.SIGSTOP)
		defer c.signal(syscall.SIGCONT)
	}
	f, err := os.OpenFile(c.sh.path("x.db"), os.O_RDWR, 0)
	if err != nil {
		c.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		c.Fatal(err)
	}
	file, err := pages.Open(f, info.Size())
	if err != nil {
		c.Fatal(err)
	}
	meta, _ := file.Newest()
	for _, bucket := range []string{"identity", "session_endpoint", "session"} {
		tree, found, err := file.Buckets(meta).Bucket([]byte(bucket))
		if err != nil || !found {
			c.Fatalf("bucket %s: %v", bucket, err)
		}
		key := []byte(nil)
		n := c.rand.IntN(chaosDevices)
		tree.Ascend(nil, func(k, _ []byte) bool {
			key = bytes.Clone(k)
			n--
			return n > 0
		}, nil)
		leaf, err := tree.Leaf(key)
		if err != nil || len(leaf) == 0 {
			continue // it was damaged before, or lies beside the names
		}
		noise := make([]byte, meta.PageSize)
		for i := range noise {
			noise[i] = byte(c.rand.Uint32())
		}
		if _, err := f.WriteAt(noise, int64(leaf[0])*int64(meta.PageSize)); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *chaos) signal(s syscall.Signal) {
	c.Helper()
	if err := c.process.Process.Signal(s); err != nil {
		c.Fatal(err)
	}
}

// fillDisk has every write of the server to its database fail, until what it returns is
// called.
func (c *chaos) fillDisk() (free func()) {
	c.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(c.process.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 8192, Max: unix.RLIM_INFINITY}, &before); err != nil {
		c.Skip("no limits can be set: ", err)
	}
	pid := c.process.Process.Pid
	return func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &before, nil); err != nil {
			c.Error(err)
		}
	}
}

// clockAhead leaves in the history what a server leaves whose clock is years ahead.
func (c *chaos) clockAhead() {
	c.Helper()
	c.inFile(func(db *bolt.DB) {
		later := time.Now().AddDate(10, 0, 0)
		id := append(binary.BigEndian.AppendUint64(nil, uint64(later.UnixNano())), 0, 0) // as the server makes them
		s := store.Session{ID: strings.ToLower(base32.HexEncoding.EncodeToString(id)), Endpoint: chaosName(0), Known: true, Proof: store.ProofIdentity, Cause: store.CauseDone, Started: later, Ended: later}
		if err := db.AppendSession(c.Context(), s); err != nil {
			c.Fatal(err)
		}
	})
}

// newest is the session that the history has for the last one.
func (c *chaos) newest() store.Session {
	c.Helper()
	var sessions []store.Session
	if err := json.Unmarshal([]byte(c.sh.ok("session list --json --limit 1")), &sessions); err != nil || len(sessions) != 1 {
		c.Fatalf("%d sessions are listed, error %v", len(sessions), err)
	}
	return sessions[0]
}

// A footprint is what the server holds.
type footprint struct{ goroutines, heap float64 }

// footprint measures it after a collection.
func (c *chaos) footprint() (f footprint) {
	c.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.sh.path("x.db.sock"))
	}}}
	get := func(path string) string {
		resp, err := client.Get("http://lwbs" + path)
		if err != nil {
			c.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			c.Fatal(err)
		}
		return string(b)
	}
	get("/debug/pprof/heap?gc=1")
	text := get("/metrics")
	for name, into := range map[string]*float64{"go_goroutines": &f.goroutines, "go_memstats_heap_alloc_bytes": &f.heap} {
		_, rest, _ := strings.Cut(text, "\n"+name+" ")
		number, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			c.Fatalf("no %s: %v", name, err)
		}
		*into = n
	}
	return f
}

// settles waits until the server holds no more than before.
func (c *chaos) settles(before footprint) {
	c.Helper()
	const goroutines, heap = 10, 8 << 20 // that it may hold beside
	var now footprint
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if now = c.footprint(); now.goroutines <= before.goroutines+goroutines && now.heap <= before.heap+heap {
			c.Logf("goroutines %v, before %v; heap %v bytes, before %v", now.goroutines, before.goroutines, now.heap, before.heap)
			return
		}
	}
	c.Errorf("the server has %v goroutines and %v bytes on the heap; before the chaos %v and %v", now.goroutines, now.heap, before.goroutines, before.heap)
}

// during lets the load go on for a share of the time, and reports how many sessions ended well.
func (c *chaos) during(share time.Duration) int64 {
	before := c.served.Load()
	time.Sleep(share)
	return c.served.Load() - before
}
