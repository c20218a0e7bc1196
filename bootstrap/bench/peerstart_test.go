//go:build linux

package bench_test

import (
	"bufio"
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/fleet"
)

// serverName is in the certificate of each server.
const serverName = "localhost"

// leshanProgram is built by "make peers".
const leshanProgram = "../../testdata/leshan/bootstrapserver/target/bootstrapserver.jar"

// peers are all servers, and who vouches for them and for the devices.
type peers struct {
	b         *testing.B
	servers   []*peer
	authority *certtest.Authority
	key       crypto.Signer
	dir       string
}

// startPeers starts all servers, which end with the benchmark. Leshan is left out, and the table then says so, where
// there is no Java or its program is not built.
func startPeers(b *testing.B) *peers {
	b.Helper()
	p := &peers{b: b, authority: certtest.NewAuthority(b, "devices and servers"), key: certtest.P256(b), dir: b.TempDir()}
	certificate, key := certtest.WriteFiles(b, p.authority.Server(b, serverName, certtest.P256(b)))
	ca := filepath.Join(p.dir, "ca.crt")
	certtest.WritePEM(b, ca, "CERTIFICATE", p.authority.Certificate.Raw)
	for to, from := range map[string]string{"server.crt": certificate, "server.key": key} {
		if err := copyFile(filepath.Join(p.dir, to), from); err != nil {
			b.Fatal(err)
		}
	}
	own := startServer(b, "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", ca)
	p.add(&peer{name: lwbsName, process: own.cmd.Process.Pid, coap: own.coap.String(), coaps: own.coaps.String(), certificates: true})
	if _, err := exec.LookPath("java"); err != nil {
		fmt.Println("Leshan is left out: there is no java")
	} else if _, err := os.Stat(leshanProgram); err != nil {
		fmt.Println("Leshan is left out: its program is not built; make bench-peers builds it where there is Maven")
	} else {
		p.startLeshan()
	}
	for _, name := range []string{goCoAPName, pionName, rawUDPName} {
		p.startYardstick(name)
	}
	return p
}

func (p *peers) add(s *peer) {
	s.authority = p.authority
	p.servers = append(p.servers, s)
}

// start starts a program, and calls each with the lines that it prints until that reports that it is ready.
func (p *peers) start(cmd *exec.Cmd, each func(line string) (ready bool, err error)) (pid int) {
	p.b.Helper()
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		p.b.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() {
		stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		ready, err := each(lines.Text())
		if err != nil {
			p.b.Fatalf("%v: %v", cmd.Args, err)
		}
		if ready {
			go io.Copy(io.Discard, stdout)
			return cmd.Process.Pid
		}
	}
	p.b.Fatalf("%v ends before it is ready", cmd.Args)
	return 0
}

func (p *peers) startYardstick(name string) {
	p.b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), yardstickVariable+"="+name, yardstickDir+"="+p.dir)
	s := &peer{name: name, yardstick: true, certificates: name == pionName}
	s.process = p.start(cmd, func(line string) (bool, error) {
		if line == "ready" {
			return true, nil
		}
		scheme, addr, _ := strings.Cut(strings.TrimPrefix(line, "listening on "), "://")
		if scheme == "coaps" {
			s.coaps = addr
		} else {
			s.coap = addr
		}
		return false, nil
	})
	p.add(s)
}

func (p *peers) startLeshan() {
	p.b.Helper()
	digits := len(endpoint(0)) - len("urn:dev:bench-")
	keys := strings.TrimSuffix(string(key(0)), strings.Repeat("0", digits))
	cmd := exec.Command("java", "-jar", leshanProgram, "urn:dev:bench-", keys, strconv.Itoa(digits), strconv.Itoa(population), strconv.Itoa(firstPlain))
	cmd.Dir = p.dir // where it may write
	if path, err := filepath.Abs(leshanProgram); err == nil {
		cmd.Args[2] = path
	}
	s := &peer{name: leshanName}
	s.process = p.start(cmd, func(line string) (bool, error) {
		var event struct{ Event, CoAP, CoAPS string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return false, err
		}
		s.coap, s.coaps = strings.TrimPrefix(event.CoAP, "coap://"), strings.TrimPrefix(event.CoAPS, "coaps://")
		return event.Event == "listening", nil
	})
	p.add(s)
}

// countExchanges returns how many requests a bootstrap has, of both sides.
func (p *peers) countExchanges(b *testing.B) int {
	b.Helper()
	const n = 100
	l := load{name: "NoSec", devices: plainDevices}
	r := p.servers[0].fleet(b, l, population-n, n, fleet.Arrival{AtATime: peersAtATime})
	if r.Done != n {
		b.Fatalf("%d of %d devices are done: %+v", r.Done, n, r.Causes)
	}
	return int((r.Traffic.SentDatagrams + r.Traffic.ReceivedDatagrams) / (2 * n))
}
