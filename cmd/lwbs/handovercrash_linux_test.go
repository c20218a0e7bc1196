package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// A crashStep is where the server is killed, by what its device or its LwM2M Server sees.
type crashStep string

const (
	crashWrite        crashStep = "the last Write arrives"
	crashWriteAnswer  crashStep = "the last Write is answered"
	crashAsked        crashStep = "the LwM2M Server is asked"
	crashTaken        crashStep = "the LwM2M Server has taken the key"
	crashAnswered     crashStep = "the LwM2M Server has answered"
	crashFinish       crashStep = "Finish arrives"
	crashFinishAnswer crashStep = "Finish is answered"
)

// A crashing is a server in a process of its own, which is killed at a step; a device that comes to it; and
// an LwM2M Server, such as Leshan, that it tells.
type crashing struct {
	*testing.T
	sh    *shell
	coaps string

	mu      sync.Mutex
	process *exec.Cmd         // guarded by mu
	step    crashStep         // guarded by mu; where it is killed, once
	keys    map[string]string // guarded by mu; of the LwM2M Server, by device
	killed  chan struct{}     // guarded by mu; closed when it is
}

// at kills the server if this is the step where that is to be, and reports whether it did.
func (c *crashing) at(step crashStep) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.step != step {
		return false
	}
	c.step = ""
	if err := c.process.Process.Kill(); err != nil {
		c.Error(err)
	}
	close(c.killed)
	return true
}

// start starts the server, at the port that it had.
func (c *crashing) start() {
	c.Helper()
	process := exec.Command(testProgram(c.T), "--db", c.sh.path("x.db"), "serve", "--coaps", c.coaps)
	process.Env = append(os.Environ(), beLwbs+"=1")
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		c.Fatal(err)
	}
	c.mu.Lock()
	c.process = process
	c.mu.Unlock()
	var text strings.Builder
	lines := bufio.NewScanner(out)
	for !strings.Contains(text.String(), "administered at") {
		if !lines.Scan() {
			c.Fatalf("the server does not start: %s", text.String())
		}
		text.WriteString(lines.Text() + "\n")
	}
	c.coaps = addressIn(text.String(), coapsAddress)
}

// stop waits for the end of the server, which it kills if that was not done.
func (c *crashing) stop() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

// ServeHTTP is the part of Leshan's API that is used here.
func (c *crashing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const path = "/api/security/clients/"
	body, _ := io.ReadAll(r.Body)
	if c.at(crashAsked) {
		panic(http.ErrAbortHandler)
	}
	c.mu.Lock()
	switch r.Method {
	case http.MethodPut:
		var info struct {
			Endpoint string
			TLS      struct{ Details struct{ Key string } }
		}
		if err := json.Unmarshal(body, &info); err != nil {
			c.Error(err)
		}
		c.keys[info.Endpoint] = info.TLS.Details.Key
	case http.MethodDelete:
		delete(c.keys, strings.TrimPrefix(r.URL.Path, path))
	}
	c.mu.Unlock()
	if c.at(crashTaken) {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	c.at(crashAnswered)
}

// known is the key that the LwM2M Server has of a device; empty for none.
func (c *crashing) known(ep string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[ep]
}

// A crashingDevice is a device that sees the steps.
type crashingDevice struct {
	bootstrap.Handler
	c      *crashing
	writes *atomic.Int64 // that have come
	last   int           // which of them is the last; 0 where that is not known
}

func (d crashingDevice) ServeRequest(ctx context.Context, conn bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	arrives, answered := crashStep(""), crashStep("")
	switch {
	case r.Method == bootstrap.PUT:
		if d.writes.Add(1) == int64(d.last) {
			arrives, answered = crashWrite, crashWriteAnswer
		}
	case r.Method == bootstrap.POST:
		arrives, answered = crashFinish, crashFinishAnswer
	}
	if arrives != "" {
		d.c.at(arrives)
	}
	resp, after := d.Handler.ServeRequest(ctx, conn, r)
	return resp, func(ctx context.Context) { // the answer is on its way
		if after != nil {
			after(ctx)
		}
		if answered != "" {
			d.c.at(answered)
		}
	}
}

// come bootstraps a device. It returns the key that the device has towards its LwM2M Server then, and how many
// Writes came.
func (c *crashing) come(ep string, last int) (key string, writes int, err error) {
	psk := lwm2m.NewSecret([]byte("0123456789abcdef"))
	var came atomic.Int64
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	c.mu.Lock()
	killed := c.killed
	c.mu.Unlock()
	go func() {
		select {
		case <-killed: // the device does not wait for a server that is dead
			cancel()
		case <-ctx.Done():
		}
	}()
	result, err := sim.Run(ctx, sim.Config{
		Endpoint:        lwm2m.EndpointName(ep),
		BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coaps://" + c.coaps, PublicKeyOrIdentity: []byte(ep), SecretKey: psk},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, c.coaps, coap.DialConfig{Handler: crashingDevice{h, c, &came, last}, Identity: ep, Key: psk})
		},
	})
	if len(result.Accounts) > 0 {
		key = hex.EncodeToString(result.Accounts[0].Security.SecretKey.Reveal())
	}
	return key, int(came.Load()), err
}

// Wherever the server is killed between the last Write and the end, the device and its LwM2M Server have the
// same key after the next attempt. A key that the LwM2M Server has taken is not replaced by it. A device that is
// deleted after a crash is forgotten.
func TestCrashDuringHandOver(t *testing.T) {
	c := &crashing{T: t, sh: newShell(t), coaps: "127.0.0.1:0", keys: make(map[string]string), killed: make(chan struct{})}
	web := httptest.NewServer(c)
	defer web.Close()
	c.sh.write("over.yaml", "name: over\naccounts:\n  - {name: main, uri: 'coaps://a.example', shortServerID: 101, handOver: dm, key: renew}\n")
	c.sh.ok("lwm2m-server add dm --kind leshan --address " + web.URL)
	c.sh.ok("profile apply -f $D/over.yaml")
	c.sh.write("psk.hex", hex.EncodeToString([]byte("0123456789abcdef")))
	add := func(ep string) {
		c.sh.ok("device add " + ep + " --profile over --psk-key-format hex --psk-key-file $D/psk.hex")
	}

	add("first")
	c.start()
	defer func() { c.stop() }()
	key, writes, err := c.come("first", 0)
	if err != nil || writes < 2 || key == "" || key != c.known("first") {
		t.Fatalf("without a crash: key %s, and %s at the LwM2M Server; %d Writes, %v", key, c.known("first"), writes, err)
	}
	for i, step := range []crashStep{crashWrite, crashWriteAnswer, crashAsked, crashTaken, crashAnswered, crashFinish, crashFinishAnswer} {
		for _, deleted := range []bool{false, true} {
			ep := fmt.Sprintf("dev-%d-%v", i, deleted)
			add(ep)
			c.mu.Lock()
			c.step, c.killed = step, make(chan struct{})
			c.mu.Unlock()
			held, _, err := c.come(ep, writes)
			select {
			case <-c.killed:
			default:
				t.Fatalf("%s: it was not reached: %v", step, err)
			}
			c.stop()
			taken := c.known(ep)
			if err == nil && step != crashFinish && step != crashFinishAnswer {
				t.Errorf("%s: the device is done", step)
			}
			if err == nil && held != taken {
				t.Errorf("%s: the device is done with the key %s, and the LwM2M Server has %s", step, held, taken)
			}
			if has := step != crashWrite && step != crashAsked && step != crashWriteAnswer; has && taken == "" {
				t.Errorf("%s: the LwM2M Server has no key", step)
			}
			c.mu.Lock()
			c.killed = make(chan struct{})
			c.mu.Unlock()
			c.start()
			if deleted {
				c.sh.ok("device delete " + ep)
				c.sh.awaitOutbox("dm")
				if has := c.known(ep); has != "" {
					t.Errorf("%s: after it was deleted the LwM2M Server still has its key", step)
				}
				continue
			}
			key, _, err := c.come(ep, 0)
			if err != nil || key == "" || key != c.known(ep) {
				t.Errorf("%s: after the next attempt the device has %s, and the LwM2M Server %s; %v", step, key, c.known(ep), err)
			}
			if taken != "" && step != crashFinishAnswer && key != taken {
				t.Errorf("%s: the LwM2M Server had taken %s, and the device was given %s", step, taken, key)
			}
		}
	}
}
