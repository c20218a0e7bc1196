//go:build linux

package bench_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// population is how many devices every server knows.
const population = 80_000

// Those with a certificate too, and those that peers know without a key: see [BenchmarkPeers].
const (
	firstCertified = 30_000
	firstPlain     = 40_000
)

// metered is what they are given.
var metered = store.Profile{
	Name: "meter", SecretsOverNoSec: true,
	Accounts: []store.Account{{Name: "main", URI: "coaps://lwm2m.example.com:5684", ShortServerID: 101}},
}

// An assetSet is what all benchmarks need, made when the first one asks for it.
type assetSet struct {
	dir     string
	command string // lwbs: that of the environment, or built from this tree
	db      string // with the population
	err     error
}

var made = sync.OnceValue(makeAssets)

func assets(b testing.TB) assetSet {
	b.Helper()
	a := made()
	if a.err != nil {
		b.Fatal(a.err)
	}
	return a
}

// garbage is what the devices may leave behind before it is collected, in percent of what
// they hold: memory is there, and the processors are the server's too.
const garbage = 800

// built tells TestMain whether there are assets to remove.
var built string

func TestMain(m *testing.M) {
	if name := os.Getenv(yardstickVariable); name != "" {
		if err := serveYardstick(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	debug.SetGCPercent(garbage)
	status := m.Run()
	verdicts.print(os.Stdout)
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

func makeAssets() (a assetSet) {
	a.dir, a.err = os.MkdirTemp("", "lwbs-bench-")
	if a.err != nil {
		return a
	}
	built = a.dir
	a.command, a.db = os.Getenv("LWBS"), filepath.Join(a.dir, "lwbs.db")
	if a.command == "" {
		a.command = filepath.Join(a.dir, "lwbs")
		a.err = build(a.command)
	}
	a.err = errors.Join(a.err, populate(a.db))
	return a
}

// build builds lwbs as "make build" does.
func build(file string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", file, "lwbs/cmd/lwbs")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build lwbs: %w\n%s", err, out)
	}
	return nil
}

// populate makes a database with the whole population, and its key.
func populate(file string) (err error) {
	keyring, err := seal.NewKeyring()
	if err != nil {
		return err
	}
	if err := keyring.Save(file + ".key"); err != nil {
		return err
	}
	db, err := bolt.Open(file, keyring, bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.PutProfile(context.Background(), metered); err != nil {
		return err
	}
	const workers = 256 // edits that are made together share a transaction
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < population && errs[w] == nil; i += workers {
				errs[w] = put(db, i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func put(db *bolt.DB, i int) error {
	name := endpoint(i)
	d := store.Device{
		Endpoint: lwm2m.EndpointName(name), Profile: metered.Name, NoSec: true,
		Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: name, Key: lwm2m.NewSecret(key(i))}},
	}
	if i >= firstCertified && i < firstPlain {
		d.Credentials = append(d.Credentials, store.Credential{Kind: store.CredentialCertificateName, Identity: name})
	}
	if _, err := profile.FillKeys(metered, &d, rand.Reader); err != nil {
		return err
	}
	_, err := db.PutDevice(context.Background(), d)
	return err
}

// endpoint is the name of the device with number i, and its identity.
func endpoint(i int) string { return fmt.Sprintf(endpointFormat, i) }

const endpointFormat = "urn:dev:bench-%06d"

// key is the pre-shared key of the device with number i.
func key(i int) []byte { return fmt.Appendf(nil, "key of %09d", i) }

// psk returns n devices that use DTLS, the first with number first.
func psk(first, n int) []*device {
	all := noSec(first, n)
	for i, d := range all {
		d.dtls = &dtlsClient{identity: d.name, key: key(first + i)}
	}
	return all
}

// noSec returns n devices that use plain CoAP, the first with number first.
func noSec(first, n int) []*device {
	all := make([]*device, n)
	for i := range all {
		all[i] = &device{name: endpoint(first + i), addr: place(first + i)}
	}
	return all
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
