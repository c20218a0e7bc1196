package postgres_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/store/postgres"
)

// An address says what it takes to reach a database, and never a password, in its name or in an error.
func TestSource(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGUSER", "PGPASSWORD"} {
		t.Setenv(name, "")
	}
	for address, tt := range map[string]struct{ name, database, tls string }{
		"postgres://lwbs@db1,db2:5433/fleet":                        {"postgres://lwbs@db1,db2:5433/fleet", "fleet", "verified"},
		"postgresql://lwbs@db1/fleet?sslmode=disable":               {"postgres://lwbs@db1/fleet", "fleet", "none"},
		"postgres://lwbs@127.0.0.1:5432/fleet":                      {"postgres://lwbs@127.0.0.1:5432/fleet", "fleet", ""},
		"postgres://lwbs@localhost,127.0.0.2:99/fleet":              {"postgres://lwbs@localhost,127.0.0.2:99/fleet", "fleet", ""},
		"postgres://lwbs@/fleet?host=/run/postgresql":               {"postgres://lwbs@/run/postgresql/fleet", "fleet", "none"},
		"postgres://lwbs@localhost,db2/fleet?connect_timeout=3":     {"postgres://lwbs@localhost,db2/fleet", "fleet", "verified"},
		"postgres://lwbs@db1/?dbname=fleet&sslmode=verify-full":     {"postgres://lwbs@db1/fleet", "fleet", "verified"},
		"postgres://lwbs@127.0.0.1/fleet?host=db.example":           {},
		"postgres://lwbs:hunter2@db1/fleet":                         {},
		"postgres://lwbs@db1/fleet?password=hunter2":                {},
		"postgres://lwbs:hunter2%zz@db1/fleet":                      {},
		"postgres://lwbs:hunter2@db1:port/fleet":                    {},
		"postgres://lwbs@db1":                                       {},
		"postgres://lwbs@db1/fleet?sslmode=sideways":                {},
		"postgres://lwbs@db1/fleet?pool_max_conns=none":             {},
		"postgres://lwbs@db1/fleet?sslrootcert=/does/not/exist.pem": {},
		"postgres://lwbs@db1/fleet?target_session_attrs=whatever\n": {},
	} {
		source, err := postgres.ParseSource(address, "")
		if tt.name == "" {
			if err == nil {
				t.Errorf("%s is taken", address)
			} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if source.Name != tt.name || source.Database != tt.database {
			t.Errorf("%s is called %s, and its database %s", address, source.Name, source.Database)
		}
		if got := source.TLS(); tt.tls != "" && got != tt.tls {
			t.Errorf("%s: TLS is %s, want %s", address, got, tt.tls)
		}
	}
}

// A password is one line of a file that others cannot read.
func TestPasswordFile(t *testing.T) {
	file := func(mode os.FileMode, content string) string {
		name := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(name, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if _, err := postgres.ParseSource("postgres://lwbs@db1/fleet", file(0o600, "hunter2\n")); err != nil {
		t.Error(err)
	}
	for what, name := range map[string]string{
		"read by others": file(0o644, "hunter2\n"), "empty": file(0o600, "\n"), "two lines": file(0o600, "hunter2\nhunter3\n"),
		"too long": file(0o600, strings.Repeat("hunter2", 1000)), "missing": filepath.Join(t.TempDir(), "none"), "a folder": t.TempDir(),
	} {
		if _, err := postgres.ParseSource("postgres://lwbs@db1/fleet", name); err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
