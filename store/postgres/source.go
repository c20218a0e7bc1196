package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"lwbs/store/seal"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// IsSource reports whether the name of a database is the address of a PostgreSQL.
func IsSource(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// A Source is a database by its address.
type Source struct {
	// Name is the address without password and options, for people.
	Name string

	// Database is the name of the database on the server.
	Database string

	pool *pgxpool.Config
}

// ErrPassword is wrapped where the address of a database has a password in it.
var ErrPassword = errors.New("a password in the address of the database is seen by every user of the machine")

// defaultConnections is how many connections a server has to the database at most; pool_max_conns in the address says
// another number.
const defaultConnections = 16

// ParseSource reads an address such as postgres://user@host1,host2:5433/name?sslrootcert=FILE. PasswordFile, where not
// empty, is a file with the password, which others must not be able to read. Where the address does not say so
// itself, connections beyond this machine are over TLS with a verified certificate (sslmode=verify-full), and
// only a host is used that takes edits (target_session_attrs=read-write). Errors repeat no password.
func ParseSource(address, passwordFile string) (*Source, error) {
	u, err := url.Parse(address)
	if err != nil {
		if wrong := new(url.Error); errors.As(err, &wrong) { // which repeats the address
			err = wrong.Err
		}
		return nil, fmt.Errorf("address of the database: it is no URL such as postgres://user@host/name: %w", unquoted(err))
	}
	q := u.Query()
	if _, has := u.User.Password(); has || q.Has("password") {
		return nil, fmt.Errorf("%w: put it into a file with mode 0600, name that in LWBS_DB_PASSWORD_FILE, and change the password", ErrPassword)
	}
	s := &Source{Database: strings.TrimPrefix(u.Path, "/")}
	if q.Get("dbname") != "" {
		s.Database = q.Get("dbname")
	}
	if s.Database == "" {
		return nil, errors.New("address of the database: it has no name of a database, as in postgres://user@host/name")
	}
	if u.Host != "" && q.Has("host") {
		return nil, errors.New("address of the database: it names hosts twice, before the / and as host=")
	}
	if !q.Has("target_session_attrs") && os.Getenv("PGTARGETSESSIONATTRS") == "" {
		q.Set("target_session_attrs", "read-write")
	}
	if q.Get("sslmode") == "" && os.Getenv("PGSSLMODE") == "" && !isLocal(u, q) {
		q.Set("sslmode", "verify-full")
	}
	if !q.Has("application_name") {
		q.Set("application_name", "lwbs")
	}
	if !q.Has("pool_max_conns") {
		q.Set("pool_max_conns", strconv.Itoa(defaultConnections))
	}
	u.RawQuery = q.Encode()
	if s.pool, err = pgxpool.ParseConfig(u.String()); err != nil {
		if wrong := new(pgconn.ParseConfigError); errors.As(err, &wrong) { // which repeats the address
			err = errors.Join(wrong.Unwrap())
		}
		return nil, fmt.Errorf("address of the database: %s", oneLine(err))
	}
	s.Name = "postgres://"
	if s.pool.ConnConfig.User != "" {
		s.Name += s.pool.ConnConfig.User + "@"
	}
	s.Name += u.Host
	if u.Host == "" {
		s.Name += q.Get("host")
	}
	s.Name += "/" + s.Database
	if passwordFile != "" {
		password, err := readPassword(passwordFile)
		if err != nil {
			return nil, err
		}
		s.pool.ConnConfig.Password = password
	}
	return s, nil
}

// TLS tells of the connections to the first host: "none", "verified", or "unverified".
func (s *Source) TLS() string {
	switch tls := s.pool.ConnConfig.TLSConfig; {
	case tls == nil:
		return "none"
	case tls.InsecureSkipVerify:
		return "unverified"
	}
	return "verified"
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// unquoted is an error of a URL without what of it is quoted, such as a password with a wrong character.
func unquoted(err error) error {
	text, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimSpace(text))
}

// isLocal reports whether all hosts are on this machine, over loopback or a Unix socket.
func isLocal(u *url.URL, q url.Values) bool {
	hosts := u.Host
	if q.Has("host") {
		hosts = q.Get("host")
	}
	if hosts == "" {
		hosts = os.Getenv("PGHOST")
	}
	for _, host := range strings.Split(hosts, ",") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "" && host != "localhost" && !strings.HasPrefix(host, "/") && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// maxPassword is the largest file with a password, in bytes.
const maxPassword = 4096

func readPassword(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("password of the database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("password of the database: %w", err)
	}
	if mode := info.Mode().Perm(); info.Mode().IsRegular() && mode&0o077 != 0 && !seal.LentByRoot(info) {
		return "", fmt.Errorf("password of the database: file %s can be read by others (mode %04o): chmod 600 %s", file, mode, file)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	password := strings.TrimRight(string(b), "\r\n")
	switch {
	case err != nil:
		return "", fmt.Errorf("password of the database: %w", err)
	case password == "":
		return "", fmt.Errorf("password of the database: file %s is empty", file)
	case len(b) > maxPassword || strings.ContainsAny(password, "\r\n\x00"):
		return "", fmt.Errorf("password of the database: file %s is no line with a password", file)
	}
	return password, nil
}
