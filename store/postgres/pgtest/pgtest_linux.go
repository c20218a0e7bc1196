// Package pgtest starts PostgreSQL for tests: a server of the machine's own programs, in a temporary folder, that
// only listens on a Unix socket. Where the programs are missing, tests are skipped; with POSTGRES=require in the
// environment they fail.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// patience is for how long a server may take to start, on a slow machine.
const patience = 2 * time.Minute

// User is the superuser of the servers.
const User = "lwbs"

// A Server is a running PostgreSQL.
type Server struct {
	dir     string // with the data and the socket
	bin     string
	as      *syscall.SysProcAttr
	command *exec.Cmd
	log     *bytes.Buffer
	exited  chan struct{}
}

// shared is the server that the tests of a package use together.
var shared struct {
	mu     sync.Mutex
	server *Server
	err    error
	begun  bool
}

// Main runs the tests of a package, and stops the server that they share. TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Stop()
		_ = os.RemoveAll(shared.server.dir)
	}
	os.Exit(code)
}

// Shared returns the server that the tests of a package use together, with fsync switched off.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.begun {
		shared.begun = true
		shared.server, shared.err = start("fsync=off", "full_page_writes=off", "max_connections=200")
	}
	skipOrFail(t, shared.err)
	return shared.server
}

// Start starts a server with settings such as "fsync=off", which ends with the test.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := start(settings...)
	skipOrFail(t, err)
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(s.dir)
	})
	return s
}

var errMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql")

func skipOrFail(t testing.TB, err error) {
	t.Helper()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("POSTGRES") != "require":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// programs returns the folder with initdb, the newest version where there are several.
func programs() (string, error) {
	if dir := os.Getenv("POSTGRES_BIN"); dir != "" {
		return dir, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path) // the other programs need not have links
		return filepath.Dir(path), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errMissing
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// start makes the folder of a server and starts it.
func start(settings ...string) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "lwbs-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if s.as, err = notRoot(dir); err != nil {
		return nil, err
	}
	init := s.program("initdb", "-D", s.data(), "-U", User, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.start(settings...)
}

// notRoot returns who runs the programs, which root may not.
func notRoot(dir string) (*syscall.SysProcAttr, error) {
	as := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Getuid() != 0 {
		return as, nil
	}
	uid, gid := noRights, noRights
	if u, err := user.Lookup("postgres"); err == nil {
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
	}
	as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return as, os.Chown(dir, uid, gid)
}

// noRights is the user and the group that own no files.
const noRights = 65534

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) program(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.as
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	return cmd
}

// start runs the server until it takes connections.
func (s *Server) start(settings ...string) error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	s.command, s.log, s.exited = s.program("postgres", args...), new(bytes.Buffer), make(chan struct{})
	s.command.Stderr = s.log
	if err := s.command.Start(); err != nil {
		return err
	}
	go func() {
		_ = s.command.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("postgres has ended: %s", s.log)
		case <-ctx.Done():
			s.Stop()
			return fmt.Errorf("postgres takes no connections: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Restart stops the server and starts it again.
func (s *Server) Restart(t testing.TB, settings ...string) {
	t.Helper()
	s.Stop()
	if err := s.start(settings...); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server at once, as a crash does.
func (s *Server) Stop() {
	_ = s.command.Process.Signal(syscall.SIGQUIT)
	<-s.exited
}

// Socket is the path of the socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// URL is how to reach the database postgres of the server.
func (s *Server) URL() string {
	return "postgres://" + User + "@/postgres?host=" + strings.ReplaceAll(s.dir, "/", "%2F")
}

// Fresh returns how to reach an empty schema of its own in the database, which goes with the test.
func (s *Server) Fresh(t testing.TB) *pgxpool.Config {
	t.Helper()
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	name := "t" + hex.EncodeToString(b[:])
	s.Exec(t, "create schema "+name)
	t.Cleanup(func() { s.Exec(t, "drop schema "+name+" cascade") })
	return s.Config(t, name)
}

// Config is how to reach a schema in the database.
func (s *Server) Config(t testing.TB, schema string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["search_path"] = schema
	return config
}

// Exec runs statements.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Int runs a query in a schema that gives one number.
func (s *Server) Int(t testing.TB, schema, sql string) (n int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["search_path"] = schema
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// Dump is what pg_dump writes of a schema.
func (s *Server) Dump(t testing.TB, schema string) []byte {
	t.Helper()
	out, err := s.program("pg_dump", "-h", s.dir, "-U", User, "-n", schema, "postgres").Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	return out
}
