package stress_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/store"
)

// inNamespace tells the test that it runs in a network namespace of its own.
const inNamespace = "LWBS_STRESS_NETNS"

// netem is the weather on the loopback of the namespace, each way. What is lost does not
// depend on what was lost before: now and then all five transmissions are.
var netem = strings.Fields("qdisc add dev lo root netem loss 30% duplicate 20% delay 10ms 10ms")

// The same with a network that the kernel makes bad, in place of a relay. It needs root and
// tc-netem(8).
func TestStormNetns(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		stormInNamespace(t)
		return
	}
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can make a network namespace")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStormNetns$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil:
		t.Skip("no network namespace: ", err)
	case err != nil:
		t.Errorf("in the namespace: %v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("in the namespace:\n%s", out)
	}
}

func stormInNamespace(t *testing.T) {
	prepare(t, "ip", "link", "set", "lo", "up")
	prepare(t, "tc", netem...)
	n := fleet(t, 20)
	t.Run("UDP", func(t *testing.T) {
		s := newServer(t, n)
		s.endsWell(s.run(n, 4, func(ctx context.Context, cfg coap.DialConfig) (bootstrap.Conn, error) {
			return coap.DialUDP(ctx, s.udp.Addr().String(), cfg)
		}), store.CauseFinishUnknown)
	})
	t.Run("DTLS", func(t *testing.T) {
		s := newServer(t, n)
		s.endsWell(s.run(n, 4, func(ctx context.Context, cfg coap.DialConfig) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, s.dtls.Addr().String(), cfg)
		}), store.CauseFinishUnknown)
	})
}

// prepare runs a command of the network administrator, and skips the test without it.
func prepare(t *testing.T, command string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), command, args...).CombinedOutput(); err != nil {
		t.Skipf("%s %s: %v: %s", command, strings.Join(args, " "), err, out)
	}
}
