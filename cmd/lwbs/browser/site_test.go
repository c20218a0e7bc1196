//go:build browser

package browser

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	adminserver "lwbs/bootstrap/admin/server"
	"lwbs/bootstrap/admin/web"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/webtables"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/profilefile"
	"lwbs/store/seal"
)

const (
	userName = "ada"
	password = "correct horse battery"
)

// A site is a server with its pages.
type site struct {
	t           *testing.T
	url         string
	api         *admin.Local
	coap, coaps string // addresses
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// meterFile is the profile that devices are given.
const meterFile = `name: meter
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
    lifetime: 24h
secretsOverNoSec: true
`

func newSite(t *testing.T) *site {
	t.Helper()
	ctx := t.Context()
	k, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "lwbs.db"), k, bolt.Options{})
	check(t, err)
	hub := new(admin.Hub)
	log := slog.New(slog.DiscardHandler)
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db, Logger: log, Observe: hub.Observe})
	check(t, err)
	s := &site{t: t}
	secure, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{PSK: server.PSK, OtherPSK: server.OtherPSK, HandshakeFailed: server.HandshakeFailed, OtherProtocol: server.OtherProtocol, Handler: handler(t, server, bootstrap.UnknownReject), Logger: log})
	check(t, err)
	plain, err := coap.ListenUDP("127.0.0.1:0", coap.Config{Handler: handler(t, server, bootstrap.UnknownPark), Logger: log})
	check(t, err)
	s.coaps, s.coap = secure.Addr().String(), plain.Addr().String()
	started := time.Now()
	s.api = &admin.Local{
		Store: db, HandOver: handover.NewServers(db, handover.Options{}), Version: "v1.0.0", Database: "lwbs.db", Events: hub,
		Running: server.Running, Active: server.Active, Pending: server.Pending(),
		Server: func() admin.Status {
			return admin.Status{Started: started, Listens: []string{"coaps://" + s.coaps, "coap://" + s.coap}, Active: server.ActiveCount(), Parked: server.ParkedCount()}
		},
	}
	users := access.New(access.Config{Store: db, Logger: log})
	hash, err := users.Hash(ctx, userName, password)
	check(t, err)
	_, err = db.PutUser(ctx, store.User{Name: userName, Role: access.Admin.String(), Password: hash})
	check(t, err)
	pages := web.New(web.Config{API: s.api, Log: log, Access: users, Tables: webtables.Tables{}, Document: adminserver.Document()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	h := &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	s.url = "http://" + l.Addr().String()
	t.Cleanup(func() {
		pages.Close()
		h.Close()
		<-served
		users.Close()
		secure.Close()
		plain.Close()
		check(t, server.Close())
		check(t, s.api.Close())
	})
	s.apply(meterFile)
	return s
}

func handler(t *testing.T, s *bootstrap.Server, p bootstrap.UnknownPolicy) bootstrap.Handler {
	h, err := s.Handler(bootstrap.UnknownDevices{Policy: p})
	check(t, err)
	return h
}

func (s *site) apply(file string) {
	s.t.Helper()
	docs, err := profilefile.Read("profile", []byte(file), nil)
	check(s.t, err)
	_, err = s.api.ApplyProfile(s.t.Context(), docs[0].Profile, admin.ApplyOptions{})
	check(s.t, err)
}

// device adds a device with a key.
func (s *site) device(ep lwm2m.EndpointName, tags ...string) {
	s.t.Helper()
	_, err := s.api.AddDevice(s.t.Context(), ep, admin.DeviceSettings{Profile: new("meter"), PSK: &admin.PSK{}, Tags: &tags})
	check(s.t, err)
}

// comes plays a device with the key that its record has; set alters it.
func (s *site) comes(ep lwm2m.EndpointName, set func(*sim.Config)) error {
	s.t.Helper()
	d, err := s.api.Device(s.t.Context(), ep, true)
	check(s.t, err)
	key, err := hex.DecodeString(d.Credentials[0].Key)
	check(s.t, err)
	cfg := sim.Config{Endpoint: ep, Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		return coap.DialDTLS(ctx, s.coaps, coap.DialConfig{Handler: h, Identity: d.Credentials[0].Identity, Key: lwm2m.NewSecret(key)})
	}}
	if set != nil {
		set(&cfg)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	_, err = sim.Run(ctx, cfg)
	return err
}

// waits plays a device without a record, over plain CoAP, until it is bootstrapped. Done tells how that ended.
func (s *site) waits(ep lwm2m.EndpointName) (done <-chan error) {
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(s.t.Context(), 4*time.Minute)
	go func() {
		defer cancel()
		_, err := sim.Run(ctx, sim.Config{Endpoint: ep, Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialUDP(ctx, s.coap, coap.DialConfig{Handler: h})
		}})
		ended <- err
	}()
	s.t.Cleanup(cancel)
	return ended
}

// refuses is a device that refuses what a Write to Object 1 has.
func refuses(c *sim.Config) { c.Refuse = map[string]lwm2m.Code{"PUT /1": lwm2m.CodeBadRequest} }
