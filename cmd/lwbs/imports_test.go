package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which of our packages a package may import, by the beginning of its
// path; the longest beginning counts. docs/architecture.md has the reasons.
var mayImport = map[string][]string{
	"tlv":                {},
	"lwm2m":              {},
	"lwm2m/object":       {"lwm2m"},
	"lwm2m/filekind":     {},
	"lwm2m/object/ddf":   {"lwm2m", "lwm2m/filekind", "lwm2m/object"},
	"lwm2m/content":      {"lwm2m", "lwm2m/object", "tlv"},
	"lwm2m/link":         {"lwm2m"},
	"lwm2m/check":        {"lwm2m", "lwm2m/object"},
	"store":              {"lwm2m"},
	"store/":             {"store", "lwm2m", "lwm2m/"},
	"store/bolt":         {"store", "store/near", "store/rows", "store/seal", "lwm2m", "store/bolt/dbfile", "store/bolt/memory", "store/bolt/osfile", "store/bolt/pages", "store/bolt/runfile", "store/bolt/workers"},
	"store/bolt/memory":  {},
	"store/bolt/runfile": {"store", "store/bolt/dbfile"},
	"store/bolt/dbfile":  {"store", "store/bolt/osfile", "store/bolt/pages", "store/bolt/unread"},
	"store/bolt/unread":  {"store"},
	"store/bolt/pages":   {},
	"store/bolt/osfile":  {"store"},
	"store/bolt/workers": {},
	"store/seal":         {"store", "lwm2m"},

	"store/postgres":         {"store", "store/near", "store/rows", "store/seal", "lwm2m", "store/postgres/cluster"},
	"store/postgres/cluster": {"store"},
	"store/postgres/pgtest":  {},

	"store/near":          {"store"},
	"store/rows":          {"store", "store/seal", "lwm2m", "store/rows/wire"},
	"store/rows/wire":     {"store", "lwm2m"},
	"store/grammar":       {"store", "lwm2m"},
	"store/yamltree":      {},
	"store/profilefile":   {"store", "store/grammar", "store/yamltree", "lwm2m", "lwm2m/"},
	"bootstrap":           {"bootstrap/attempt", "bootstrap/loopguard", "bootstrap/panics", "bootstrap/provision", "bootstrap/request", "bootstrap/outcome", "bootstrap/auth", "bootstrap/enrol", "bootstrap/history", "bootstrap/pending", "bootstrap/plan", "bootstrap/profile", "bootstrap/ratequeue", "store", "store/grammar", "lwm2m", "lwm2m/"},
	"bootstrap/":          {"bootstrap", "bootstrap/outcome", "bootstrap/panics", "store", "lwm2m", "lwm2m/"},
	"bootstrap/outcome":   {"store", "lwm2m"},
	"bootstrap/request":   {"bootstrap/outcome", "store", "lwm2m", "lwm2m/link"},
	"bootstrap/attempt":   {"bootstrap/auth", "bootstrap/history", "bootstrap/outcome", "bootstrap/panics", "bootstrap/request", "store", "lwm2m"},
	"bootstrap/provision": {"bootstrap/auth", "bootstrap/outcome", "bootstrap/profile", "store", "lwm2m", "lwm2m/object"},
	"bootstrap/profile":   {"bootstrap/outcome", "bootstrap/plan", "store", "store/grammar", "lwm2m", "lwm2m/"},
	"bootstrap/auth":      {"bootstrap/enrol", "bootstrap/outcome", "bootstrap/panics", "store", "lwm2m"},
	"bootstrap/enrol":     {"store", "lwm2m"},
	"bootstrap/history":   {"bootstrap/outcome", "store", "lwm2m"},
	"bootstrap/pending":   {"bootstrap/outcome", "store", "lwm2m"},
	"bootstrap/clocktest": {},
	"bootstrap/loopguard": {"lwm2m"},
	"bootstrap/outbox":    {"bootstrap/handover", "bootstrap/outcome", "store", "lwm2m"},
	"bootstrap/campaign":  {"bootstrap", "bootstrap/outcome", "bootstrap/panics", "store", "lwm2m"},
	"bootstrap/ratequeue": {"lwm2m"},
	"bootstrap/panics":    {},
	"bootstrap/plan":      {"store", "store/grammar", "lwm2m", "lwm2m/"},
	"bootstrap/explain":   {"bootstrap/outcome", "store", "store/grammar", "lwm2m"},
	"bootstrap/admin":     {"bootstrap/admin/access", "bootstrap/admin/batchpart", "bootstrap/admin/keyindex", "bootstrap/admin/replay", "bootstrap/admin/why", "bootstrap", "bootstrap/campaign", "bootstrap/enrol", "bootstrap/handover", "bootstrap/outbox", "bootstrap/plan", "bootstrap/outcome", "bootstrap/explain", "bootstrap/pending", "bootstrap/profile", "bootstrap/trace", "bootstrap/auth", "bootstrap/history", "store", "store/grammar", "lwm2m", "lwm2m/"},
	"bootstrap/certtest":  {},
	"bootstrap/sim":       {"bootstrap", "bootstrap/coap/message", "lwm2m", "lwm2m/"},
	"cmd/lwbs/internal/":  {"cmd/lwbs/internal/output"},

	"store/importer/sheet":       {"lwm2m/filekind"},
	"cmd/lwbs/internal/login":    {"lwm2m"},
	"cmd/lwbs/internal/input":    {"cmd/lwbs/internal/output", "lwm2m/filekind"},
	"cmd/lwbs/internal/systemd":  {},
	"cmd/lwbs/internal/settings": {"cmd/lwbs/internal/command", "cmd/lwbs/internal/input", "store/profilefile", "store/yamltree"},

	// The admin API: client and server meet in what is on the wire.
	"bootstrap/admin/access":    {"store", "lwm2m"},
	"bootstrap/admin/replay":    {},
	"bootstrap/admin/openid":    {"bootstrap/admin/access", "store", "lwm2m"},
	"bootstrap/admin/socket":    {},
	"bootstrap/admin/site":      {"bootstrap/admin/access", "bootstrap/admin/server", "bootstrap/admin/wire"},
	"bootstrap/admin/audit":     {"bootstrap/admin", "bootstrap/admin/access", "store", "lwm2m"},
	"bootstrap/admin/batchpart": {},
	"bootstrap/admin/keyindex":  {"store", "lwm2m"},
	"bootstrap/admin/why":       {"bootstrap/enrol", "bootstrap/explain", "bootstrap/outcome", "store", "store/near", "lwm2m"},
	"bootstrap/trace":           {"bootstrap", "bootstrap/auth", "bootstrap/coap/message", "store", "lwm2m", "lwm2m/"},
	"bootstrap/admin/wire":      {"bootstrap/admin", "bootstrap/admin/access", "bootstrap/trace", "bootstrap/profile", "store", "lwm2m"},
	"bootstrap/admin/client":    {"bootstrap/admin", "bootstrap/admin/access", "bootstrap/admin/replay", "bootstrap/admin/why", "bootstrap/admin/socket", "bootstrap/admin/wire", "store", "lwm2m"},
	"bootstrap/admin/leshan":    {"bootstrap/admin", "bootstrap/admin/access", "bootstrap/profile", "store", "store/importer", "lwm2m", "lwm2m/"},
	"bootstrap/admin/server":    {"bootstrap/panics", "bootstrap/admin/access", "bootstrap/outcome", "bootstrap/admin", "bootstrap/admin/replay", "bootstrap/admin/why", "bootstrap/admin/socket", "bootstrap/admin/wire", "store", "lwm2m"},

	// The pages, and what they draw and tell.
	"bootstrap/admin/web":           {"bootstrap", "bootstrap/admin", "bootstrap/admin/access", "bootstrap/admin/why", "bootstrap/admin/wire", "bootstrap/admin/web/", "bootstrap/profile", "store", "store/profilefile", "lwm2m", "lwm2m/"},
	"bootstrap/admin/web/chart":     {},
	"bootstrap/admin/web/ladder":    {"store", "lwm2m"},
	"bootstrap/admin/web/glance":    {"store"},
	"bootstrap/admin/web/reference": {},
	"bootstrap/admin/web/stream":    {"bootstrap/admin/replay"},

	"cmd/lwbs/internal/webtables": {"cmd/lwbs/internal/devicefile", "cmd/lwbs/internal/input", "bootstrap/admin", "bootstrap/admin/web", "store", "store/importer/sheet"},

	"cmd/lwbs/internal/oidcfile":   {"bootstrap/admin/access", "bootstrap/admin/openid", "cmd/lwbs/internal/input", "lwm2m"},
	"cmd/lwbs/internal/factory":    {"lwm2m", "lwm2m/"},
	"cmd/lwbs/internal/devicefile": {"cmd/lwbs/internal/", "bootstrap/admin", "bootstrap/admin/wire", "store", "store/importer/sheet", "store/profilefile", "lwm2m", "lwm2m/"},

	"bootstrap/fleet":         {"bootstrap", "bootstrap/sim", "bootstrap/coap", "bootstrap/coap/dtls/certificate", "lwm2m"},
	"cmd/lwbs/internal/probe": {"bootstrap", "bootstrap/sim", "bootstrap/coap", "bootstrap/coap/dtls/certificate", "bootstrap/coap/dtls/record", "lwm2m"},

	// The transport: the façade may import all of it, each part what is below it.
	"bootstrap/coap":               {"bootstrap", "bootstrap/attempt", "bootstrap/auth", "bootstrap/panics", "store", "lwm2m", "bootstrap/coap/"},
	"bootstrap/coap/traffic":       {},
	"bootstrap/coap/tasks":         {"bootstrap", "bootstrap/panics"},
	"bootstrap/coap/message":       {"lwm2m", "bootstrap/coap/traffic"},
	"bootstrap/coap/udp":           {"bootstrap/coap/tasks", "bootstrap/coap/traffic"},
	"bootstrap/coap/admission":     {"bootstrap/coap/traffic", "bootstrap/coap/udp"},
	"bootstrap/coap/exchange":      slices.Concat(belowExchange, []string{"bootstrap", "bootstrap/auth", "bootstrap/panics", "lwm2m"}),
	"bootstrap/coap/otherprotocol": slices.Concat(belowExchange, []string{"bootstrap", "bootstrap/attempt", "store", "bootstrap/coap/dtls/record"}),
	"bootstrap/coap/plain":         slices.Concat(belowExchange, []string{"bootstrap", "bootstrap/attempt", "bootstrap/auth", "bootstrap/outcome", "store", "bootstrap/coap/exchange", "bootstrap/coap/otherprotocol"}),
	"bootstrap/coap/dtls": slices.Concat(belowExchange, []string{
		"bootstrap", "bootstrap/attempt", "bootstrap/auth", "bootstrap/outcome", "bootstrap/panics", "store", "lwm2m", "bootstrap/coap/exchange", "bootstrap/coap/otherprotocol", "bootstrap/coap/dtls/",
	}),
	"bootstrap/coap/dtls/record":       {"bootstrap/coap/traffic"},
	"bootstrap/coap/dtls/kept":         {"lwm2m", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/dtls/unknown":      {"bootstrap/attempt", "bootstrap/coap/admission", "bootstrap/coap/tasks", "bootstrap/coap/udp", "bootstrap/coap/dtls/hello", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/dtls/hello":        {"bootstrap/attempt", "bootstrap/coap/admission", "bootstrap/coap/traffic", "bootstrap/coap/udp", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/dtls/certificate":  {"bootstrap/auth", "bootstrap/coap/dtls/hello", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/dtls/pion":         {"lwm2m", "bootstrap/coap/udp", "bootstrap/coap/dtls/certificate", "bootstrap/coap/dtls/hello", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/dtls/pskhandshake": {"bootstrap/coap/traffic", "bootstrap/coap/dtls/hello", "bootstrap/coap/dtls/record"},
	"bootstrap/coap/coaptest":          {"bootstrap", "lwm2m"},

	// The command line: main joins the groups of commands, which do not see each other and share what is
	// internal.
	"cmd/lwbs":                  slices.Concat(commandGroups, []string{"cmd/lwbs/internal/", "bootstrap/admin", "bootstrap/admin/wire", "bootstrap/profile", "store"}),
	"cmd/lwbs/":                 {"cmd/lwbs/internal/", "bootstrap", "bootstrap/", "store", "store/", "lwm2m", "lwm2m/"},
	"cmd/lwbs/internal/command": {"cmd/lwbs/internal/input", "cmd/lwbs/internal/login", "cmd/lwbs/internal/output", "bootstrap/admin", "bootstrap/admin/access", "bootstrap/admin/audit", "bootstrap/admin/client", "bootstrap/admin/socket", "bootstrap/handover", "store", "store/bolt", "store/postgres", "store/profilefile", "store/seal", "lwm2m", "lwm2m/"},
	"cmd/lwbs/internal/view":    {"cmd/lwbs/internal/output", "bootstrap", "bootstrap/admin", "bootstrap/explain", "bootstrap/profile", "store"},
}

// commandGroups are the packages of the commands, each of a group.
var commandGroups = []string{
	"cmd/lwbs/audit", "cmd/lwbs/campaign", "cmd/lwbs/completion", "cmd/lwbs/database", "cmd/lwbs/demo", "cmd/lwbs/device", "cmd/lwbs/group", "cmd/lwbs/lwm2mserver", "cmd/lwbs/object",
	"cmd/lwbs/outbox", "cmd/lwbs/pending", "cmd/lwbs/probe", "cmd/lwbs/profile", "cmd/lwbs/serve", "cmd/lwbs/session", "cmd/lwbs/simulate", "cmd/lwbs/transfer", "cmd/lwbs/user",
}

// belowExchange are the packages below the message layer.
var belowExchange = []string{
	"bootstrap/coap/admission", "bootstrap/coap/message", "bootstrap/coap/tasks", "bootstrap/coap/traffic", "bootstrap/coap/udp",
}

// forTests may be imported by tests only.
var forTests = []string{"bootstrap/bench", "bootstrap/certtest", "bootstrap/clocktest", "bootstrap/coap/coaptest", "bootstrap/interop", "bootstrap/stress", "bootstrap/admin/openid/issuertest", "cmd/lwbs/internal/clitest", "store/postgres/pgtest", "store/storetest"}

// only says which packages alone may see a library.
var only = map[string][]string{
	"github.com/plgd-dev/go-coap":                {"bootstrap/coap/message"},
	"github.com/pion/":                           {"bootstrap/coap/dtls/pion"},
	"github.com/pion/transport/":                 {"bootstrap/coap/dtls/pion", "bootstrap/fleet"},
	"github.com/pion/dtls/v3/pkg/crypto/ccm":     {"bootstrap/coap/dtls/record"},
	"github.com/pion/dtls/v3/pkg/protocol/alert": {"bootstrap/coap/dtls/pskhandshake"},
	"go.etcd.io/bbolt":                           {"store/bolt/dbfile"},
	"github.com/jackc/pgx/":                      {"store/postgres", "store/postgres/cluster", "store/postgres/pgtest"},
	"google.golang.org/protobuf/":                {"store/rows/wire"},
	// One place chooses the backend. What else sees one is about files only.
	"lwbs/store/bolt":     {"store/bolt", "store/bolt/dbfile", "store/bolt/memory", "store/bolt/runfile", "cmd/lwbs/internal/command", "cmd/lwbs/database", "cmd/lwbs/demo"},
	"lwbs/store/postgres": {"store/postgres", "cmd/lwbs/internal/command"},

	"github.com/prometheus/":       {"bootstrap/metrics"},
	"github.com/prometheus/procfs": {"bootstrap/fleet"},
	"github.com/HdrHistogram/":     {"bootstrap/fleet"},
	"github.com/goccy/go-yaml":     {"store/yamltree", "store/profilefile", "bootstrap/admin/web/reference", "cmd/lwbs/internal/oidcfile"},
	"github.com/coreos/go-oidc/":   {"bootstrap/admin/openid"},
	"golang.org/x/oauth2":          {"bootstrap/admin/openid"},
	"golang.org/x/term":            {"cmd/lwbs/internal/input"},
	"github.com/urfave/cli":        append(commandGroups, "cmd/lwbs", "cmd/lwbs/internal/command", "cmd/lwbs/internal/settings"),
}

func TestImportDirection(t *testing.T) {
	architecture, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	packages := make(map[string]bool)
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, err := filepath.Rel("../..", path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		packages[pkg] = true
		checkImports(t, path, pkg)
		return nil
	})
	if err != nil || len(packages) < 15 {
		t.Errorf("looked at %d packages, error %v", len(packages), err)
	}
	for pkg := range packages {
		if !strings.Contains(string(architecture), "\n| `"+pkg+"` |") {
			t.Errorf("docs/architecture.md does not have package %s", pkg)
		}
	}
}

// namedFile is a file of the tree that a document names.
var namedFile = regexp.MustCompile("`((?:bootstrap|cmd|lwm2m|store|tlv)/[a-z0-9/_]+\\.go)`")

// The files that the way of a request or of an edit leads through exist.
func TestArchitectureNamesFiles(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	named := namedFile.FindAllStringSubmatch(string(text), -1)
	for _, m := range named {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(m[1]))); err != nil {
			t.Errorf("docs/architecture.md: %v", err)
		}
	}
	if len(named) < 10 {
		t.Errorf("docs/architecture.md names %d files", len(named))
	}
}

func checkImports(t *testing.T, file, from string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ours, ok := strings.CutPrefix(path, "lwbs/"); ok && !allowed(from, ours) {
			t.Errorf("%s: package %s must not import %s", file, from, ours)
		}
		if library, alone := soleImporters(path); alone != nil && !slices.Contains(alone, from) {
			t.Errorf("%s: only %s may import %s", file, strings.Join(alone, ", "), library)
		}
	}
}

// soleImporters returns which library a path is of, by the longest beginning in only, and which
// packages alone may import it; neither for any other path.
func soleImporters(path string) (library string, alone []string) {
	for beginning, packages := range only {
		if strings.HasPrefix(path, beginning) && len(beginning) > len(library) {
			library, alone = beginning, packages
		}
	}
	return library, alone
}

// allowed reports whether package from may import package to.
func allowed(from, to string) bool {
	if slices.Contains(forTests, to) {
		return slices.Contains(forTests, from)
	}
	rule, best := []string(nil), ""
	for beginning, targets := range mayImport {
		if (beginning == from || strings.HasSuffix(beginning, "/") && strings.HasPrefix(from, beginning)) && len(beginning) > len(best) {
			rule, best = targets, beginning
		}
	}
	for _, target := range rule {
		if target == to || strings.HasSuffix(target, "/") && strings.HasPrefix(to, target) {
			return true
		}
	}
	return false
}

func TestAllowed(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"lwm2m/content", "tlv"}:                             true,
		{"lwm2m", "lwm2m/object"}:                            false,
		{"lwm2m/link", "lwm2m/content"}:                      false,
		{"tlv", "lwm2m"}:                                     false,
		{"store", "bootstrap"}:                               false,
		{"store/bolt", "store"}:                              true,
		{"store/bolt", "store/profilefile"}:                  false,
		{"bootstrap", "bootstrap/coap"}:                      false,
		{"bootstrap/sim", "bootstrap/coap"}:                  false,
		{"bootstrap/sim", "bootstrap/coap/message"}:          true,
		{"bootstrap", "bootstrap/profile"}:                   true,
		{"bootstrap/profile", "bootstrap/plan"}:              true,
		{"bootstrap/plan", "bootstrap/profile"}:              false,
		{"bootstrap/auth", "bootstrap/profile"}:              false,
		{"bootstrap/auth", "bootstrap"}:                      false,
		{"bootstrap/coap", "bootstrap"}:                      true,
		{"bootstrap/admin", "bootstrap/admin/server"}:        false,
		{"bootstrap/admin/client", "bootstrap/admin/server"}: false,
		{"cmd/lwbs", "cmd/lwbs/serve"}:                       true,
		{"cmd/lwbs/serve", "bootstrap/coap"}:                 true,
		{"cmd/lwbs/database", "store/bolt"}:                  true,
		{"cmd/lwbs/device", "cmd/lwbs/internal/command"}:     true,
		{"cmd/lwbs/device", "cmd/lwbs/serve"}:                false,
		{"cmd/lwbs/internal/command", "cmd/lwbs/device"}:     false,
		{"cmd/lwbs/serve", "bootstrap/certtest"}:             false,
		{"cmd/lwbs/internal/clitest", "bootstrap/certtest"}:  true,
		{"bootstrap/certtest", "lwm2m"}:                      false,
		{"somewhere/new", "lwm2m"}:                           false,
	} {
		if got := allowed(pair[0], pair[1]); got != want {
			t.Errorf("%s to %s: allowed %v, want %v", pair[0], pair[1], got, want)
		}
	}
}
