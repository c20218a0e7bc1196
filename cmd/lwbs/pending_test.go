package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/enrol"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store"
)

// pending is the pending device of a name; the zero one where there is none.
func (sh *shell) pending(endpoint string) (found admin.PendingDevice) {
	sh.t.Helper()
	var all []admin.PendingDevice
	if err := json.Unmarshal([]byte(sh.ok("pending list --json")), &all); err != nil {
		sh.t.Fatal(err)
	}
	for _, p := range all {
		if string(p.Endpoint) == endpoint {
			found = p
		}
	}
	return found
}

// waits waits until the session of a device waits for approval, and returns the device.
func (sh *shell) waits(endpoint string) admin.PendingDevice {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		p := sh.pending(endpoint)
		if p.Session != "" && strings.Contains(sh.ok("session list"), "parked") {
			return p
		}
		if time.Now().After(deadline) {
			sh.t.Fatalf("%s does not come to wait: %s", endpoint, sh.ok("pending list"))
		}
	}
}

// comesUnknown lets a device with a certificate bootstrap in the background.
func (sh *shell) comesUnknown(p clitest.PKI, endpoint string, c tls.Certificate) chan error {
	sh.t.Helper()
	account := lwm2m.SecurityInstance{ServerURI: "coaps://" + sh.coaps, Mode: lwm2m.SecurityCertificate, PublicKeyOrIdentity: c.Certificate[0], ServerPublicKey: p.CA.Certificate.Raw}
	return sh.comes(endpoint, account, coap.DialConfig{Certificate: &c, ServerCertificates: []*x509.Certificate{p.CA.Certificate}, ServerName: "bs.example.com"})
}

// comes lets a device bootstrap over DTLS in the background.
func (sh *shell) comes(endpoint string, account lwm2m.SecurityInstance, cfg coap.DialConfig) chan error {
	sh.t.Helper()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(sh.t.Context())
	done := make(chan struct{})
	sh.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		_, err := sim.Run(ctx, sim.Config{
			Endpoint: lwm2m.EndpointName(endpoint), BootstrapServer: account,
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				cfg.Handler = h
				return coap.DialDTLS(ctx, sh.coaps, cfg)
			},
		})
		ended <- err
	}()
	return ended
}

func (sh *shell) endsWell(ended chan error) {
	sh.t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			sh.t.Fatalf("the device ends with %v", err)
		}
	case <-time.After(patience):
		sh.t.Fatal("the device does not end")
	}
}

// An unknown device waits, all that tells of it says so and with what command it is approved, and the
// same session goes on; the device comes again as any other.
func TestPendingDeviceIsApproved(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve(append(p.Options(), "--unknown-devices", "park", "--metrics", "127.0.0.1:0")...)
	if _, _, errs := sh.run("pending list"); !strings.Contains(errs, "--unknown-devices park") {
		t.Errorf("an empty list says %q", errs)
	}
	c := p.CA.Client(t, "meter-1")
	ended := sh.comesUnknown(p, "meter-1", c)
	waiting := sh.waits("meter-1")
	command := "lwbs pending approve " + waiting.ID + " --profile PROFILE"
	contains(t, "why", sh.ok("why meter-1"), "waiting for approval", "waits for approval since 20", command)
	contains(t, "why ID", sh.ok("why "+waiting.ID), command)
	contains(t, "session get", sh.ok("session get "+waiting.Session), "waiting for approval for", "POST /bs", "discover /", command)
	contains(t, "pending list", sh.ok("pending list"), waiting.ID, "meter-1", "waiting, ", "coaps://127.0.0.1:")
	contains(t, "status", sh.ok("status"), "1 device waits for approval, 1 of them now: lwbs pending list", "0 sessions now")
	sh.awaitMetric("lwbs_sessions_parked", 1)
	sh.awaitMetric("lwbs_pending_devices", 1)

	contains(t, "approve", sh.ok("pending approve "+strings.ToUpper(waiting.ID)+" --profile meter --tag lot7"), "approved meter-1", "it was waiting, and its session goes on", "put into the LwM2M Server of account main")
	sh.endsWell(ended)
	contains(t, "session", sh.await("session list --endpoint meter-1", "done"), waiting.Session)
	contains(t, "device", sh.ok("device list --tag lot7"), "meter-1")
	if _, _, errs := sh.run("pending approve " + waiting.ID + " --profile meter"); !strings.Contains(errs, "one that was approved has a record") {
		t.Errorf("a second approval is answered with %q", errs)
	}
	sh.awaitMetric("lwbs_sessions_parked", 0)
	sh.awaitMetric("lwbs_pending_devices", 0)
	if err := sh.come(p, "meter-1", c); err != nil {
		t.Errorf("the second bootstrap ends with %v", err)
	}
}

// A device of a group that asks for approval waits, at a server that rejects other unknown devices, and
// becomes a device of the group.
func TestDeviceOfAGroupIsApproved(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("group add lot7 --profile meter --match lot-* --approve --tag new --group-key-file $D/key.hex --group-key-format hex")
	sh.serve()
	contains(t, "group get", sh.ok("group get lot7"), "its devices wait for approval")
	raw, err := hex.DecodeString(rightKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := enrol.DeviceKey(store.DerivationHKDF, 0, lwm2m.NewSecret(raw), "lot-1")
	if err != nil {
		t.Fatal(err)
	}
	ended := sh.comes("lot-1", lwm2m.SecurityInstance{ServerURI: "coaps://" + sh.coaps, PublicKeyOrIdentity: []byte("lot-1"), SecretKey: key}, coap.DialConfig{Identity: "lot-1", Key: key})
	waiting := sh.waits("lot-1")
	contains(t, "why", sh.ok("why lot-1"), `by a key or a CA of group "lot7"`, "lwbs pending approve "+waiting.ID+" --profile meter", "waits until lwbs pending approve makes its record")
	contains(t, "session get", sh.ok("session get "+waiting.Session), `authenticated as "lot-1", by group lot7`)
	contains(t, "pending list", sh.ok("pending list"), "by group lot7")
	sh.ok("group disable lot7")
	if status, _, errs := sh.run("pending approve " + waiting.ID); status != exitFailed || !strings.Contains(errs, `group "lot7" is disabled`) {
		t.Errorf("an approval for a group that is disabled: status %d, %q", status, errs)
	}
	sh.ok("group enable lot7")
	sh.ok("pending approve " + waiting.ID + " --tag approved")
	sh.endsWell(ended)
	contains(t, "device get", sh.ok("device get lot-1"), "lot7", "new", "approved")
	contains(t, "device list", sh.ok("device list --group lot7"), "lot-1")
}

// A device whose name is not in its certificate is approved only under the name that the operator
// repeats.
func TestPendingDeviceWithANameOfItsOwn(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve(append(p.Options(), "--unknown-devices", "park")...)
	ended := sh.comesUnknown(p, "urn:meter:7", p.CA.Client(t, "serial-7"))
	waiting := sh.waits("urn:meter:7")
	contains(t, "pending list", sh.ok("pending list"), "urn:meter:7 ?", "serial-7")
	approve := "pending approve " + waiting.ID + " --profile meter"
	contains(t, "why", sh.ok("why urn:meter:7"), "lwbs pending approve "+waiting.ID+" --endpoint urn:meter:7 --profile PROFILE")
	for options, want := range map[string]string{
		"":                     "its certificate does not have this name: it may be another device; to approve it under this name say so with --endpoint",
		" --endpoint serial-7": "is served under that name only",
	} {
		if status, _, errs := sh.run(approve + options); status != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q", options, status, errs)
		}
	}
	sh.ok(approve + " --endpoint urn:meter:7")
	sh.endsWell(ended)
}

// A server that was killed while a device waited leaves the device on the list. It is approved or
// rejected without a server, too, and is treated so when it comes again.
func TestPendingDevicesOutliveTheServer(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	options := append(p.Options(), "--unknown-devices", "park")
	server := sh.start(options...)
	certificates := map[string]tls.Certificate{"good": p.CA.Client(t, "good"), "bad": p.CA.Client(t, "bad")}
	for name, c := range certificates {
		sh.comesUnknown(p, name, c)
		sh.waits(name)
	}
	good, bad := sh.waits("good"), sh.waits("bad")
	sh.awaitStored(t, server, 2)

	status, out, errs := sh.run("pending list")
	if status != exitDone || !strings.Contains(errs, "no server is running with this database: none of these devices is waiting now") {
		t.Errorf("without a server: status %d, %q", status, errs)
	}
	contains(t, "pending list", out, good.ID, bad.ID, "away")
	contains(t, "why", sh.ok("why bad"), "on the list of pending devices", "lwbs pending approve "+bad.ID)
	contains(t, "reject", sh.ok("pending reject "+bad.ID), "rejected bad, as "+bad.ID)
	contains(t, "approve", sh.ok("pending approve "+good.ID+" --profile meter"), "it is served when it comes again")
	if _, _, errs := sh.run("pending list --watch"); !strings.Contains(errs, "no server is running") {
		t.Errorf("watching without a server: %q", errs)
	}

	server = sh.start(options...)
	if err := sh.come(p, "good", certificates["good"]); err != nil {
		t.Errorf("the approved device ends with %v", err)
	}
	if err := sh.come(p, "bad", certificates["bad"]); err == nil || !strings.Contains(err.Error(), "4.00") {
		t.Errorf("the rejected device ends with %v", err)
	}
	contains(t, "why", sh.await("why bad", "rejected"), "lwbs pending approve "+bad.ID)
	sh.ok("pending reject " + bad.ID) // to repeat it changes nothing
	contains(t, "pending list", sh.ok("pending list"), "rejected")
	server.signal(t)
	server.end(t)
}

// awaitStored kills a server once the store has n pending devices.
func (sh *shell) awaitStored(t *testing.T, server *serverProcess, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		// A backup has what is stored, and nothing that is only in memory.
		copied := sh.path("copy.db")
		sh.ok("db backup " + copied)
		stored := regexp.MustCompile(`(?m)^[2-9a-z]{8} `).FindAllString(sh.ok("--db "+copied+" --key-file $D/x.db.key pending list"), -1)
		remove(t, copied)
		if len(stored) == n {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("stored are %v", stored)
		}
	}
	server.kill(t)
}

// A server that is told to stop does not wait for devices that wait.
func TestStoppingServerDoesNotWaitForPendingDevices(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	server := sh.start(append(p.Options(), "--unknown-devices", "park", "--drain", "1h")...)
	sh.comesUnknown(p, "dev", p.CA.Client(t, "dev"))
	waiting := sh.waits("dev")
	server.signal(t)
	server.end(t)
	contains(t, "session", sh.ok("session get "+waiting.Session), "The server was stopped in the middle")
	if p := sh.pending("dev"); p.ID != waiting.ID || p.Session != "" {
		t.Errorf("pending is %+v", p)
	}
}

// What is wrong with a command about pending devices is said in one line, and nothing has changed.
func TestPendingMistakes(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		for line, want := range map[string]string{
			"pending approve":                                       "expected ID",
			"pending approve meter-1 --profile meter":               `"meter-1" is not the ID of a pending device, such as k7wq2mxe: lwbs pending list shows them`,
			"pending approve k7wq2mxe --profile $E":                 "--profile is empty",
			"pending approve k7wq2mxe --var x":                      "is not NAME=VALUE",
			"pending approve k7wq2mxe --profile meter":              `pending device "k7wq2mxe": not found`,
			"pending reject k7wq2mxe":                               `pending device "k7wq2mxe": not found`,
			"pending reject k7wq2mxe k7wq2mxe":                      "expected ID, got 2 arguments",
			"pending list dev":                                      "expected no arguments",
			"pending aprove k7wq2mxe":                               `did you mean "pending approve"?`,
			"serve --unknown-devices drop":                          `--unknown-devices "drop" is not reject, silent or park`,
			"serve --unknown-devices :1=park":                       `":1" is none of the --coaps addresses (:5684)`,
			"serve --unknown-devices-plain :1=park":                 `":1" is none of the --coap addresses`,
			"serve --park-time 0s":                                  "--park-time 0s is not within 1s to 24h",
			"serve --park-keep-alive 5m":                            "--park-keep-alive 5m0s is not within 1s to 4m0s",
			"serve --max-pending -1":                                "--max-pending -1 is negative",
			"serve --unknown-devices park --unknown-devices reject": "there is another policy",
		} {
			status, out, errs := sh.run(line)
			if status == exitDone || !strings.Contains(errs, want) || out != "" {
				t.Errorf("%s: status %d, %s%s", line, status, out, errs)
			}
		}
	})
}

// Each listener has its policy: those over plain CoAP have one of their own.
func TestUnknownDevicesByListener(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.serve(append(p.Options(), "--coap", "127.0.0.1:0", "--unknown-devices", "park", "--unknown-devices-plain", "127.0.0.1:0=silent")...)
	sh.comesUnknown(p, "dev", p.CA.Client(t, "dev"))
	sh.waits("dev")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := sim.Run(ctx, sim.Config{
			Endpoint:        "plain",
			BootstrapServer: lwm2m.SecurityInstance{ServerURI: "coap://" + sh.coap, Mode: lwm2m.SecurityNoSec},
			Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
				return coap.DialUDP(ctx, sh.coap, coap.DialConfig{Handler: h})
			},
		})
		ended <- err
	}()
	contains(t, "why", sh.await("session list --failed", "plain"), string(store.CauseEndpointUnknown))
	select {
	case err := <-ended:
		t.Errorf("the device ends with %v: it was to hear nothing", err)
	default:
	}
	cancel()
	<-ended
	if sh.pending("plain").ID != "" {
		t.Error("a device is on the list that came over plain CoAP")
	}
}
