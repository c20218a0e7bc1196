package fleet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// name is that of a device, and its identity: Zephyr has room for 16 bytes.
func name(i int) lwm2m.EndpointName { return lwm2m.EndpointName(fmt.Sprintf("fleet-%03d", i)) }

func key(i int) lwm2m.Secret { return lwm2m.NewSecret(fmt.Appendf(nil, "key of device %03d", i)) }

// A server knows n devices.
func server(t *testing.T, n int) (plain, secure string) {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keyring, err := seal.NewKeyring()
	ok(err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	ok(err)
	t.Cleanup(func() { db.Close() })
	_, err = db.PutProfile(t.Context(), store.Profile{
		Name: "p", SecretsOverNoSec: true, Device: store.DeviceLimits{AckTimeout: store.Duration(500 * time.Millisecond)},
		Accounts: []store.Account{{Name: "main", URI: "coaps://lwm2m.example.com:5684", ShortServerID: 101}},
	})
	ok(err)
	for i := range n {
		_, err := db.PutDevice(t.Context(), store.Device{Endpoint: name(i), Profile: "p", NoSec: true, Credentials: []store.Credential{
			{Kind: store.CredentialPSK, Identity: string(name(i)), Key: key(i)},
		}})
		ok(err)
	}
	core, err := bootstrap.NewServer(bootstrap.Config{Store: db})
	ok(err)
	t.Cleanup(func() { core.Close() })
	cfg := coap.Config{Handler: core, PSK: core.PSK, HandshakeFailed: core.HandshakeFailed}
	udp, err := coap.ListenUDP("127.0.0.1:0", cfg)
	ok(err)
	t.Cleanup(func() { udp.Close() })
	dtls, err := coap.ListenDTLS("127.0.0.1:0", cfg)
	ok(err)
	t.Cleanup(func() { dtls.Close() })
	return udp.Addr().String(), dtls.Addr().String()
}

// devices are the first n of the server, with their keys.
func devices(n int) (all []Device) {
	for i := range n {
		all = append(all, Device{Endpoint: name(i), Identity: string(name(i)), Key: key(i)})
	}
	return all
}

// loopback gives each device an address of its own.
func loopback(i int) string { return fmt.Sprintf("127.20.%d.%d", i/200, 1+i%200) }

// No more devices are under way than may be, and all come.
func TestRunAtATime(t *testing.T) {
	const n = 30
	plain, _ := server(t, n)
	report, err := Run(t.Context(), Config{
		URI: "coap://" + plain, Address: plain, Devices: devices(n), Arrival: Arrival{AtATime: 4}, LocalAddress: loopback,
	})
	if err != nil || report.Done != n || report.MostAtOnce > 4 || report.Arrival != "4 at a time" {
		t.Errorf("%d of %d are done, %d at once at most, %q: %v", report.Done, n, report.MostAtOnce, report.Arrival, err)
	}
}

// A device waits after Finish, for a repetition of it. Meanwhile another has its place: what is measured is the server.
func TestRunAtATimeDoesNotWaitAfterFinish(t *testing.T) {
	const n = 3
	plain, _ := server(t, n)
	patient, _ := sim.PersonalityOf("anjay-lite")
	patient.Config.Stack.Finishes.Stays = 3 * time.Second
	report, err := Run(t.Context(), Config{
		URI: "coap://" + plain, Address: plain, Devices: devices(n), Arrival: Arrival{AtATime: 1}, LocalAddress: loopback,
		Clients: []Client{{"patient", 1, patient.Config}},
	})
	if err != nil || report.Done != n || report.MostAtOnce != 1 {
		t.Fatalf("%d of %d are done, %d at once at most: %v", report.Done, n, report.MostAtOnce, err)
	}
	if report.Took >= 3*time.Second {
		t.Errorf("the last was bootstrapped after %v: each waited for the one before it", report.Took)
	}
}

func TestRun(t *testing.T) {
	const n = 40
	plain, secure := server(t, n)
	lite, _ := sim.PersonalityOf("anjay-lite")
	zephyr, _ := sim.PersonalityOf("zephyr")
	mixed := []Client{{"anjay-lite", 1, lite.Config}, {"zephyr", 3, zephyr.Config}}
	tests := map[string]Config{
		"a storm over plain CoAP": {URI: "coap://" + plain, Address: plain},
		"a rate, with keys":       {URI: "coaps://" + secure, Address: secure, Secure: true, Arrival: Arrival{Rate: 100}},
		"a ramp, of two clients":  {URI: "coaps://" + secure, Address: secure, Secure: true, Arrival: Arrival{From: 20, Rate: 200, Over: time.Second}, Clients: mixed},
		"loss and delay":          {URI: "coap://" + plain, Address: plain, Clients: mixed[1:], Network: Network{Loss: 0.05, Duplication: 0.05, Delay: time.Millisecond, Jitter: time.Millisecond}},
	}
	for what, cfg := range tests {
		t.Run(what, func(t *testing.T) {
			cfg.Devices, cfg.Seed, cfg.ServerProcess = devices(n), 3, ProcessAt(portOf(t, plain))
			if runtime.GOOS == "linux" {
				cfg.LocalAddress = loopback
			}
			var last Progress
			cfg.Watch = func(p Progress) { last = p }
			r, err := Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Done != n || r.Failed != 0 || r.Due != n || len(r.Causes) != 0 {
				t.Fatalf("%d of %d are done, %d failed: %+v", r.Done, r.Due, r.Failed, r.Causes)
			}
			if last.Done != n || last.Running != 0 {
				t.Errorf("the last progress is %+v", last)
			}
			if l := r.Latency; l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max || l.Max > 2*r.Took {
				t.Errorf("latency %+v within %v", l, r.Took)
			}
			if r.FromStart.Max > r.Latency.Max {
				t.Errorf("from when they were due the devices took %v at most, and from when they began %v", r.Latency.Max, r.FromStart.Max)
			}
			// A bootstrap has at least the request, Discover, two Writes and Finish, with as many answers.
			if w := r.Traffic; w.SentDatagrams < 5*n || w.ReceivedDatagrams < 5*n || w.SentBytes < w.SentDatagrams*4 || (w.Lost > 0) != (cfg.Network.Loss > 0) {
				t.Errorf("traffic %+v", w)
			}
			due, done := 0, 0
			for _, s := range r.Course {
				due, done = due+s.Due, done+s.Done
			}
			for _, c := range r.Clients {
				due, done = due+c.Due, done+c.Done
			}
			if due != 2*n || done != 2*n {
				t.Errorf("course %+v, clients %+v", r.Course, r.Clients)
			}
			if runtime.GOOS == "linux" && (r.Server == nil || r.Server.MaxMemory == 0 || r.Simulator == nil) {
				t.Errorf("server %+v, simulator %+v", r.Server, r.Simulator)
			}
		})
	}
}

// Each device that fails has a cause.
func TestRunFails(t *testing.T) {
	plain, secure := server(t, 3)
	unknown := []Device{{Endpoint: "urn:dev:unknown", Identity: "id-unknown", Key: key(1)}}
	certificate := certtest.SelfSigned(t, "urn:dev:unknown")
	for what, tt := range map[string]struct {
		cfg  Config
		want Cause
	}{
		"no server":         {Config{Address: closedPort(t), Devices: unknown, Patience: 2 * time.Second}, PortClosed},
		"unknown":           {Config{Address: plain, Devices: unknown, Attempts: 1}, Refused},
		"unknown identity":  {Config{Address: secure, Secure: true, Devices: unknown, Attempts: 1, Patience: time.Second}, Silent},
		"no trust anchor":   {Config{Address: secure, Secure: true, Devices: []Device{{Endpoint: "a", Certificate: &certificate}}, Attempts: 1, Patience: 2 * time.Second}, HandshakeFails},
		"address not there": {Config{Address: plain, Devices: unknown, Attempts: 1, LocalAddress: func(int) string { return "192.0.2.1" }}, NoSocket},
	} {
		tt.cfg.URI = "coap://" + tt.cfg.Address
		r, err := Run(t.Context(), tt.cfg)
		if err != nil || r.Failed != 1 || len(r.Causes) != 1 || r.Causes[0].Cause != tt.want || r.Causes[0].Count != 1 || r.Causes[0].Message == "" {
			t.Errorf("%s: %d failed, %+v, %v, want %s", what, r.Failed, r.Causes, err, tt.want)
		}
	}
}

// An interrupted run tells what happened until then: devices that are under way have not failed.
func TestRunIsInterrupted(t *testing.T) {
	silent := quietPort(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := Config{URI: "coap://" + silent, Address: silent, Devices: devices(20), Arrival: Arrival{Rate: 10}}
	cfg.Watch = func(p Progress) {
		if p.Running > 0 {
			cancel()
		}
	}
	r, err := Run(ctx, cfg)
	if err != nil || r.Due == 0 || r.Due == 20 || r.Failed != 0 || r.Done != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// quietPort is the address of a socket that answers nothing.
func quietPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String()
}

// closedPort is an address at which no one listened a moment ago.
func closedPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func portOf(t *testing.T, addr string) uint16 {
	t.Helper()
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port()
}
