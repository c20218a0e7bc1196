package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/coap"
)

// defaultsOf says where the code has the defaults of each row of the tables of limits in
// docs/operations.md: a constant of a package, the field of a configuration, what is
// computed of such, or an option of serve. "-" is for what is no number in the code.
var defaultsOf = map[string][]string{
	"new peers of one network (/24, /64) that have not authenticated, or validated their address": {"bootstrap/coap/admission.defaultNetRate", "bootstrap/coap/admission.defaultNetBurst"},
	"the same, of all networks that no device came from yet":                                      {"bootstrap/coap/admission.defaultGlobalRate", "bootstrap/coap/admission.defaultGlobalBurst"},
	"networks that are remembered for it: those that a device came from; others":                  {"bootstrap/coap/admission.maxNets"},
	"RST to unknown peers": {"bootstrap/coap/admission.resetRate"},
	"bytes to a peer of plain CoAP that has not answered yet, for each byte from it": {"bootstrap/coap/exchange.amplification"},
	"message":                                {"bootstrap/coap/message.MaxDatagram"},
	"datagram of DTLS; options of a message": {"bootstrap/coap/dtls/record.MaxDatagram", "bootstrap/coap/message.maxOptions"},
	"certificates that a device sends; names in one that are looked at":                                                    {"bootstrap/coap/dtls/certificate.maxChain", "bootstrap/auth.maxNames"},
	"devices, credentials and profiles in the cache, of the younger and the older half each":                               {"store/bolt.maxCached"},
	"handshakes and requests over DTLS under way while the work is slow":                                                   {"bootstrap/coap/admission.MinSessions"},
	"requests over plain CoAP under way while the work is slow":                                                            {"bootstrap/coap/admission.minRequests"},
	"association whose device has everything; while the work is slow":                                                      {"bootstrap/coap/exchange.ReleaseDelay", "-"},
	"files of Objects in a folder; each of them":                                                                           {"lwm2m/object/ddf.maxFiles", "lwm2m/object/ddf.maxSize"},
	"sessions that `session list --failed` gathers":                                                                        {"cmd/lwbs/session.maxGrouped"},
	"request of a device, in all its blocks":                                                                               {"bootstrap/coap/exchange.defaultMaxPayload"},
	"active associations":                                                                                                  {"bootstrap/coap/admission.DefaultMaxPeers"},
	"DTLS associations that hibernate":                                                                                     {"bootstrap/coap/dtls.defaultMaxHibernated"},
	"those of one PSK identity or certificate that hibernate":                                                              {"bootstrap/coap/dtls.maxSiblings"},
	"DTLS associations in the database; one of them":                                                                       {"store/bolt.Associations", "bootstrap/coap/dtls/kept.MaxSize"},
	"end of the server, for what is left to be kept":                                                                       {"bootstrap/coap/dtls.stopPatience"},
	"associations over plain CoAP with one address":                                                                        {"-"},
	"datagrams that wait for one association: as they came; decrypted; bytes of the latter for all":                        {"bootstrap/coap/dtls/pion.maxQueue", "bootstrap/coap/exchange.maxInbox", "bootstrap/coap/exchange.maxInboxBytes"},
	"requests of one device under way; over plain CoAP before it has answered":                                             {"bootstrap/coap/exchange.maxHandling", "bootstrap/coap/exchange.maxUnvalidated"},
	"idle association: without a request of its device, or business":                                                       {"bootstrap/coap/exchange.defaultIdleTimeout"},
	"association that asks for nothing":                                                                                    {"bootstrap/coap/dtls.defaultRequestTimeout"},
	"active ones of one PSK identity or certificate":                                                                       {"bootstrap/coap/dtls.maxPerPeer"},
	"datagrams of one handshake; their bytes":                                                                              {"bootstrap/coap/dtls.maxPlain", "bootstrap/coap/dtls.maxPlainBytes"},
	"association over plain CoAP whose peer has not answered, where all are taken":                                         {"bootstrap/coap/admission.AnswerPatience"},
	"requests in blocks that are not whole yet: their bytes in all; of one /24 or /48 network":                             {"bootstrap/coap/exchange.maxUploadBytes", "bootstrap/coap/exchange.maxUploadBytesPerNet"},
	"ClientHello that brings a cookie":                                                                                     {"bootstrap/coap/dtls/hello.MaxHello"},
	"handshakes under way":                                                                                                 {"bootstrap/coap/dtls.defaultMaxHandshakes"},
	"ClientHellos in fragments that are put together; their bytes":                                                         {"bootstrap/coap/dtls/hello.maxValidatedPartials", "bootstrap/coap/dtls/hello.MaxValidatedBytes"},
	"the same while the cookie is missing, as fragments overtook each other; their bytes":                                  {"bootstrap/coap/dtls/hello.maxUnvalidatedPartials", "bootstrap/coap/dtls/hello.MaxUnvalidatedBytes"},
	"devices that wait for a handshake; of one /24 or /48 network; bytes of their ClientHellos, in all and of one network": {"bootstrap/coap/admission.MaxPending", "bootstrap/coap/admission.maxPendingPerNet", "bootstrap/coap/admission.MaxPendingBytes", "bootstrap/coap/admission.maxPendingBytesPerNet"},
	"handshakes under way of one network (/24, /48)":                                                                       {"bootstrap/coap/dtls.defaultMaxHandshakesPerNet"},
	"the same once the device has sent everything, and its key does not fit":                                               {"bootstrap/coap/dtls.verdictTime"},
	"silence of a handshake after which it makes room, where all are taken":                                                {"bootstrap/coap/admission.EvictableAfter"},
	"silence after which one that waits is taken for gone":                                                                 {"bootstrap/coap/admission.pendingLifetime"},
	"handshake, from the proof of the address to that of the key":                                                          {"bootstrap/coap/dtls.defaultHandshakeTimeout"},
	"PSK identity in a handshake":                                                                                          {"bootstrap/coap/dtls.maxIdentity"},
	"records a minute that enrolment groups make":                                                                          {"bootstrap.Enrolments"},
	"enrolment groups; patterns of one; keys; CAs; lists of revoked certificates; denied names":                            {"store.MaxGroups", "store.MaxPatterns", "store.MaxGroupKeys", "store.MaxGroupCAs", "store.MaxGroupLists", "store.MaxDenied"},
	"enrolment group, in JSON":                                                                                             {"store.MaxGroup"},
	"identities with two keys whose last handshake is remembered, of the younger and the older half each":                  {"bootstrap/coap/dtls.maxOtherKeys"},
	"sessions at a time": {"bootstrap.MaxSessions"},
	"requests over plain CoAP whose address is not validated":                                   {"bootstrap.MaxUnvalidated"},
	"duration of a session, from the Bootstrap-Request":                                         {"bootstrap.SessionTimeout"},
	"repetitions of an unanswered request":                                                      {"bootstrap/coap/message.MaxRetransmit"},
	"sessions of one device; within":                                                            {"bootstrap.LoopLimit", "bootstrap.LoopWindow"},
	"devices that are remembered for it":                                                        {"bootstrap/loopguard.maxEntries"},
	"answer of a device, in all its blocks":                                                     {"bootstrap.maxAnswer"},
	"log records that wait to be written":                                                       {"cmd/lwbs/internal/logqueue.maxWaiting"},
	"end of a command after a signal; of the server, behind `--drain`":                          {"cmd/lwbs/internal/lastresort.EndTime", "cmd/lwbs/internal/lastresort.ClosingTime"},
	"Deletes of a session":                                                                      {"bootstrap/plan.MaxDeletions"},
	"end of the server, for running sessions":                                                   {"--drain"},
	"the same failure of the same device":                                                       {"bootstrap.RepeatWindow"},
	"such failures that are open at a time":                                                     {"bootstrap/history.maxCoalesced"},
	"records of other protocols in 10 minutes; of their networks":                               {"bootstrap/history.otherRecords", "bootstrap/history.otherNetworkRecords"},
	"addresses with other protocols that are told of in a second; of one network (/24, /48)":    {"bootstrap/coap/otherprotocol.maxSources", "bootstrap/coap/otherprotocol.maxSourcesPerNet"},
	"records that wait for the disk":                                                            {"bootstrap/history.maxWaiting"},
	"edit of the database":                                                                      {"bootstrap.storeTimeout"},
	"credentials of a device; accounts; variables; tags; secrets of other Objects":              {"store.MaxCredentials", "store.MaxAccounts", "store.MaxVars", "store.MaxTags", "store.MaxSecrets"},
	"value of a variable; note; a key; all texts and keys of a device together":                 {"store.MaxValue", "store.MaxNote", "store.MaxSecret", "store.MaxTexts"},
	"accounts of a profile; other Object Instances; entries of access control; paths to delete": {"store.MaxAccounts", "store.MaxObjects", "store.MaxAccessControl", "store.MaxDelete"},
	"profile, in JSON":                                                          {"store.MaxProfile"},
	"profiles that are applied at once":                                         {"bootstrap/admin.MaxApplied"},
	"devices, and keys, that a key is compared with":                            {"bootstrap/admin.maxCompared", "bootstrap/admin.maxRemembered"},
	"page of a list of the admin API":                                           {"bootstrap/admin/server.maxPage"},
	"request to the admin API; with several profiles; values within each other": {"bootstrap/admin/server.maxBody", "bootstrap/admin/server.maxProfiles", "bootstrap/admin/wire.maxDepth"},
	"profile file": {"store/profilefile.MaxSize"},
	"key file; file of certificates; list of revoked certificates":              {"cmd/lwbs/internal/input.MaxKey", "cmd/lwbs/internal/input.maxCertificates", "cmd/lwbs/serve.maxList"},
	"row of an imported table, line of JSON; what is gone over of a longer one": {"store/importer/sheet.maxRow", "store/importer/sheet.maxSkipped"},
	"imported file; from a pipe":                                                {"cmd/lwbs/transfer.maxImport", "cmd/lwbs/internal/input.MaxStream"},
	"connections to the address of `--metrics`; an answer there":                {"cmd/lwbs/serve.maxMonitors", "cmd/lwbs/serve.monitorTime"},
	"scrapes at a time; duration of one, with its wait for others":              {"bootstrap/metrics.maxScrapes", "bootstrap/metrics.scrapeTimeout"},

	"history of one device: with its credential; over plain CoAP, answered; of peers that proved nothing": {"store/bolt.SessionsPerDevice", "store/bolt.SessionsPerDevice", "store/bolt.UnprovedPerDevice"},
	"history of all devices, for each of these; of unknown devices":                                       {"store/bolt.Sessions", "store/bolt.Sessions", "store/bolt.UnprovedSessions", "store/bolt.UnknownSessions"},
	"records a minute of peers that proved nothing: under the name of a device; of unknown devices":       {"bootstrap.UnauthenticatedRecords", "bootstrap.UnknownDeviceRecords"},
	"records a minute that are about networks":                                                            {"bootstrap/history.networkRecords"},
	"such failures of one device that are open at a time":                                                 {"bootstrap/history.maxCoalescedOfOne"},

	"records a minute of associations that the server does not have":                                           {"bootstrap/history.lostRecords"},
	"addresses of devices that are remembered for this; sessions that are read for it at the start":            {"bootstrap/history.maxAddresses", "bootstrap/history.maxRead"},
	"such addresses that are watched at a time, until they are silent for a minute; of one network (/24, /48)": {"bootstrap/coap/dtls/unknown.MaxWatched", "bootstrap/coap/dtls/unknown.MaxWatchedPerNet"},
}

// A row of a table of limits.
type row struct{ limit, setWith, byDefault, why, atLimit, seenIn string }

func limitRows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Limits\n")
	if !ok {
		t.Fatal("docs/operations.md has no section Limits")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []row
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 8 || strings.HasPrefix(cells[1], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if r := (row{cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]}); r.limit != "Limit" {
			rows = append(rows, r)
		}
	}
	return rows
}

// The tables of limits tell the defaults that the code has, and options that there are.
func TestLimitsOfTheGuide(t *testing.T) {
	options := make(map[string]cli.Flag)
	for _, f := range slices.Concat(commandAt(t, "serve").Flags, commandAt(t, "device", "list").Flags) {
		options["--"+f.Names()[0]] = f
	}
	code := make(map[string]source)
	seen := make(map[string]bool)
	for _, r := range limitRows(t) {
		sources, ok := defaultsOf[r.limit]
		if !ok || seen[r.limit] {
			t.Errorf("%q: it is not known where its default is, or it is there twice", r.limit)
			continue
		}
		seen[r.limit] = true
		if r.atLimit == "" {
			t.Errorf("%q: what happens at the limit?", r.limit)
		}
		for _, option := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(r.setWith, -1) {
			if options[option[1]] == nil {
				t.Errorf("%q: there is no option %s", r.limit, option[1])
			}
		}
		for i, told := range strings.Split(r.byDefault, "; ") {
			if i >= len(sources) || sources[i] == "-" {
				continue
			}
			want := defaultAt(t, sources[i], code, options)
			if got, err := quantity(told); err != nil || got != want {
				t.Errorf("%q: the default is told as %q (%d, %v), and is %d in %s", r.limit, told, got, err, want, sources[i])
			}
		}
	}
	for limit := range defaultsOf {
		if !seen[limit] {
			t.Errorf("docs/operations.md has no limit %q", limit)
		}
	}
}

// commandAt returns the command of a name, or of a name in a group.
func commandAt(t *testing.T, path ...string) (c *cli.Command) {
	t.Helper()
	commands := newApp(nil, nil, nil).Commands
	for _, name := range path {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("there is no command %s", strings.Join(path, " "))
		}
		c, commands = commands[i], commands[i].Subcommands
	}
	return c
}

// quantity reads "10,000 sessions", "8 KiB" or "5 min"; times are in nanoseconds.
func quantity(text string) (int64, error) {
	m := regexp.MustCompile(`^([0-9,]+)(?: (\w+))?`).FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no quantity", text)
	}
	units := map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": int64(time.Second), "min": int64(time.Minute)}
	var n int64
	_, err := fmt.Sscan(strings.ReplaceAll(m[1], ",", ""), &n)
	if unit, ok := units[m[2]]; ok {
		n *= unit
	}
	return n, err
}

// defaultAt is the default that is at place. Packages that were read are kept in code.
func defaultAt(t *testing.T, place string, code map[string]source, options map[string]cli.Flag) int64 {
	t.Helper()
	if f, ok := options[place].(*cli.DurationFlag); ok {
		return int64(f.Value)
	}
	pkg, text, _ := strings.Cut(place, ".")
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	if code[pkg].files == nil {
		code[pkg] = readSource(t, pkg)
	}
	v, err := code[pkg].eval(expr)
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	n, exact := constant.Int64Val(constant.ToInt(v))
	if !exact {
		t.Fatalf("%s is %v, no whole number", place, v)
	}
	return n
}

// A source is the files of a package, to look up numbers in.
type source struct{ files []*ast.File }

func readSource(t *testing.T, pkg string) source {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../..", pkg, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("package %s: %d files, error %v", pkg, len(names), err)
	}
	var out source
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		out.files = append(out.files, f)
	}
	return out
}

// value is that of the constant of this name, else the default that is put into the
// field of this name: what follows &x.Field in a call or a list.
func (s source) value(name string) (found constant.Value, err error) {
	err = fs.ErrNotExist
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if e := defining(n, name); e != nil && found == nil {
				found, err = s.eval(e)
			}
			return true
		})
	}
	return found, err
}

// defining is the expression in n that gives name its value, nil where n does not.
func defining(n ast.Node, name string) ast.Expr {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, id := range n.Names {
			if id.Name == name && i < len(n.Values) {
				return n.Values[i]
			}
		}
	case *ast.CallExpr:
		return behindField(n.Args, name)
	case *ast.CompositeLit:
		return behindField(n.Elts, name)
	}
	return nil
}

func behindField(list []ast.Expr, name string) ast.Expr {
	for i, e := range list[:max(0, len(list)-1)] {
		if ref, ok := e.(*ast.UnaryExpr); ok && ref.Op == token.AND {
			if field, ok := ref.X.(*ast.SelectorExpr); ok && field.Sel.Name == name {
				return list[i+1]
			}
		}
	}
	return nil
}

var durations = map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}

// eval computes what limits are made of: numbers, other constants, units of time.
func (s source) eval(e ast.Expr) (constant.Value, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0), nil
	case *ast.Ident:
		return s.value(e.Name)
	case *ast.ParenExpr:
		return s.eval(e.X)
	case *ast.SelectorExpr:
		if d, ok := durations[e.Sel.Name]; ok {
			return constant.MakeInt64(int64(d)), nil
		}
	case *ast.BinaryExpr:
		x, err1 := s.eval(e.X)
		y, err2 := s.eval(e.Y)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%w, %w", err1, err2)
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n)), nil
		}
		return constant.BinaryOp(x, e.Op, y), nil
	}
	return nil, fmt.Errorf("cannot compute %T", e)
}

func TestQuantity(t *testing.T) {
	for text, want := range map[string]int64{"10,000": 10_000, "500 a second": 500, "8 KiB": 8192, "2 GiB": 2 << 30, "10 s": 10e9, "5 min": 300e9, "20 sessions": 20} {
		if got, err := quantity(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	if _, err := quantity("four fifths"); err == nil {
		t.Error("four fifths is no quantity")
	}
}

// The guide explains every reason to drop a datagram.
func TestDropReasonsOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := 0
	for reason := range (coap.Drops{}).All() {
		reasons++
		if !strings.Contains(string(text), "`"+reason.String()+"`") {
			t.Errorf("docs/operations.md does not tell of the reason %v", reason)
		}
	}
	if reasons < 10 {
		t.Errorf("there are %d reasons", reasons)
	}
}

// The guide lists every cause, and no other.
func TestCausesOfTheGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "this is the closed set that records, logs and metrics use:")
	list, _, _ = strings.Cut(list, ".\n")
	var told []string
	for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(list, -1) {
		told = append(told, m[1])
	}
	there := readCauses[string](t)
	slices.Sort(told)
	slices.Sort(there)
	if !ok || !slices.Equal(told, there) {
		t.Errorf("docs/operations.md lists the causes\n%q\nthere are\n%q", told, there)
	}
}

// readCauses are all the causes in the source of the store.
func readCauses[T ~string](t *testing.T) (there []T) {
	t.Helper()
	for _, f := range readSource(t, "store").files {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, isValue := n.(*ast.ValueSpec)
			if !isValue {
				return true
			}
			if id, isNamed := spec.Type.(*ast.Ident); isNamed && id.Name == "Cause" {
				there = append(there, T(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)))
			}
			return true
		})
	}
	return there
}
