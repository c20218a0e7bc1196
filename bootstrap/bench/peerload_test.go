//go:build linux

package bench_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/fleet"
	"lwbs/lwm2m"
)

// A peer is one of the servers that are compared, in a process of its own.
type peer struct {
	name         string
	process      int
	coap, coaps  string // addresses; empty where it has none
	yardstick    bool
	certificates bool // it takes those of the devices' CA, which is the one of its own too
	authority    *certtest.Authority
}

func (s *peer) addr(secure bool) string {
	if secure {
		return s.coaps
	}
	return s.coap
}

// play lets n devices come, [peersAtATime] at a time.
func (s *peer) play(b *testing.B, l load, first, n, exchanges int) sample {
	b.Helper()
	before := s.cpu(b)
	done := 0
	if s.yardstick {
		done = s.ask(b, l, first, n, exchanges)
	} else {
		done = s.fleet(b, l, first, n, fleet.Arrival{AtATime: peersAtATime}).Done
	}
	if done < n {
		b.Errorf("%s: %d of %d %s devices are not served", s.name, n-done, n, l.name)
	}
	return sample{float64(done) / (s.cpu(b) - before).Seconds()}
}

func (s *peer) cpu(b *testing.B) time.Duration {
	u, err := usageOf(s.process)
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	return u.cpu
}

// fleet lets devices bootstrap.
func (s *peer) fleet(b *testing.B, l load, first, n int, how fleet.Arrival) fleet.Report {
	b.Helper()
	cfg := fleet.Config{
		URI: "coap://" + s.coap, Address: s.addr(l.secure), Secure: l.secure, Devices: l.devices(first, n), Arrival: how,
		LocalAddress: func(i int) string { return place(first + i).String() }, ServerProcess: s.process,
	}
	if l.secure {
		cfg.URI = "coaps://" + s.coaps
	}
	if l.name == "X.509" {
		cfg.ServerCertificates, cfg.ServerName = []*x509.Certificate{s.authority.Certificate}, serverName
	}
	r, err := fleet.Run(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range r.Causes {
		b.Logf("%s, %s: %d devices: %s: %s", s.name, l.name, c.Count, c.Cause, c.Message)
	}
	return r
}

// ask lets devices ask a yardstick as often as a bootstrap has exchanges.
func (s *peer) ask(b *testing.B, l load, first, n, exchanges int) (done int) {
	b.Helper()
	devices := l.devices(first, n)
	var next, well atomic.Int64
	var all sync.WaitGroup
	for range peersAtATime {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := s.askOnce(b.Context(), l, devices[i], place(first+i).String(), exchanges); err != nil {
					b.Logf("%s: %v", s.name, err)
					continue
				}
				well.Add(1)
			}
		})
	}
	all.Wait()
	return int(well.Load())
}

// A yardstick's request is as long as an operation of a bootstrap is on average.
var askedText = []byte(strings.Repeat("x", 40))

func (s *peer) askOnce(ctx context.Context, l load, d fleet.Device, from string, exchanges int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cfg := coap.DialConfig{Local: net.JoinHostPort(from, "0"), Identity: d.Identity, Key: d.Key, Certificate: d.Certificate}
	dial := coap.DialUDP
	if l.secure {
		dial = coap.DialDTLS
	}
	if d.Certificate != nil {
		cfg.ServerCertificates, cfg.ServerName = []*x509.Certificate{s.authority.Certificate}, serverName
	}
	conn, err := dial(ctx, s.addr(l.secure), cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range exchanges {
		resp, err := conn.Do(ctx, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Payload: askedText})
		if err != nil {
			return err
		}
		if !resp.Code.Success() {
			return fmt.Errorf("answer %v", resp.Code)
		}
	}
	return nil
}

// loads are what is compared.
func (p *peers) loads() []load {
	return []load{
		{name: "NoSec", first: firstPlain, each: shorter(4_000), devices: plainDevices, targets: map[string]float64{leshanName: 1.5, rawUDPName: 0.35}},
		{name: "PSK", secure: true, each: shorter(2_000), devices: keyedDevices, targets: map[string]float64{leshanName: 1.1, pionName: 1}},
		{name: "X.509", secure: true, first: firstCertified - peerWarmUp(), each: shorter(1_000), devices: p.certified, targets: map[string]float64{pionName: 0.9}},
	}
}

func keyedDevices(first, n int) []fleet.Device {
	all := make([]fleet.Device, n)
	for i := range all {
		all[i] = fleet.Device{Endpoint: lwm2m.EndpointName(endpoint(first + i)), Identity: endpoint(first + i), Key: lwm2m.NewSecret(key(first + i))}
	}
	return all
}

func plainDevices(first, n int) []fleet.Device {
	all := make([]fleet.Device, n)
	for i := range all {
		all[i] = fleet.Device{Endpoint: lwm2m.EndpointName(endpoint(first + i))}
	}
	return all
}

// certified are devices with certificates, which have one key: they are made while nothing is measured.
func (p *peers) certified(first, n int) []fleet.Device {
	all := make([]fleet.Device, n)
	for i := range all {
		pair := p.authority.ClientWith(p.b, endpoint(first+i), p.key)
		all[i] = fleet.Device{Endpoint: lwm2m.EndpointName(endpoint(first + i)), Certificate: &pair}
	}
	return all
}
