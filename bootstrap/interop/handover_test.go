//go:build interop

package interop_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An LwM2M Server on Leshan with an empty security store is told the account of a device before the device
// is done, and nothing else puts it there. The device registers there over DTLS, also after a second bootstrap
// with a new key. When the device is deleted here, the LwM2M Server forgets it.
func TestHandOverToLeshan(t *testing.T) {
	for _, p := range []peer{leshan11, wakaamaDTLS} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.require(t)
			peer{name: "Leshan server", needs: []string{"java", leshanJar("server")}}.require(t)
			sink := newLeshanSink(t).(leshanSink)
			lwbs := serve(t)
			lwbs.run(t, "lwm2m-server", "add", "dm", "--kind", "leshan", "--address", sink.listening.HTTP)
			lwbs.run(t, "lwm2m-server", "test", "dm")
			lwbs.apply(t, sink.uri("coaps"), "    handOver: dm", "    key: renew")
			d := factoryDevice(lwbs.uri["coaps"])
			d.again = "trigger"
			lwbs.add(t, d)
			device := p.start(t, d)
			checkRegistration(t, sink.registered(t), p, "coaps")
			first := lwbs.account(t, d.endpoint)
			if p.again != nil {
				p.again(t, device)
			} else {
				sink.trigger(t, d.endpoint)
			}
			checkRegistration(t, sink.registered(t), p, "coaps")
			for _, s := range lwbs.sessions(t, 2, "--endpoint", d.endpoint) {
				checkDone(t, s, "coaps", d)
			}
			if second := lwbs.account(t, d.endpoint); second.key == first.key {
				t.Error("the key is the same after the second bootstrap")
			}
			sink.awaitKnown(t, d.endpoint, true)
			lwbs.run(t, "device", "delete", d.endpoint)
			sink.awaitKnown(t, d.endpoint, false)
		})
	}
}

// awaitKnown waits until the security store of the server has a device, or has it no more.
func (s leshanSink) awaitKnown(t *testing.T, endpoint string, want bool) {
	t.Helper()
	list := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get(s.listening.HTTP + "/api/security/clients/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if list = string(body); err == nil && strings.Contains(list, strconv.Quote(endpoint)) == want {
			return
		}
	}
	t.Errorf("that the LwM2M Server has %s is not %t: %s", endpoint, want, list)
}

// A device that is registered with an LwM2M Server on Leshan is asked by it to come back, as lwbs asks for that, gets
// its new key and registers with it.
func TestRebootstrapByLeshan(t *testing.T) {
	t.Parallel()
	leshan11.require(t)
	sink := newLeshanSink(t).(leshanSink)
	lwbs := serve(t)
	lwbs.run(t, "lwm2m-server", "add", "dm", "--kind", "leshan", "--address", sink.listening.HTTP)
	lwbs.apply(t, sink.uri("coaps"), "    handOver: dm")
	d := factoryDevice(lwbs.uri["coaps"])
	d.again = "trigger"
	lwbs.add(t, d)
	leshan11.start(t, d)
	checkRegistration(t, sink.registered(t), leshan11, "coaps")
	first := lwbs.account(t, d.endpoint)
	lwbs.run(t, "device", "rotate", d.endpoint)
	told := lwbs.run(t, "device", "rebootstrap", d.endpoint, "--follow")
	if !strings.Contains(told, "done: 1 of 1 device asked, 1 came: 1 done, 0 failed") {
		t.Errorf("rebootstrap tells: %s", told)
	}
	checkRegistration(t, sink.registered(t), leshan11, "coaps")
	for _, s := range lwbs.sessions(t, 2, "--endpoint", d.endpoint) {
		checkDone(t, s, "coaps", d)
	}
	if second := lwbs.account(t, d.endpoint); second.key == first.key {
		t.Error("the key is the same after the second bootstrap")
	}
	if list := lwbs.run(t, "rotation", "list"); strings.Contains(list, d.endpoint) {
		t.Errorf("the key is still being replaced: %s", list)
	}
}

// Where the LwM2M Server cannot be told, the device is not told that it is done, and why says what is wrong.
// When the server is there again, the device is served when it comes again, with the key that it was given.
func TestHandOverToLeshanFails(t *testing.T) {
	t.Parallel()
	leshan11.require(t)
	sink := newLeshanSink(t).(leshanSink)
	lwbs := serve(t)
	lwbs.run(t, "lwm2m-server", "add", "dm", "--kind", "leshan", "--address", "http://127.0.0.1:9", "--timeout", "1s")
	lwbs.apply(t, sink.uri("coaps"), "    handOver: dm")
	d := factoryDevice(lwbs.uri["coaps"])
	lwbs.add(t, d)
	device := leshan11.start(t, d)
	failed := lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0]
	if failed.Cause != "hand-over-failed" || len(failed.ops("finish")) > 0 {
		t.Errorf("session is %+v", failed)
	}
	why := lwbs.run(t, "why", d.endpoint)
	for _, part := range []string{`LwM2M Server "dm" could not be told of account "main"`, "connection refused", "lwbs lwm2m-server test"} {
		if !strings.Contains(why, part) {
			t.Errorf("why says nothing of %q: %s", part, why)
		}
	}
	key := lwbs.account(t, d.endpoint).key
	lwbs.run(t, "lwm2m-server", "set", "dm", "--address", sink.listening.HTTP)
	device.status(t)
	leshan11.start(t, d)
	checkRegistration(t, sink.registered(t), leshan11, "coaps")
	if now := lwbs.account(t, d.endpoint).key; now != key {
		t.Errorf("the key was %s and is %s", key, now)
	}
}
