package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/admin/wire"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/trace"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

const documentURL = "file:///openapi.json"

// A document is the OpenAPI document, to look things up in and to validate with.
type document struct {
	t        *testing.T
	root     map[string]any
	compiler *jsonschema.Compiler
}

func readDocument(t *testing.T) *document {
	t.Helper()
	text, err := yaml.YAMLToJSON(openapi)
	if err != nil {
		t.Fatal(err)
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &document{t, root.(map[string]any), jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	d.compiler.AssertContent()
	if err := d.compiler.AddResource(documentURL, root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows keys, and references on the way. It is nil where there is nothing.
func (d *document) at(keys ...string) any {
	var here any = d.root
	for _, key := range keys {
		object, _ := d.resolve(here).(map[string]any)
		here = object[key]
	}
	return d.resolve(here)
}

func (d *document) resolve(v any) any {
	object, _ := v.(map[string]any)
	ref, ok := object["$ref"].(string)
	if !ok {
		return v
	}
	return d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

// pointer is the JSON pointer to the same place; references are followed, as the
// compiler of schemas does not outside of schemas.
func (d *document) pointer(keys ...string) string {
	out := "#"
	for i, key := range keys {
		out += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		object, _ := d.at(keys[:i]...).(map[string]any)
		next, _ := object[key].(map[string]any)
		if ref, ok := next["$ref"].(string); ok {
			out = ref
		}
	}
	return out
}

// validate checks a JSON text against the schema at keys.
func (d *document) validate(text []byte, keys ...string) error {
	d.t.Helper()
	if d.at(keys...) == nil {
		return fmt.Errorf("the document has nothing at %v", keys)
	}
	schema, err := d.compiler.Compile(documentURL + d.pointer(keys...))
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// operations are the methods and paths of the document, as patterns of http.ServeMux.
func (d *document) operations() []string {
	var out []string
	for path, item := range d.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				out = append(out, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestDocumentHasTheRoutes(t *testing.T) {
	d := readDocument(t)
	var want []string
	for _, r := range routes {
		want = append(want, r.pattern)
		method, path, _ := strings.Cut(r.pattern, " ")
		if told, _ := d.at("paths", path, strings.ToLower(method), "x-role").(string); told != r.role.String() {
			t.Errorf("openapi.yaml: %s is for %q, and the server asks for %q", r.pattern, told, r.role)
		}
	}
	slices.Sort(want)
	for _, op := range without(want, d.operations()) {
		t.Errorf("openapi.yaml: the operation %s is missing", op)
	}
	for _, op := range without(d.operations(), want) {
		t.Errorf("openapi.yaml: the server has no operation %s", op)
	}
	ids := make(map[string]bool)
	for _, op := range d.operations() {
		method, path, _ := strings.Cut(op, " ")
		id, _ := d.at("paths", path, strings.ToLower(method), "operationId").(string)
		if id == "" || ids[id] {
			t.Errorf("%s has the operationId %q, which is empty or there twice", op, id)
		}
		ids[id] = true
		for _, name := range wildcards(path) {
			if !slices.ContainsFunc(d.at("paths", path, "parameters").([]any), func(p any) bool { return p.(map[string]any)["name"] == name }) {
				t.Errorf("%s: the parameter %s is not described", path, name)
			}
		}
	}
}

func wildcards(path string) (names []string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// Each schema has the members that its Go type has in JSON, and no others.
func TestSchemasHaveTheFields(t *testing.T) {
	d := readDocument(t)
	for name, v := range map[string]any{
		"Problem": wire.Problem{}, "Harm": admin.Harm{}, "Impact": profile.Impact{}, "Effect": profile.Effect{}, "Finding": profile.Finding{}, "Status": admin.Status{}, "CertificateStatus": admin.CertificateStatus{}, "Queue": admin.Queue{}, "Unreadable": admin.Unreadable{}, "Stats": store.Stats{}, "Device": admin.Device{}, "DeviceCount": admin.DeviceCount{}, "Behind": admin.Behind{}, "Held": admin.Held{}, "Campaign": admin.Campaign{}, "CampaignSelection": store.CampaignSelection{}, "CampaignDevice": store.CampaignDevice{}, "Rebootstrap": admin.Rebootstrap{}, "RebootstrapPart": admin.RebootstrapPart{}, "RebootstrapServer": admin.RebootstrapServer{}, "RebootstrapRequest": admin.RebootstrapRequest{}, "Holding": admin.Holding{}, "Rotation": admin.Rotation{},
		"Credential": admin.Credential{}, "WrittenInstance": store.WrittenInstance{}, "DeviceAccount": admin.Account{}, "DeviceSettings": admin.DeviceSettings{}, "Group": admin.Group{}, "GroupKey": admin.GroupKey{}, "CA": admin.CA{}, "GroupList": admin.GroupList{}, "GroupSettings": admin.GroupSettings{}, "LwM2MServer": admin.LwM2MServer{}, "LwM2MServerSettings": admin.LwM2MServerSettings{}, "LwM2MServerTest": admin.LwM2MServerTest{}, "HandedOver": admin.HandedOver{}, "OutboxReceiver": admin.OutboxReceiver{}, "Message": admin.Message{}, "MessageFilter": admin.MessageFilter{}, "MessagesDone": wire.MessagesDone{}, "Assignment": admin.Assignment{}, "PSK": admin.PSK{}, "Applied": admin.Applied{},
		"PendingDevice": admin.PendingDevice{}, "Approval": admin.Approval{}, "BackupRequest": wire.BackupRequest{}, "PreviewOptions": admin.PreviewOptions{}, "TraceOptions": admin.TraceOptions{}, "Preview": admin.Preview{}, "PreviewOperation": admin.PreviewOperation{}, "BatchRow": admin.BatchRow{}, "BatchResult": admin.BatchResult{}, "ApplyRequest": wire.ApplyRequest{}, "ApplyAnswer": wire.ApplyAnswer{}, "Event": admin.Event{}, "Failures": why.Failures{}, "FailureCause": why.FailureCause{}, "FailureExample": why.FailureExample{}, "Session": store.Session{}, "Operation": store.Operation{},
		"Profile": store.Profile{}, "Account": store.Account{}, "OSCORE": store.OSCORE{}, "BootstrapServer": store.BootstrapServer{},
		"AccessControl": store.AccessControl{}, "ObjectValues": store.ObjectValues{}, "DeletePolicy": store.DeletePolicy{}, "DeviceLimits": store.DeviceLimits{},
	} {
		properties, _ := d.at("components", "schemas", name, "properties").(map[string]any)
		want, required := fieldsOf(reflect.TypeOf(v))
		got := slices.Sorted(maps.Keys(properties))
		for _, field := range without(want, got) {
			t.Errorf("openapi.yaml, schema %s: the member %s is missing", name, field)
		}
		for _, field := range without(got, want) {
			t.Errorf("openapi.yaml, schema %s: the Go type has no member %s", name, field)
		}
		declared, _ := d.at("components", "schemas", name, "required").([]any)
		for _, r := range declared {
			if !slices.Contains(required, r.(string)) {
				t.Errorf("openapi.yaml, schema %s: %v is required, and left out where it is empty", name, r)
			}
		}
	}
}

// without are those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// fieldsOf are the members of a struct in JSON, and those of them that are never left
// out.
func fieldsOf(typ reflect.Type) (all, always []string) {
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if f.Anonymous {
			more, required := fieldsOf(f.Type)
			all, always = append(all, more...), append(always, required...)
			continue
		}
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	return all, always
}

// asAdmin is the context of a request of an administrator.
func asAdmin(t *testing.T) context.Context {
	return access.With(t.Context(), access.Principal{Name: "ada", Role: access.Admin, Way: access.WaySocket, Address: "pid 1"})
}

// An asker asks the server, and holds requests and answers against the document.
type asker struct {
	*document
	server *Server
	asked  map[string]bool
}

// call sends body, which may be nil, and wants this status. It returns the answer.
func (c *asker) call(method, pattern, path string, body any, status int) []byte {
	c.t.Helper()
	op := []string{"paths", pattern, strings.ToLower(method)}
	var in []byte
	if body != nil {
		in, _ = json.Marshal(body)
		if err := c.validate(in, append(op, "requestBody", "content", "application/json", "schema")...); err != nil && status == http.StatusOK {
			c.t.Errorf("%s %s: the request is not as the document has it: %v", method, path, err)
		}
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, httptest.NewRequestWithContext(asAdmin(c.t), method, path, bytes.NewReader(in)))
	out := w.Body.Bytes()
	if w.Code != status {
		c.t.Errorf("%s %s: status %d, want %d: %s", method, path, w.Code, status, out)
		return out
	}
	if status == http.StatusOK {
		c.asked[method+" "+pattern] = true
	}
	media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	response := append(op, "responses", fmt.Sprint(status))
	schema := append(response, "content", media, "schema")
	switch {
	case c.at(response...) == nil:
		c.t.Errorf("%s %s: the document has no answer with the status %d", method, pattern, status)
	case !strings.HasSuffix(media, "json"):
		if c.at(schema...) == nil {
			c.t.Errorf("%s %s: the document has no answer of the type %s", method, pattern, media)
		}
	default:
		if err := c.validate(out, schema...); err != nil {
			c.t.Errorf("%s %s: the answer is not as the document has it: %v\n%s", method, path, err, out)
		}
	}
	return out
}

// batch sends a batch of one row, and holds each line against the document.
func (c *asker) batch(row admin.BatchRow) {
	c.t.Helper()
	op := []string{"paths", "/v1/devices", "post"}
	in, _ := json.Marshal(row)
	if err := c.validate(in, append(op, "requestBody", "content", "application/jsonl", "schema")...); err != nil {
		c.t.Errorf("the row is not as the document has it: %v", err)
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, httptest.NewRequestWithContext(asAdmin(c.t), "POST", "/v1/devices", bytes.NewReader(in)))
	lines := 0
	for line := range bytes.Lines(w.Body.Bytes()) {
		lines++
		if err := c.validate(line, append(op, "responses", "200", "content", "application/jsonl", "schema")...); err != nil {
			c.t.Errorf("the line %s is not as the document has it: %v", line, err)
		}
	}
	if w.Code != 200 || lines != 2 {
		c.t.Errorf("status %d, %d lines", w.Code, lines)
	}
	c.asked["POST /v1/devices"] = true
}

func newAsker(t *testing.T) *asker {
	t.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "up 1") })
	local := &admin.Local{Tracer: trace.New(nil, func(func(auth.Peer, bool, []byte)) {}), Store: db, HandOver: handover.NewServers(db, handover.Options{}), Version: "v", Server: func() admin.Status {
		return admin.Status{Started: time.Now(), Listens: []string{"coaps://127.0.0.1:5684"}, Certificates: []admin.CertificateStatus{{Subject: "CN=lwbs", Expires: time.Now()}}}
	}}
	return &asker{readDocument(t), New(local, slog.New(slog.DiscardHandler), metrics), make(map[string]bool)}
}

// fullProfile has a value for every member.
func fullProfile() store.Profile {
	text, n := "hex:0102", json.Number("3")
	return store.Profile{
		Name: "full",
		Accounts: []store.Account{
			{
				Name: "main", URI: "coaps://{{.Vars.host}}", ShortServerID: 101, Security: "psk", Identity: "{{.Endpoint}}", Key: "generate", KeyLength: 32,
				Lifetime: new(store.Duration(time.Hour)), Binding: "U", NotificationStoring: new(true),
				OSCORE:            &store.OSCORE{SenderID: "a", RecipientID: "b", MasterSalt: "hex:01", IDContext: "hex:02"},
				SecurityResources: map[lwm2m.ResourceID]store.Literal{14: {Text: new("name")}},
				ServerResources:   map[lwm2m.ResourceID]store.Literal{2: {Number: &n}, 23: {Boolean: new(true)}},
			},
			{Name: "other", URI: "coap://other.example", ShortServerID: 102, Security: "nosec"},
		},
		AccessControl:    []store.AccessControl{{Object: 3, Instance: 0, Owner: 101, Rights: map[uint16]uint8{102: 1}}},
		Objects:          []store.ObjectValues{{Path: lwm2m.InstancePath(9999, 0), Resources: map[lwm2m.ResourceID]store.Literal{1: {Text: &text}, 2: {Instances: map[lwm2m.ResourceInstanceID]store.Literal{0: {Number: &n}}}}}},
		Delete:           store.DeletePolicy{Mode: store.DeleteList, Paths: []lwm2m.Path{lwm2m.ObjectPath(1)}},
		BootstrapServer:  &store.BootstrapServer{URI: "coaps://bs.example", Key: "generate", ClientHoldOffTime: new(store.Duration(time.Second))},
		Format:           "tlv",
		DiscoverFailed:   "fail",
		Verify:           "record",
		Pack:             "refuse",
		RotateAfter:      store.Duration(365 * 24 * time.Hour),
		SecretsOverNoSec: true,
		Device: store.DeviceLimits{
			EmptyResources: "write", BlockSize: 512, Writes: "instance", Order: "server-first", MaxPayload: 2000, MaxAccounts: 3,
			MaxIdentity: 100, MaxKey: 64, MaxURI: 255, AckTimeout: store.Duration(time.Second),
		},
	}
}

// outbox asks what there is about messages: of a device that was handed over and is deleted.
func (c *asker) outbox(db store.Store) {
	const messages, message = "/v1/outbox/messages", "/v1/outbox/messages/{id}"
	c.call("GET", "/v1/outbox", "/v1/outbox", nil, 200) // which is empty
	c.call("POST", "/v1/lwm2m-servers/{name}", "/v1/lwm2m-servers/hook", admin.LwM2MServerSettings{
		Kind: new(store.KindWebhook), Address: new("http://127.0.0.1:1"), Events: &[]store.EventType{store.EventDeleted}, KeepOnDelete: new(false)}, 200)
	for i := range 3 {
		h := store.HandedOver{Server: "hook", Account: "a", Endpoint: "told", Identity: "id\xff", At: time.Now(), Digest: lwm2m.NewSecret([]byte("d"))}
		_, err := db.PutDevice(c.t.Context(), store.Device{Endpoint: "told", Profile: "full", HandedOver: []store.HandedOver{h}})
		if err != nil {
			c.t.Fatal(err)
		}
		c.call("GET", "/v1/devices/{endpoint}", "/v1/devices/told", nil, 200)
		if i < 2 {
			c.call("DELETE", "/v1/devices/{endpoint}", "/v1/devices/told", nil, 200)
		}
	}
	defer func() {
		if err := db.DeleteDevice(c.t.Context(), "told", 0); err != nil {
			c.t.Error(err)
		}
	}()
	c.call("GET", "/v1/lwm2m-servers/{name}", "/v1/lwm2m-servers/hook", nil, 200)
	c.call("GET", "/v1/outbox", "/v1/outbox", nil, 200)
	c.call("GET", "/v1/status", "/v1/status", nil, 200)
	c.call("GET", messages, messages+"?receiver=hook&endpoint=told&dead=false&limit=1", nil, 200)
	c.call("GET", messages, messages+"?after=hook/1", nil, 200)
	c.call("GET", messages, messages+"?after=1", nil, 400)
	c.call("GET", message, messages+"/1", nil, 200)
	c.call("GET", message, messages+"/99", nil, 404)
	c.call("GET", message, messages+"/x", nil, 422)
	c.call("POST", "/v1/outbox/retry", "/v1/outbox/retry", admin.MessageFilter{IDs: []store.MessageID{1}}, 200)
	c.call("POST", "/v1/outbox/retry", "/v1/outbox/retry", admin.MessageFilter{IDs: []store.MessageID{1}}, 404)
	c.call("POST", "/v1/outbox/retry", "/v1/outbox/retry", admin.MessageFilter{}, 422)
	c.call("POST", "/v1/outbox/retry", "/v1/outbox/retry", map[string]any{"odd": 1}, 400)
	c.call("POST", "/v1/outbox/drop", "/v1/outbox/drop", admin.MessageFilter{Receiver: "hook", Endpoint: "told"}, 200)
	c.call("POST", "/v1/outbox/drop", "/v1/outbox/drop", admin.MessageFilter{Dead: true, IDs: []store.MessageID{1}}, 422)
}

// lwm2mServers asks what there is about LwM2M Servers.
func (c *asker) lwm2mServers() {
	const server = "/v1/lwm2m-servers/{name}"
	ca := certtest.NewAuthority(c.t, "Vendor")
	settings := admin.LwM2MServerSettings{
		Kind: new(store.KindWebhook), Address: new("https://127.0.0.1:1/hook"), GenerateSecret: true, Headers: map[string]*string{"X-Token": new("t"), "X-Other": nil},
		CAs: &[][]byte{ca.Certificate.Raw}, Timeout: new(store.Duration(time.Millisecond)), AllowLinkLocal: new(true), Note: new("n"),
	}
	c.call("POST", server, "/v1/lwm2m-servers/dm%2F1", settings, 200)
	c.call("POST", server, "/v1/lwm2m-servers/dm%2F1", settings, 409)
	c.call("POST", server, "/v1/lwm2m-servers/x", admin.LwM2MServerSettings{Kind: new(store.KindLeshan)}, 422)
	c.call("POST", server, "/v1/lwm2m-servers/x", map[string]any{"odd": 1}, 400)
	c.call("POST", server, "/v1/lwm2m-servers/file", admin.LwM2MServerSettings{Kind: new(store.KindPSKFile), Address: new(filepath.Join(c.t.TempDir(), "keys")), Arguments: &[]string{}, User: new("")}, 200)
	c.call("PATCH", server, "/v1/lwm2m-servers/dm%2F1", admin.LwM2MServerSettings{Secret: []byte("0123456789abcdef01234567")}, 200)
	c.call("PATCH", server, "/v1/lwm2m-servers/dm%2F1", admin.LwM2MServerSettings{GenerateSecret: true}, 422) // it has two
	c.call("PATCH", server, "/v1/lwm2m-servers/dm%2F1", admin.LwM2MServerSettings{DropFormer: true}, 200)
	c.call("PATCH", server, "/v1/lwm2m-servers/nope", admin.LwM2MServerSettings{}, 404)
	c.call("GET", server, "/v1/lwm2m-servers/dm%2F1?reveal=true", nil, 200)
	c.call("GET", server, "/v1/lwm2m-servers/dm%2F1?reveal=yes", nil, 400)
	c.call("GET", server, "/v1/lwm2m-servers/nope", nil, 404)
	c.call("GET", "/v1/lwm2m-servers", "/v1/lwm2m-servers", nil, 200)
	c.call("POST", server+"/test", "/v1/lwm2m-servers/file/test", nil, 200)
	c.call("POST", server+"/test", "/v1/lwm2m-servers/dm%2F1/test", nil, 200) // which fails
	c.call("POST", server+"/test", "/v1/lwm2m-servers/nope/test", nil, 404)
	c.call("DELETE", server, "/v1/lwm2m-servers/dm%2F1", nil, 200)
	c.call("DELETE", server, "/v1/lwm2m-servers/dm%2F1", nil, 404)
}

// campaigns asks what there is about campaigns.
func (c *asker) campaigns() {
	const campaigns, campaign = "/v1/campaigns", "/v1/campaigns/{id}"
	c.call("POST", "/v1/lwm2m-servers/{name}", "/v1/lwm2m-servers/asks", admin.LwM2MServerSettings{Kind: new(store.KindLeshan), Address: new("http://127.0.0.1:1")}, 200)
	p := store.Profile{Name: "asked", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 1, HandOver: "asks"}}}
	c.call("PUT", "/v1/profiles/{name}", "/v1/profiles/asked", p, 200)
	c.call("POST", "/v1/devices/{endpoint}", "/v1/devices/asked", admin.DeviceSettings{Profile: new("asked"), PSK: &admin.PSK{}}, 200)
	c.call("POST", campaigns, campaigns, admin.RebootstrapRequest{Select: store.CampaignSelection{State: "never"}, DryRun: true}, 200)
	c.call("POST", campaigns, campaigns, admin.RebootstrapRequest{Select: store.CampaignSelection{Endpoint: "nosuch"}}, 404)
	c.call("POST", campaigns, campaigns, admin.RebootstrapRequest{StopAt: new(101)}, 422)
	c.call("POST", campaigns, campaigns, map[string]any{"odd": 1}, 400)
	var made admin.Rebootstrap
	answer := c.call("POST", campaigns, campaigns, admin.RebootstrapRequest{
		Select: store.CampaignSelection{Endpoint: "asked"}, Interval: store.Duration(time.Second), First: 3, StopAt: new(5), Patience: store.Duration(time.Minute),
	}, 200)
	if err := json.Unmarshal(answer, &made); err != nil || made.Campaign == nil {
		c.t.Fatalf("made %s, error %v", answer, err)
	}
	at := campaigns + "/" + made.Campaign.ID
	local := c.server.api.(*admin.Local).Store
	if err := local.AdvanceCampaign(c.t.Context(), made.Campaign.ID, store.CampaignProgress{Asked: 1, Failed: 1}, store.CampaignDevice{Endpoint: "asked", State: store.CampaignDeviceFailed, Asked: time.Now(), Session: "s", Cause: store.CauseRefused, Detail: "d"}); err != nil {
		c.t.Fatal(err)
	}
	c.call("GET", campaigns, campaigns, nil, 200)
	c.call("GET", campaign, at, nil, 200)
	c.call("GET", campaign, campaigns+"/nosuch", nil, 404)
	c.call("GET", campaign+"/devices", at+"/devices?limit=1", nil, 200)
	c.call("GET", campaign+"/devices", at+"/devices?open=true&after=a", nil, 200)
	c.call("GET", campaign+"/devices", at+"/devices?open=perhaps", nil, 400)
	c.call("GET", campaign+"/devices", campaigns+"/nosuch/devices", nil, 404)
	for _, do := range []string{"pause", "pause", "resume", "cancel", "cancel"} {
		c.call("POST", campaign+"/"+do, at+"/"+do, nil, 200)
	}
	c.call("POST", campaign+"/resume", at+"/resume", nil, 422)
	c.call("POST", campaign+"/pause", campaigns+"/nosuch/pause", nil, 404)
}

// groups asks what there is about groups.
func (c *asker) groups() {
	const group = "/v1/groups/{name}"
	ca := certtest.NewAuthority(c.t, "Vendor")
	settings := admin.GroupSettings{
		Profile: new("second"), Tags: &[]string{"t"}, Match: &[]string{"g-*"}, Note: new("n"), Derivation: new(store.DerivationHKDF), DeviceKeyLength: new(32),
		GenerateKey: true, CAs: &[][]byte{ca.Certificate.Raw}, RevocationLists: &[][]byte{ca.Revoke(c.t)},
		Disabled: new(false), MaxDevices: new(7), Until: new(time.Now().Add(time.Hour)), Deny: []lwm2m.EndpointName{"g-1", "g-2"}, Allow: []lwm2m.EndpointName{"g-2"},
	}
	c.call("POST", group, "/v1/groups/g%2F1", settings, 200)
	c.call("POST", group, "/v1/groups/g%2F1", settings, 409)
	c.call("POST", group, "/v1/groups/g2", admin.GroupSettings{Profile: new("nope"), Match: &[]string{"x"}}, 404)
	c.call("POST", group, "/v1/groups/g2", admin.GroupSettings{Profile: new("second")}, 422)
	c.call("POST", group, "/v1/groups/g2", map[string]any{"odd": 1}, 400)
	c.call("PATCH", group, "/v1/groups/g%2F1", admin.GroupSettings{Key: []byte("0123456789abcdef")}, 200)
	c.call("PATCH", group, "/v1/groups/g%2F1", admin.GroupSettings{GenerateKey: true}, 422) // it has two
	c.call("GET", group, "/v1/groups/g%2F1?reveal=true", nil, 200)
	c.call("GET", group, "/v1/groups/g%2F1?reveal=yes", nil, 400)
	c.call("PATCH", group, "/v1/groups/g%2F1", admin.GroupSettings{DropKey: true, LockOut: true, Until: new(time.Time{}), MaxDevices: new(0)}, 200)
	c.call("PATCH", group, "/v1/groups/nope", admin.GroupSettings{}, 404)
	c.call("GET", group, "/v1/groups/nope", nil, 404)
	c.call("GET", "/v1/groups", "/v1/groups", nil, 200)
	c.call("POST", "/v1/devices/{endpoint}", "/v1/devices/g-5", admin.DeviceSettings{Group: new("g/1"), Vars: map[string]string{"host": "h.example"}, AccountMasterSecrets: map[string][]byte{"main": []byte("0123456789abcdef")}}, 200)
	c.call("GET", "/v1/devices", "/v1/devices?group=g/1", nil, 200)
	c.call("DELETE", group, "/v1/groups/g%2F1", nil, 409)
	c.call("PATCH", "/v1/devices/{endpoint}", "/v1/devices/g-5", admin.DeviceSettings{Group: new("")}, 200)
	c.call("DELETE", group, "/v1/groups/g%2F1", nil, 200)
	c.call("DELETE", group, "/v1/groups/g%2F1", nil, 404)
}

// access tries users, tokens and the audit.
func (c *asker) access() {
	const user, token = "/v1/users/{name}", "/v1/tokens/{name}"
	c.call("POST", user, "/v1/users/ada", admin.UserSettings{Role: new(access.Engineer), GeneratePassword: true, Note: new("n")}, 200)
	c.call("POST", user, "/v1/users/ada", admin.UserSettings{Role: new(access.Viewer)}, 409)
	c.call("POST", user, "/v1/users/Ada", admin.UserSettings{Role: new(access.Viewer)}, 422)
	c.call("POST", user, "/v1/users/bob", admin.UserSettings{Role: new(access.Viewer), Password: new(access.Plaintext("short"))}, 422)
	c.call("POST", user, "/v1/users/bob", map[string]any{"role": "root"}, 400)
	c.call("POST", "/v1/bulk", "/v1/bulk", admin.Bulk{Action: admin.BulkSet, Detail: "note where tag=lot7"}, 200)
	c.call("POST", "/v1/bulk", "/v1/bulk", admin.Bulk{Action: "format", Detail: "d"}, 422)
	c.call("POST", "/v1/bulk", "/v1/bulk", map[string]any{"odd": 1}, 400)
	c.call("POST", "/v1/bulk/{id}/end", "/v1/bulk/7/end", nil, 200)
	c.call("POST", "/v1/bulk/{id}/end", "/v1/bulk/x/end", nil, 400)
	const own, old = "/v1/principal/password", "an old long password"
	c.call("PATCH", user, "/v1/users/ada", admin.UserSettings{Password: new(access.Plaintext(old))}, 200)
	c.call("POST", own, own, admin.PasswordChange{User: "ada", Old: "a wrong long password", New: "a new long password"}, 403)
	c.call("POST", own, own, admin.PasswordChange{User: "ada", Old: old, New: "short"}, 422)
	c.call("POST", own, own, map[string]any{"odd": 1}, 400)
	c.call("POST", own, own, admin.PasswordChange{User: "ada", Old: old, New: "a new long password"}, 200)
	for range 5 {
		c.call("POST", own, own, admin.PasswordChange{User: "nope", Old: old, New: "a new long password"}, 403)
	}
	c.call("POST", own, own, admin.PasswordChange{User: "nope", Old: old, New: "a new long password"}, 429)
	c.call("PATCH", user, "/v1/users/ada", admin.UserSettings{Disabled: new(true), DropPassword: true}, 200)
	c.call("PATCH", user, "/v1/users/nope", admin.UserSettings{}, 404)
	c.call("PATCH", user, "/v1/users/ada", map[string]any{"odd": 1}, 400)
	c.call("GET", user, "/v1/users/ada", nil, 200)
	c.call("GET", user, "/v1/users/nope", nil, 404)
	c.call("GET", "/v1/users", "/v1/users", nil, 200)
	c.call("POST", token, "/v1/tokens/ci", admin.TokenSettings{Role: access.Viewer, User: "ada", Expires: time.Now().Add(time.Hour), Note: "n"}, 200)
	c.call("POST", token, "/v1/tokens/ci", admin.TokenSettings{Role: access.Viewer}, 409)
	c.call("POST", token, "/v1/tokens/cd", admin.TokenSettings{Role: access.Viewer, User: "nope"}, 404)
	c.call("POST", token, "/v1/tokens/cd", admin.TokenSettings{Role: access.Viewer, Expires: time.Now().Add(-time.Hour)}, 422)
	c.call("POST", token, "/v1/tokens/cd", map[string]any{}, 422)
	c.call("POST", token, "/v1/tokens/cd", map[string]any{"role": 1}, 400)
	if err := c.server.api.(*admin.Local).Store.TouchToken(c.t.Context(), "ci", time.Now(), "192.0.2.1"); err != nil {
		c.t.Error(err)
	}
	c.call("GET", "/v1/tokens", "/v1/tokens", nil, 200)
	c.call("DELETE", token, "/v1/tokens/ci", nil, 200)
	c.call("DELETE", token, "/v1/tokens/ci", nil, 404)
	c.call("DELETE", user, "/v1/users/ada", nil, 200)
	c.call("DELETE", user, "/v1/users/ada", nil, 404)
	c.call("GET", "/v1/principal", "/v1/principal", nil, 200)
	if _, err := c.server.api.(*admin.Local).Store.AppendAudit(c.t.Context(), store.AuditEntry{Name: "ada", Role: "admin", Way: "socket", Address: "pid 1", Action: "device set", Target: "dev", Detail: "note"}); err != nil {
		c.t.Error(err)
	}
	c.call("GET", "/v1/audit", "/v1/audit?name=ada&action=device&target=dev&since=2020-01-01T00:00:00Z&until=2120-01-01T00:00:00Z&before=99&limit=1", nil, 200)
	c.call("GET", "/v1/audit", "/v1/audit?before=0", nil, 400)
	c.call("GET", "/v1/audit", "/v1/audit?since=yesterday", nil, 400)
}

// Every operation of the document is tried on a server, and what comes is held against
// the document.
func TestAnswersAreAsTheDocumentHasThem(t *testing.T) {
	c := newAsker(t)
	const device, profile = "/v1/devices/{endpoint}", "/v1/profiles/{name}"
	c.call("GET", "/v1/status", "/v1/status", nil, 200)
	c.call("GET", "/v1/devices", "/v1/devices", nil, 200)
	c.call("GET", "/v1/profiles", "/v1/profiles", nil, 200)
	c.call("GET", "/v1/sessions", "/v1/sessions", nil, 200)
	c.call("GET", "/v1/devices", "/v1/devices?limit=0", nil, 400)
	c.call("GET", "/v1/sessions", "/v1/sessions?limit=x", nil, 400)
	c.call("GET", "/v1/sessions", "/v1/sessions?before=x", nil, 404)

	c.call("PUT", profile, "/v1/profiles/full", fullProfile(), 200)
	c.call("GET", profile, "/v1/profiles/full", nil, 200)
	c.call("GET", profile+"/revisions", "/v1/profiles/full/revisions", nil, 200)
	c.call("GET", profile+"/revisions", "/v1/profiles/nope/revisions", nil, 404)
	c.call("GET", "/v1/profiles", "/v1/profiles", nil, 200)
	c.call("PUT", profile, "/v1/profiles/other", fullProfile(), 400)
	second, third := fullProfile(), fullProfile()
	second.Name, third.Name, third.Revision = "second", "third", 7
	c.call("POST", "/v1/profiles", "/v1/profiles", wire.ApplyRequest{Profiles: []store.Profile{fullProfile(), second}}, 200)
	c.call("POST", "/v1/profiles", "/v1/profiles", wire.ApplyRequest{Profiles: []store.Profile{second, third}}, 404)
	third.Name = "full"
	c.call("POST", "/v1/profiles", "/v1/profiles", wire.ApplyRequest{Profiles: []store.Profile{second, third}}, 412)
	c.call("POST", "/v1/profiles", "/v1/profiles", wire.ApplyRequest{}, 422)
	c.call("GET", "/v1/profiles", "/v1/profiles?limit=1", nil, 200)
	c.call("PUT", profile, "/v1/profiles/bad", store.Profile{Name: "bad", Accounts: []store.Account{{Name: "x", URI: "http://a", ShortServerID: 1}}}, 422)
	c.call("GET", profile, "/v1/profiles/nope", nil, 404)

	settings := admin.DeviceSettings{
		Reset: true, Profile: new("full"), Disabled: new(false), NoSec: new(false), Format: new(lwm2m.FormatTLV), Note: new("n"), Tags: &[]string{"t"},
		PSK: &admin.PSK{Identity: "id", Key: []byte("0123456789abcdef")}, Certificates: new([]string{store.Fingerprint(nil)}), CertificateExpiries: map[string]time.Time{store.Fingerprint(nil): time.Now()}, CertificateNames: new([]string{"n"}), AccountIdentities: map[string]string{"main": "m"}, AccountMasterSecrets: map[string][]byte{"main": []byte("0123456789abcdef")},
		AccountKeys: map[string][]byte{"main": []byte("0123456789abcdef0123456789abcdef")}, AccountCertificates: map[string][]byte{"main": {1}}, Vars: map[string]string{"host": "h.example"},
		Secrets: map[lwm2m.Path][]byte{lwm2m.ResourcePath(11, 0, 6): []byte("apn secret")},
	}
	c.call("POST", device, "/v1/devices/d%2F1", settings, 200)
	c.call("POST", device, "/v1/devices/d%2F1", settings, 409)
	c.call("POST", device, "/v1/devices/d2", admin.DeviceSettings{Profile: new("nope")}, 404)
	c.call("POST", device, "/v1/devices/d2", map[string]any{"odd": 1}, 400)
	c.call("POST", device, "/v1/devices/d2", admin.DeviceSettings{Profile: new("full")}, 422) // no variable host
	c.call("PATCH", device, "/v1/devices/d%2F1", admin.DeviceSettings{PSK: &admin.PSK{}}, 200)
	c.call("PATCH", device, "/v1/devices/nope", admin.DeviceSettings{}, 404)
	c.call("PATCH", device, "/v1/devices/d%2F1", admin.DeviceSettings{Format: new(lwm2m.FormatText)}, 422)
	without := fullProfile()
	without.Accounts, without.AccessControl = without.Accounts[1:], nil
	c.call("PUT", profile, "/v1/profiles/full?dryRun=true&examine=5", without, 200)
	c.call("PUT", profile, "/v1/profiles/full", without, 409)
	c.call("POST", "/v1/profiles", "/v1/profiles", wire.ApplyRequest{Profiles: []store.Profile{without}}, 409)
	c.call("PUT", profile, "/v1/profiles/full?replaceKeys=yes", without, 400)
	c.call("PUT", profile, "/v1/profiles/full?examine=0", without, 400)
	c.call("PUT", profile, "/v1/profiles/full?replaceKeys=true", without, 200)
	c.call("PUT", profile, "/v1/profiles/full", fullProfile(), 200)

	if err := c.server.api.(*admin.Local).Store.AppendSession(t.Context(), fullSession()); err != nil {
		t.Fatal(err)
	}
	kept, err := c.server.api.(*admin.Local).Store.Device(t.Context(), "d/1")
	if err != nil {
		t.Fatal(err)
	}
	kept.Holds = store.Holding{Profile: "full", Revision: 1, Content: "c", Since: time.Now()}
	kept.Written.Instances = []store.WrittenInstance{{Path: lwm2m.InstancePath(0, 1), Account: "main", Server: 101, Unconfirmed: true}, {Path: lwm2m.InstancePath(2, 0), Target: lwm2m.ObjectPath(3)}}
	if _, err := c.server.api.(*admin.Local).Store.PutDevice(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	c.call("PATCH", device, "/v1/devices/d%2F1", admin.DeviceSettings{Rotate: []string{"bootstrapServer"}}, 200)
	c.call("PATCH", device, "/v1/devices/d%2F1", admin.DeviceSettings{Rotate: []string{"other"}}, 422)
	c.call("GET", device, "/v1/devices/d%2F1?reveal=true", nil, 200)
	c.call("PATCH", device, "/v1/devices/d%2F1", admin.DeviceSettings{CancelRotation: true}, 200)
	c.call("GET", "/v1/devices", "/v1/devices?expiresBefore=2120-01-01T00:00:00Z", nil, 200)
	c.call("GET", "/v1/devices", "/v1/devices?prefix=d", nil, 200)
	c.call("GET", "/v1/devices", "/v1/devices?state=failed&seenSince=2020-01-01T00:00:00Z&notSeenSince=2120-01-01T00:00:00Z", nil, 200)
	c.call("GET", "/v1/devices", "/v1/devices?state=odd", nil, 400)
	c.call("GET", "/v1/devices", "/v1/devices?seenSince=yesterday", nil, 400)
	c.call("GET", "/v1/fleet", "/v1/fleet?tag=t", nil, 200)
	c.call("GET", "/v1/fleet", "/v1/fleet?limit=1", nil, 400)
	c.call("GET", device, "/v1/devices/nope", nil, 404)
	c.call("GET", "/v1/sessions", "/v1/sessions?endpoint=d/1", nil, 200)
	c.call("GET", "/v1/sessions/{id}", "/v1/sessions/s1", nil, 200)
	c.call("GET", "/v1/sessions/{id}", "/v1/sessions/s2", nil, 404)
	c.call("GET", "/v1/sessions/{id}/explanation", "/v1/sessions/s1/explanation", nil, 200)
	c.call("GET", "/v1/sessions/{id}/explanation", "/v1/sessions/s2/explanation", nil, 404)
	c.call("GET", "/v1/sessions", "/v1/sessions?own=true&unknown=false", nil, 200)
	c.call("POST", "/v1/trace", "/v1/trace", admin.TraceOptions{Seconds: 1}, 200)
	c.call("POST", "/v1/trace", "/v1/trace", admin.TraceOptions{Seconds: 90_000}, 422)
	c.call("GET", "/v1/sessions/running", "/v1/sessions/running", nil, 200)
	c.call("GET", "/v1/failures", "/v1/failures?examples=2", nil, 200)
	c.call("GET", "/v1/failures", "/v1/failures?examples=101", nil, 400)
	c.call("GET", "/v1/why/{name}", "/v1/why/d%2F1", nil, 200)
	c.call("GET", "/v1/why/{name}", "/v1/why/d%2F2?limit=1", nil, 200)
	c.call("GET", "/v1/why/{name}", "/v1/why/d%2F1?limit=0", nil, 400)

	c.access()
	c.groups()
	c.lwm2mServers()
	c.campaigns()
	c.outbox(c.server.api.(*admin.Local).Store)

	const preview = "/v1/devices/{endpoint}/preview"
	c.call("POST", preview, "/v1/devices/d%2F1/preview", admin.PreviewOptions{Discovery: "</>;lwm2m=1.2,</0/1>", PreferredFormat: new(lwm2m.FormatTLV)}, 200)
	c.call("POST", preview, "/v1/devices/nosuch/preview", admin.PreviewOptions{}, 404)

	const rename = "/v1/devices/{endpoint}/rename"
	c.call("POST", rename, "/v1/devices/d%2F1/rename", wire.RenameRequest{To: "d/2"}, 200)
	c.call("POST", rename, "/v1/devices/d%2F1/rename", wire.RenameRequest{To: "d/3"}, 404)
	c.call("POST", rename, "/v1/devices/d%2F2/rename", wire.RenameRequest{To: "d/2"}, 409)
	c.call("POST", rename, "/v1/devices/d%2F2/rename", wire.RenameRequest{}, 422)
	c.call("POST", rename, "/v1/devices/d%2F2/rename", map[string]any{"odd": 1}, 400)
	c.call("POST", rename, "/v1/devices/d%2F2/rename", wire.RenameRequest{To: "d/1"}, 200)

	for _, p := range fullPendingDevices() {
		if err := c.server.api.(*admin.Local).Store.PutPendingDevice(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	const approve, reject = "/v1/pending/{id}/approve", "/v1/pending/{id}/reject"
	c.call("GET", "/v1/pending", "/v1/pending", nil, 200)
	c.call("POST", approve, "/v1/pending/22222222/approve", admin.Approval{Profile: "full", Vars: map[string]string{"host": "h"}}, 422) // its name is not in its certificate
	c.call("POST", approve, "/v1/pending/22222222/approve", admin.Approval{Endpoint: "new", Profile: "nope"}, 404)
	c.call("POST", approve, "/v1/pending/22222222/approve", map[string]any{"odd": 1}, 400)
	c.call("POST", reject, "/v1/pending/22222222/reject", nil, 200)
	c.call("POST", reject, "/v1/pending/nosuch/reject", nil, 404)
	c.call("POST", approve, "/v1/pending/22222222/approve", admin.Approval{Endpoint: "new", Profile: "full", Tags: []string{"t"}, Vars: map[string]string{"host": "h"}}, 200)
	c.call("POST", approve, "/v1/pending/22222223/approve", admin.Approval{Endpoint: "new", Profile: "full", Vars: map[string]string{"host": "h"}}, 409)
	c.call("POST", approve, "/v1/pending/22222222/approve", admin.Approval{}, 404)
	c.call("DELETE", device, "/v1/devices/new", nil, 200)

	c.batch(admin.BatchRow{Row: 1, Endpoint: "many", Settings: admin.DeviceSettings{Profile: new("full")}})
	c.call("POST", "/v1/devices", "/v1/devices?dryRun=maybe", nil, 400)

	c.call("GET", "/v1/unreadable", "/v1/unreadable", nil, 200)
	c.call("POST", "/v1/check", "/v1/check", nil, 200)
	file := filepath.Join(t.TempDir(), "copy.db")
	c.call("POST", "/v1/backup", "/v1/backup", wire.BackupRequest{File: file}, 200)
	c.call("POST", "/v1/backup", "/v1/backup", wire.BackupRequest{File: file}, 409)
	c.call("POST", "/v1/backup", "/v1/backup", wire.BackupRequest{File: "copy.db"}, 400)
	c.call("POST", "/v1/backup", "/v1/backup", wire.BackupRequest{File: filepath.Join(t.TempDir(), "nowhere", "copy.db")}, 400)
	c.call("POST", "/v1/backup", "/v1/backup", wire.BackupRequest{File: "/tmp/a\x00b"}, 400)
	c.call("POST", "/v1/backup/content", "/v1/backup/content", nil, 200)

	c.call("DELETE", profile, "/v1/profiles/full", nil, 409)
	c.call("DELETE", device, "/v1/devices/d%2F1", nil, 200)
	c.call("DELETE", device, "/v1/devices/d%2F1", nil, 404)
	c.call("DELETE", profile, "/v1/profiles/full", nil, 200)
	c.call("DELETE", profile, "/v1/profiles/full", nil, 404)

	for _, path := range []string{"/v1/openapi.yaml", "/metrics", "/healthz", "/readyz"} {
		c.call("GET", path, path, nil, 200)
	}
	c.call("GET", "/debug/pprof/profile", "/debug/pprof/profile?seconds=1", nil, 200)
	c.call("GET", "/debug/pprof/{name}", "/debug/pprof/heap", nil, 200)
	c.call("GET", "/debug/pprof/{name}", "/debug/pprof/nope", nil, 404)
	event, err := json.Marshal(admin.Event{Kind: bootstrap.EventEnded, Session: fullSession(), Missed: 1})
	if err == nil {
		err = c.validate(event, "paths", "/v1/events", "get", "responses", "200", "content", "text/event-stream", "schema")
	}
	if err != nil {
		t.Errorf("an event is not as the document has it: %v", err)
	}
	for _, op := range c.operations() {
		if !c.asked[op] && op != "GET /v1/events" {
			t.Errorf("%s was not tried", op)
		}
	}

	c.server.api.(*admin.Local).Store.Close()
	c.call("GET", "/readyz", "/readyz", nil, http.StatusServiceUnavailable)
	c.call("GET", "/healthz", "/healthz", nil, 200)
}

// fullPendingDevices have a value for every member, together.
func fullPendingDevices() []store.PendingDevice {
	at := time.Now()
	p := store.PendingDevice{
		ID: "22222222", Endpoint: "new", Named: true, Transport: "coaps", Kind: store.CredentialCertificateName, Identity: "serial", Names: []string{"serial"},
		Profile: "p", Remote: "127.0.0.1:5000", First: at, Last: at, Count: 2, Rejected: at,
	}
	other, member := p, p
	other.ID, other.Identity, other.Named = "22222223", "other", false
	member.ID, member.Identity, member.Group = "22222224", "member", "g"
	return []store.PendingDevice{p, other, member}
}

// fullSession has a value for every member.
func fullSession() store.Session {
	return store.Session{
		ID: "s1", Endpoint: "d/1", Claimed: "d/2", Known: true, Proof: store.ProofIdentity, Network: "192.0.2.0/24", Started: time.Now(), Ended: time.Now(), Remote: "127.0.0.1:5000", Transport: "coaps", Identity: "id",
		Group: "g", Enrolled: true, Variant: store.VariantGroupFull, Profile: "full", ProfileRevision: 1, DeviceRevision: 1, PreferredFormat: new(lwm2m.FormatSenMLCBOR), Format: lwm2m.FormatTLV,
		Stage: store.StageWrite, Cause: store.CauseRefused, Detail: "x", Attempts: 2, Pending: "22222222", Links: "</0>", Quirks: []string{"q"}, Notes: []string{"n"},
		Operations: []store.Operation{
			{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Format: lwm2m.FormatTLV, Bytes: 10, Code: lwm2m.CodeBadRequest, Diagnostic: "no", Took: time.Second, Transmissions: 1, Tolerated: true, Repeated: 3},
			{Op: lwm2m.OpFinish, Error: "no answer", Took: 1, Transmissions: 5},
		},
	}
}

// What the document does not allow is not valid: the schemas mean something.
func TestSchemasRefuse(t *testing.T) {
	d := readDocument(t)
	for name, texts := range map[string][]string{
		"Device":         {`{}`, `{"endpoint": ""}`, `[]`},
		"Session":        {`{"id": "x", "known": true, "started": "yesterday", "remote": "r", "transport": "coap", "stage": "write"}`, `{"id": "x", "known": true, "started": "2026-01-01T00:00:00Z", "remote": "r", "transport": "coap", "stage": "odd"}`},
		"DeviceSettings": {`{"odd": 1}`, `{"psk": {"key": "no Base64!"}}`, `{"certificates": ["ABCD"]}`, `{"format": "odd"}`},
		"Profile":        {`{"name": "x"}`, `{"name": "x", "accounts": [{"name": "a", "uri": "u", "shortServerID": 0}]}`, `{"name": "x", "accounts": [], "objects": [{"path": "3/0", "resources": {}}]}`},
		"Operation":      {`{"op": "write", "path": "/", "took": 1, "code": "404"}`},
		"Literal":        {`null`, `{"a": 1}`},
		"Cause":          {`"odd"`},
	} {
		for _, text := range texts {
			if d.validate([]byte(text), "components", "schemas", name) == nil {
				t.Errorf("%s takes %s", name, text)
			}
		}
	}
}

// The document is served as it is.
func TestDocumentIsServed(t *testing.T) {
	w := httptest.NewRecorder()
	newAsker(t).server.ServeHTTP(w, httptest.NewRequest("GET", "/v1/openapi.yaml", nil))
	got, err := io.ReadAll(w.Result().Body)
	if err != nil || !bytes.Equal(got, openapi) || !bytes.HasPrefix(got, []byte("openapi: 3.1")) {
		t.Errorf("%d bytes are served, error %v; the document has %d", len(got), err, len(openapi))
	}
}
