package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// receiver puts an LwM2M Server of a kind that is told of events.
func receiver(t *testing.T, s store.Store, name string, kind store.LwM2MServerKind, events ...store.EventType) {
	t.Helper()
	r := store.LwM2MServer{Name: name, Kind: kind, Address: "http://127.0.0.1:1", Events: events}
	if kind == store.KindWebhook {
		r.Secret = lwm2m.NewSecret([]byte(strings.Repeat("s", 32)))
	}
	if kind == store.KindPSKFile {
		r.Address = "/keys.psk"
	}
	must[store.LwM2MServer](t)(s.PutLwM2MServer(t.Context(), r))
}

// handedOver is that of account "a" of a device.
func handedOver(server string, ep lwm2m.EndpointName, identity string) store.HandedOver {
	return store.HandedOver{Server: server, Account: "a", Endpoint: ep, Identity: identity, At: time.Unix(1, 0).UTC()}
}

// told returns a device whose servers were told of it.
func told(ep lwm2m.EndpointName, all ...store.HandedOver) store.Device {
	d := device(string(ep))
	d.HandedOver = all
	return d
}

// waiting lists what waits, as "RECEIVER TYPE ENDPOINT REASON".
func waiting(t *testing.T, s store.Store) (out []string) {
	t.Helper()
	for _, m := range must[[]store.Message](t)(s.Messages(t.Context(), store.MessageQuery{Limit: 1000})) {
		line := fmt.Sprintf("%s %s %s", m.Receiver, m.Type, m.Endpoint)
		if m.Type == store.EventRemoved {
			h, reason, err := m.Removed()
			if err != nil || h.Endpoint != m.Endpoint {
				t.Errorf("message %v: %+v, %v", m.ID, h, err)
			}
			line += " " + reason
		}
		out = append(out, line)
	}
	return out
}

// clear removes what waits.
func clearOutbox(t *testing.T, s store.Store) {
	t.Helper()
	for _, m := range must[[]store.Message](t)(s.Messages(t.Context(), store.MessageQuery{Limit: 1000})) {
		want(t, s.DeleteMessage(t.Context(), m.ID), nil)
	}
}

func wantWaiting(t *testing.T, what string, s store.Store, lines ...string) {
	t.Helper()
	if got := waiting(t, s); !slices.Equal(got, lines) {
		t.Errorf("%s: %q wait, want %q", what, got, lines)
	}
}

// Whatever takes a device from what a server was told of tells the server, one by one and in one edit.
func testForgotten(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	receiver(t, s, "dm", store.KindLeshan)
	receiver(t, s, "keeps", store.KindLeshan)
	keeps := must[store.LwM2MServer](t)(s.LwM2MServer(ctx, "keeps"))
	keeps.OnDelete = store.OnDeleteKeep
	must[store.LwM2MServer](t)(s.PutLwM2MServer(ctx, keeps))
	all := func(ep lwm2m.EndpointName) []store.HandedOver {
		return []store.HandedOver{handedOver("dm", ep, "id"), handedOver("keeps", ep, "id"), handedOver("gone", ep, "id")}
	}

	d := must[store.Device](t)(s.PutDevice(ctx, told("d", all("d")...)))
	d.Note = "an edit of something else"
	d = must[store.Device](t)(s.PutDevice(ctx, d))
	wantWaiting(t, "a note", s)
	d.Disabled = true
	d = must[store.Device](t)(s.PutDevice(ctx, d))
	wantWaiting(t, "disabled", s, "dm device.removed d disabled")
	if len(d.HandedOver) != 0 || len(must[store.Device](t)(s.Device(ctx, "d")).HandedOver) != 0 {
		t.Errorf("a disabled device is still known to %+v", d.HandedOver)
	}
	d.Note = "again"
	must[store.Device](t)(s.PutDevice(ctx, d))
	want(t, s.DeleteDevice(ctx, "d", 0), nil)
	wantWaiting(t, "deleted after it was disabled", s, "dm device.removed d disabled")
	clearOutbox(t, s)

	must[store.Device](t)(s.PutDevice(ctx, told("d", all("d")...)))
	want(t, s.DeleteDevice(ctx, "d", 7), store.ErrConflict)
	wantWaiting(t, "a delete that is refused", s)
	want(t, s.DeleteDevice(ctx, "d", 0), nil)
	wantWaiting(t, "deleted", s, "dm device.removed d deleted")
	clearOutbox(t, s)

	var many []store.Device
	for i := range 5 {
		ep := lwm2m.EndpointName(fmt.Sprint("many-", i))
		many = append(many, must[store.Device](t)(s.PutDevice(ctx, told(ep, all(ep)...))))
		many[i].Disabled = true
	}
	many[2].Revision = 9 // so that this one is refused
	must[[]store.PutResult](t)(s.PutDevices(ctx, many))
	wantWaiting(t, "several disabled", s, "dm device.removed many-0 disabled", "dm device.removed many-1 disabled", "dm device.removed many-3 disabled", "dm device.removed many-4 disabled")
}

// What a server knows by another account stays, and a file of keys knows identities only.
func testForgottenByKind(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	receiver(t, s, "dm", store.KindLeshan)
	receiver(t, s, "file", store.KindPSKFile)
	for what, tt := range map[string]struct {
		before, after []store.HandedOver
		want          []string
	}{
		"the account leaves":              {[]store.HandedOver{handedOver("dm", "d", "i")}, nil, []string{"dm device.removed d changed"}},
		"another identity":                {[]store.HandedOver{handedOver("dm", "d", "i")}, []store.HandedOver{handedOver("dm", "d", "j")}, nil},
		"another identity in a file":      {[]store.HandedOver{handedOver("file", "d", "i")}, []store.HandedOver{handedOver("file", "d", "j")}, []string{"file device.removed d changed"}},
		"another server":                  {[]store.HandedOver{handedOver("dm", "d", "i")}, []store.HandedOver{handedOver("file", "d", "i")}, []string{"dm device.removed d changed"}},
		"another name":                    {[]store.HandedOver{handedOver("dm", "old", "i")}, []store.HandedOver{handedOver("dm", "d", "i")}, []string{"dm device.removed old changed"}},
		"another name in a file":          {[]store.HandedOver{handedOver("file", "old", "i")}, []store.HandedOver{handedOver("file", "d", "i")}, nil},
		"two accounts, one name":          {[]store.HandedOver{handedOver("dm", "d", "i"), handedOver("dm", "d", "j")}, nil, []string{"dm device.removed d changed"}},
		"two identities in a file":        {[]store.HandedOver{handedOver("file", "d", "i"), handedOver("file", "d", "\xff")}, nil, []string{"file device.removed d changed", "file device.removed d changed"}},
		"acknowledged":                    {[]store.HandedOver{handedOver("dm", "d", "i")}, []store.HandedOver{{Server: "dm", Account: "a", Endpoint: "d", Identity: "i", Digest: lwm2m.NewSecret([]byte("x"))}}, nil},
		"a server that does not exist":    {[]store.HandedOver{handedOver("none", "d", "i")}, nil, nil},
		"nothing was told, and is now":    {nil, []store.HandedOver{handedOver("dm", "d", "i")}, nil},
		"the other of two accounts stays": {[]store.HandedOver{handedOver("dm", "d", "i"), handedOver("dm", "d", "j")}, []store.HandedOver{handedOver("dm", "d", "j")}, nil},
	} {
		d := must[store.Device](t)(s.PutDevice(ctx, told("d", tt.before...)))
		d.HandedOver = tt.after
		must[store.Device](t)(s.PutDevice(ctx, d))
		wantWaiting(t, what, s, tt.want...)
		want(t, s.DeleteDevice(ctx, "d", 0), nil)
		clearOutbox(t, s)
	}
}

func testDevicesHandedOver(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	for i, identity := range []string{"same", "same", "sam", "same\x00", ""} {
		ep := lwm2m.EndpointName(fmt.Sprint("d", i))
		must[store.Device](t)(s.PutDevice(ctx, told(ep, handedOver("dm", ep, identity), handedOver("other", ep, "same"))))
	}
	for _, tt := range []struct {
		server, identity string
		limit            int
		want             string
	}{
		{"dm", "same", 10, "[d0 d1]"}, {"dm", "same", 1, "[d0]"}, {"dm", "", 10, "[d0 d1 d2 d3 d4]"}, {"d", "same", 10, "[]"}, {"dm", "same\x00", 10, "[d3]"},
	} {
		got := must[[]lwm2m.EndpointName](t)(s.DevicesHandedOver(ctx, tt.server, tt.identity, tt.limit))
		if slices.Sort(got); fmt.Sprint(got) != tt.want { // they come in any order
			t.Errorf("%q knows by %q %v, want %s", tt.server, tt.identity, got, tt.want)
		}
	}
	want(t, s.DeleteDevice(ctx, "d0", 0), nil)
	must[store.Device](t)(s.RenameDevice(ctx, "d1", "e1", 0))
	if got := must[[]lwm2m.EndpointName](t)(s.DevicesHandedOver(ctx, "dm", "same", 10)); fmt.Sprint(got) != "[e1]" {
		t.Errorf("after edits %v are known", got)
	}
	if d := must[store.Device](t)(s.Device(ctx, "e1")); d.HandedOver[0].Endpoint != "d1" {
		t.Errorf("after it was renamed the server knows it as %q", d.HandedOver[0].Endpoint)
	}
}

// Each edit that makes an event tells those that want it, with the edit.
func testEvents(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	receiver(t, s, "all", store.KindWebhook, store.EventTypes...)
	receiver(t, s, "some", store.KindWebhook, store.EventDeleted)
	receiver(t, s, "none", store.KindWebhook)

	d := must[store.Device](t)(s.PutDevice(ctx, device("d")))
	d.Disabled = true
	must[store.Device](t)(s.PutDevice(ctx, d))
	want(t, s.DeleteDevice(ctx, "d", 0), nil)
	disabledFromTheBeginning := device("e")
	disabledFromTheBeginning.Disabled = true
	must[store.Device](t)(s.PutDevice(ctx, disabledFromTheBeginning))
	wantWaiting(t, "edits", s, "all device.disabled d", "all device.deleted d", "some device.deleted d")
	clearOutbox(t, s)

	pending := pendingDevice("22222222", "new")
	want(t, s.PutPendingDevice(ctx, pending), nil)
	pending.Count++
	want(t, s.PutPendingDevice(ctx, pending), nil)
	wantWaiting(t, "a pending device that comes twice", s, "all device.pending new")
	clearOutbox(t, s)

	own := session(1, "d", store.CauseDone)
	own.Proof = store.ProofIdentity
	want(t, s.AppendSession(ctx, own), nil)
	want(t, s.AppendSession(ctx, own), nil) // the same again
	unproved := session(2, "d", store.CauseKeyDiffers)
	unproved.Proof = store.ProofNone
	want(t, s.AppendSession(ctx, unproved), nil)
	want(t, s.AppendSession(ctx, session(3, "?", store.CauseEndpointUnknown)), nil)
	wantWaiting(t, "sessions", s, "all device.bootstrapped d")
	m := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{}))[0]
	var body struct {
		Type      string
		Timestamp time.Time
		Data      store.SessionData
	}
	if err := json.Unmarshal(m.Body.Reveal(), &body); err != nil || body.Type != "device.bootstrapped" || body.Timestamp.IsZero() || body.Data.Session != "000001" || body.Data.Endpoint != "d" {
		t.Errorf("the body is %s, %v", m.Body.Reveal(), err)
	}
	clearOutbox(t, s)

	n := must[int](t)(s.AppendEvent(ctx, store.Event{Type: "device.rebootstrap", Endpoint: "d", At: time.Now(), Data: map[string]int{"a": 1}, Receiver: "none"}))
	wantWaiting(t, "an event for one", s, "none device.rebootstrap d")
	if n != 1 {
		t.Errorf("%d were told", n)
	}
}

// The first failure of a device is told, and then another cause, and a failure after a success.
func testEventsOfFailures(t *testing.T, s store.Store) {
	receiver(t, s, "hook", store.KindWebhook, store.EventFailed)
	for i, tt := range []struct {
		ep    string
		cause store.Cause
		told  bool
	}{
		{"d", store.CauseSilent, true}, {"d", store.CauseSilent, false}, {"e", store.CauseSilent, true}, {"d", store.CauseRefused, true},
		{"d", store.CauseRefused, false}, {"d", store.CauseSuperseded, false}, {"d", store.CauseIdle, false}, {"d", store.CauseRefused, false},
		{"d", store.CauseDone, false}, {"d", store.CauseRefused, true},
	} {
		own := session(i, tt.ep, tt.cause)
		own.Proof = store.ProofIdentity
		want(t, s.AppendSession(t.Context(), own), nil)
		if told := len(waiting(t, s)) == 1; told != tt.told {
			t.Errorf("session %d of %s, %s: told %v", i, tt.ep, tt.cause, told)
		}
		clearOutbox(t, s)
	}
}

// What is told once is not told again until its time has passed.
func testEventOnce(t *testing.T, s store.Store) {
	receiver(t, s, "hook", store.KindWebhook, store.EventExpiring)
	at := time.Now().UTC()
	for i, tt := range []struct {
		once string
		at   time.Time
		want int
	}{
		{"a", at, 1}, {"a", at.Add(time.Minute), 0}, {"b", at, 1}, {"a", at.Add(2 * time.Hour), 1}, {"", at, 1}, {"", at, 1},
	} {
		n := must[int](t)(s.AppendEvent(t.Context(), store.Event{Type: store.EventExpiring, At: tt.at, Data: struct{}{}, Once: tt.once, Until: at.Add(time.Hour)}))
		if n != tt.want {
			t.Errorf("%d: %q is told %d times, want %d", i, tt.once, n, tt.want)
		}
	}
}

func testMessages(t *testing.T, s store.Store) {
	ctx := t.Context()
	receiver(t, s, "a", store.KindWebhook, store.EventExpiring)
	receiver(t, s, "b", store.KindWebhook, store.EventExpiring)
	_, err := s.Message(ctx, 1)
	want(t, err, store.ErrNotFound)
	want(t, s.DeleteMessage(ctx, 1), store.ErrNotFound)
	for i := range 3 {
		must[int](t)(s.AppendEvent(ctx, store.Event{Type: store.EventExpiring, Endpoint: lwm2m.EndpointName(fmt.Sprint("d", i%2)), At: time.Now(), Data: struct{}{}}))
	}
	var all []store.Message
	for q := (store.MessageQuery{Limit: 2}); ; {
		page := must[[]store.Message](t)(s.Messages(ctx, q))
		if all = append(all, page...); len(page) < 2 {
			break
		}
		q.After = page[1].Cursor()
	}
	if len(all) != 6 || !slices.IsSortedFunc(all, func(a, b store.Message) int {
		return strings.Compare(fmt.Sprintf("%s %09d", a.Receiver, a.ID), fmt.Sprintf("%s %09d", b.Receiver, b.ID))
	}) {
		t.Errorf("pages give %+v", all)
	}
	if got := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{Receiver: "b", Endpoint: "d0"})); len(got) != 2 || got[0].Receiver != "b" {
		t.Errorf("of one device for one receiver: %+v", got)
	}

	m := all[0]
	m.Tries, m.Error, m.Tried = 3, "it answers with 500", time.Unix(5, 0).UTC()
	want(t, s.PutMessage(ctx, m), nil)
	if got := must[store.Message](t)(s.Message(ctx, m.ID)); got.Tries != 3 || got.Error != m.Error || !got.Tried.Equal(m.Tried) || !got.Body.Equal(m.Body) {
		t.Errorf("kept %+v", got)
	}
	m.Dead = time.Unix(6, 0).UTC()
	want(t, s.PutMessage(ctx, m), nil)
	want(t, s.PutMessage(ctx, m), store.ErrNotFound)
	dead := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{Dead: true}))
	if len(dead) != 1 || dead[0].ID != m.ID || len(waiting(t, s)) != 5 {
		t.Errorf("dead letters %+v", dead)
	}
	again := must[store.Message](t)(s.RequeueMessage(ctx, m.ID))
	if again.ID <= all[5].ID || again.Tries != 0 || !again.Dead.IsZero() || !again.Body.Equal(m.Body) {
		t.Errorf("queued again as %+v", again)
	}
	if _, err := s.Message(ctx, m.ID); err == nil {
		t.Error("it is still a dead letter, too")
	}
	counts := must[[]store.OutboxCount](t)(s.OutboxCounts(ctx))
	if len(counts) != 2 || counts[0].Queued != 3 || counts[0].Dead != 0 || counts[0].Events != 3 || counts[0].Bytes == 0 {
		t.Errorf("counts %+v", counts)
	}
	select {
	case <-s.MessagesAppended():
	default:
		t.Error("that messages were appended is not told")
	}
}

// Where the outbox is full, an edit that must tell a server is refused as a whole, events are counted as
// lost, and one receiver does not take the room of another.
func testOutboxFull(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	receiver(t, s, "dm", store.KindLeshan)
	receiver(t, s, "hook", store.KindWebhook, store.EventExpiring)
	for range EventsOfReceiver + 2 {
		must[int](t)(s.AppendEvent(ctx, store.Event{Type: store.EventExpiring, At: time.Now(), Data: struct{}{}}))
	}
	counts := must[[]store.OutboxCount](t)(s.OutboxCounts(ctx))
	if len(counts) != 1 || counts[0].Queued != EventsOfReceiver || counts[0].Lost != 2 {
		t.Errorf("counts %+v", counts)
	}
	var devices []store.Device
	for i := range Messages - EventsOfReceiver + 1 {
		ep := lwm2m.EndpointName(fmt.Sprintf("d%02d", i))
		devices = append(devices, must[store.Device](t)(s.PutDevice(ctx, told(ep, handedOver("dm", ep, "")))))
		devices[i].Disabled = true
	}
	for i, r := range must[[]store.PutResult](t)(s.PutDevices(ctx, devices)) {
		if last := i == len(devices)-1; last {
			want(t, r.Err, store.ErrOutboxFull)
		} else {
			want(t, r.Err, nil)
		}
	}
	last := devices[len(devices)-1].Endpoint
	want(t, s.DeleteDevice(ctx, last, 0), store.ErrOutboxFull)
	if d := must[store.Device](t)(s.Device(ctx, last)); d.Disabled || len(d.HandedOver) != 1 {
		t.Errorf("the refused edit has changed it: %+v", d)
	}
	first := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{Receiver: "dm", Limit: 1}))[0]
	want(t, s.DeleteMessage(ctx, first.ID), nil)
	want(t, s.DeleteDevice(ctx, last, 0), nil)
}

// The oldest dead letters of a receiver make room for others.
func testDeadLetters(t *testing.T, s store.Store) {
	ctx := t.Context()
	receiver(t, s, "hook", store.KindWebhook, store.EventExpiring)
	for range DeadLetters + 2 {
		must[int](t)(s.AppendEvent(ctx, store.Event{Type: store.EventExpiring, At: time.Now(), Data: struct{}{}}))
		m := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{}))[0]
		m.Dead = time.Now()
		want(t, s.PutMessage(ctx, m), nil)
	}
	dead := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{Dead: true}))
	counts := must[[]store.OutboxCount](t)(s.OutboxCounts(ctx))
	if len(dead) != DeadLetters || dead[0].ID != 3 || counts[0].Dead != DeadLetters || counts[0].Lost != 2 {
		t.Errorf("kept %+v, counts %+v", dead, counts)
	}
}

// An LwM2M Server for which messages wait stays; its dead letters go with it.
func testReceiverInUse(t *testing.T, s store.Store) {
	ctx := t.Context()
	receiver(t, s, "hook", store.KindWebhook, store.EventExpiring)
	must[int](t)(s.AppendEvent(ctx, store.Event{Type: store.EventExpiring, At: time.Now(), Data: struct{}{}}))
	want(t, s.DeleteLwM2MServer(ctx, "hook", 0), store.ErrInUse)
	m := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{}))[0]
	m.Dead = time.Now()
	want(t, s.PutMessage(ctx, m), nil)
	want(t, s.DeleteLwM2MServer(ctx, "hook", 0), nil)
	if dead := must[[]store.Message](t)(s.Messages(ctx, store.MessageQuery{Dead: true})); len(dead) != 0 {
		t.Errorf("left behind: %+v", dead)
	}
}

func testOutboxDurability(t *testing.T, b Backend) {
	s := b.Open(t)
	receiver(t, s, "hook", store.KindWebhook, store.EventExpiring)
	once := store.Event{Type: store.EventExpiring, At: time.Now(), Data: struct{}{}, Once: "a", Until: time.Now().Add(time.Hour)}
	must[int](t)(s.AppendEvent(t.Context(), once))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = b.Reopen(t, s)
	defer s.Close()
	if n := must[int](t)(s.AppendEvent(t.Context(), once)); n != 0 {
		t.Error("after reopening it is told again")
	}
	if got := must[[]store.Message](t)(s.Messages(t.Context(), store.MessageQuery{})); len(got) != 1 || got[0].ID != 1 || got[0].Body.Len() == 0 {
		t.Errorf("after reopening: %+v", got)
	}
}
