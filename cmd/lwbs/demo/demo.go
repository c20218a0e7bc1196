// Package demo is lwbs demo: a server and a simulated device on loopback.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/profilefile"
	"lwbs/store/seal"
)

// Command is lwbs demo.
func Command() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "run a server and bootstrap a simulated device on this machine, in seconds", OnUsageError: command.OnUsageError,
		Description: "It starts a Bootstrap-Server and an LwM2M Server, applies a profile, adds a device and bootstraps it\nover DTLS. Everything runs on the loopback interface and in a temporary folder, which is removed\nat the end.",
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, demoTimeout)
			defer cancel()
			return demo(ctx, c.App.Version, c.App.Writer)
		},
	}
}

const (
	demoTimeout  = 30 * time.Second
	demoEndpoint = lwm2m.EndpointName("urn:imei:490154203237518")
)

// demoProfile is the profile of the demonstration, with the address of the LwM2M
// Server to be filled in.
const demoProfile = `name: meter
accounts:
  - name: main
    uri: coaps://%s
    shortServerID: 101
    lifetime: 24h
    defaultMinimumPeriod: 10
objects:
  - path: /3/0
    resources: {UTC Offset: "+01:00", Timezone: Europe/Berlin}
`

// A story prints what happens while it happens, in numbered steps.
type story struct {
	out   io.Writer
	step  int
	began time.Time // when the device was switched on
}

func (s *story) title(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, fmt.Sprintf(format, args...))
}

func (s *story) tell(format string, args ...any) { fmt.Fprintf(s.out, "   "+format+"\n", args...) }

// timed is tell, with the time since the device was switched on.
func (s *story) timed(format string, args ...any) {
	fmt.Fprintf(s.out, "   %6.1f ms  %s\n", float64(time.Since(s.began))/float64(time.Millisecond), fmt.Sprintf(format, args...))
}

func demo(ctx context.Context, version string, out io.Writer) (err error) {
	s := &story{out: out}
	fmt.Fprintf(out, "lwbs %s, an LwM2M Bootstrap-Server\n", version)
	s.title("The server starts (lwbs serve), with a database in a temporary folder:")
	dir, err := os.MkdirTemp("", "lwbs-demo-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	keyring, err := seal.NewKeyring()
	if err != nil {
		return err
	}
	db, err := bolt.Open(filepath.Join(dir, "lwbs.db"), keyring, bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s.tell("database %s, with a key that seals its secrets", filepath.Join(dir, "lwbs.db"))
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db})
	if err != nil {
		return err
	}
	defer server.Close()
	listener, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{Handler: server, PSK: server.PSK, HandshakeFailed: server.HandshakeFailed})
	if err != nil {
		return err
	}
	defer listener.Close()
	s.tell("listening on coaps://%v", listener.Addr())
	sink, err := newRegisterSink()
	if err != nil {
		return err
	}
	defer sink.close()
	s.tell("the LwM2M Server that the device is to register at listens on coaps://%s", sink.addr())
	return s.run(ctx, demoParts{server, listener, sink, &admin.Local{Store: db}})
}

// demoParts are what the demonstration starts.
type demoParts struct {
	server   *bootstrap.Server
	listener *coap.Listener
	sink     *registerSink
	api      admin.API
}

func (s *story) run(ctx context.Context, p demoParts) error {
	added, err := s.addRecords(ctx, p.api, p.sink)
	if err != nil {
		return err
	}
	result, err := s.bootstrap(ctx, added, p.listener, p.sink)
	if err != nil {
		return err
	}
	s.outcome(result)
	return s.history(ctx, p.server, p.api)
}

// addRecords adds the records that an engineer adds before the device is switched on.
func (s *story) addRecords(ctx context.Context, api admin.API, sink *registerSink) (admin.Device, error) {
	text := fmt.Sprintf(demoProfile, sink.addr())
	docs, err := profilefile.Read("meter.yaml", []byte(text), nil)
	if err != nil {
		return admin.Device{}, err
	}
	s.title("A profile says what a kind of device is given (lwbs profile apply -f meter.yaml):")
	for line := range strings.Lines(text) {
		s.tell("  %s", strings.TrimRight(line, "\n"))
	}
	if _, err := api.ApplyProfile(ctx, docs[0].Profile, admin.ApplyOptions{}); err != nil {
		return admin.Device{}, err
	}
	s.title("A record says who may have it (lwbs device add %s --profile meter --psk generate):", demoEndpoint)
	profile := "meter"
	added, err := api.AddDevice(ctx, demoEndpoint, admin.DeviceSettings{Profile: &profile, PSK: &admin.PSK{}})
	if err != nil {
		return added, err
	}
	s.tell("identity  %s", added.Credentials[0].Identity)
	s.tell("key       %s…   shown in full when a device is really added", added.Credentials[0].Key[:8])
	sink.accept(added.Accounts["main"])
	s.tell("the device knows these two and the address of the server, and nothing else")
	return added, nil
}

// bootstrap switches the device on.
func (s *story) bootstrap(ctx context.Context, d admin.Device, l *coap.Listener, sink *registerSink) (sim.Result, error) {
	identity, key, err := credentials(d)
	if err != nil {
		return sim.Result{}, err
	}
	s.title("The device is switched on:")
	s.began = time.Now()
	s.timed("device → DTLS handshake with its key, with coaps://%v", l.Addr())
	result, err := sim.Run(ctx, sim.Config{
		Endpoint: d.Endpoint,
		BootstrapServer: lwm2m.SecurityInstance{
			ServerURI: "coaps://" + l.Addr().String(), PublicKeyOrIdentity: []byte(identity), SecretKey: key,
		},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			conn, err := coap.DialDTLS(ctx, l.Addr().String(), coap.DialConfig{Handler: h, Identity: identity, Key: key})
			if err == nil {
				s.timed("device → POST   /bs    ep=%s", d.Endpoint)
			}
			return conn, err
		},
		DialServer: func(ctx context.Context, a sim.Account) (bootstrap.Conn, error) {
			s.timed("device → DTLS handshake with the key that it was given, with %s", a.Security.ServerURI)
			conn, err := coap.DialDTLS(ctx, sink.addr(), coap.DialConfig{Identity: string(a.Security.PublicKeyOrIdentity), Key: a.Security.SecretKey})
			if err == nil {
				s.timed("device → POST   /rd    ep=%s", d.Endpoint)
			}
			return conn, err
		},
		Observe: s.exchange,
	})
	if err != nil {
		return result, fmt.Errorf("the device was not bootstrapped: %w", err)
	}
	if len(result.Registered) != 1 || !sink.registered(demoEndpoint) {
		return result, errors.New("the device did not register at its LwM2M Server")
	}
	s.timed("it is registered at its LwM2M Server")
	return result, nil
}

// exchange prints one request of the server and its answer.
func (s *story) exchange(step sim.Step) {
	path, what := step.Path.String(), ""
	switch {
	case step.Request.Method == bootstrap.POST:
		path, what = "/bs", "that is all: Bootstrap-Finish"
	case step.Request.Method == bootstrap.GET:
		what = "what do you have? " + string(step.Response.Payload)
	case step.Request.Method == bootstrap.PUT:
		what = fmt.Sprintf("%d bytes of %v", len(step.Request.Payload), step.Request.ContentFormat)
	}
	s.timed("server → %-6v %-6s %s → %v", step.Request.Method, path, what, step.Response.Code)
}

// outcome prints what the device holds at the end.
func (s *story) outcome(r sim.Result) {
	s.title("What the device holds now:")
	for _, o := range r.Objects {
		def, _ := object.Lookup(o.ID)
		for _, in := range o.Instances {
			s.tell("/%d/%d %s", o.ID, in.ID, def.Name)
			for _, res := range in.Resources {
				d, _ := def.Resource(res.ID)
				s.tell("     %2d  %-46s %v", res.ID, d.Name, res.Value)
			}
		}
	}
}

// history prints the record of the session, and what to type next.
func (s *story) history(ctx context.Context, server *bootstrap.Server, api admin.API) error {
	if err := server.Close(); err != nil { // it writes the history
		return err
	}
	sessions, err := api.Sessions(ctx, store.SessionQuery{Endpoint: demoEndpoint})
	if err != nil {
		return err
	}
	if len(sessions) != 1 || sessions[0].Cause != store.CauseDone {
		text, _ := json.Marshal(sessions)
		return fmt.Errorf("the history is not one session that succeeded: %s", text)
	}
	s.title("The server keeps a record of the session (lwbs why %s):", demoEndpoint)
	view.PrintExplanation(s.out, explain.Session(sessions[0]))
	fmt.Fprint(s.out, `
Now with a device of your own:
   lwbs serve                                                  in one terminal, and in another:
   lwbs profile apply -f meter.yaml                            the profile above, with your LwM2M Server's address
   lwbs device add ENDPOINT --profile meter --psk generate     put what it prints into the device
   lwbs why ENDPOINT                                           when you have switched it on
`)
	return nil
}
