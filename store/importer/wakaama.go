package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Wakaama reads the file of Wakaama's example Bootstrap-Server, bootstrap_info.ini or
// bootstrap_server.ini: [Server] sections with the accounts, and [Endpoint] sections with what each
// device is given. The [Endpoint] section without a name, which that server uses for any device,
// becomes a profile without a device.
//
// That server has no DTLS, so no device has a key to bootstrap with.
func Wakaama(o Options, f File) (*Data, error) {
	servers := make(map[string]wakaamaServer) // by the number as written
	devices := false
	err := f.eachSection(func(s section) {
		devices = devices || s.name == "endpoint"
		if s.name != "server" {
			return
		}
		w := newWakaamaServer(s)
		if _, ok := servers[w.id]; ok {
			w.err = wrong("there are two servers with the id %s", w.id)
		}
		servers[w.id] = w
	})
	if err == nil && !devices {
		err = wrong("there is no section [Endpoint]")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return newData(func(each func(draft) error) error { return wakaamaDrafts(f, servers, each) }, "wakaama", o)
}

// wakaamaDrafts calls each with what becomes of each section but those of servers, up to its first error.
func wakaamaDrafts(f File, servers map[string]wakaamaServer, each func(draft) error) error {
	first := "" // section for any device
	var failed error
	err := f.eachSection(func(s section) {
		if s.name == "server" || failed != nil {
			return
		}
		d := wakaamaStray(f.Name, s)
		if s.name == "endpoint" {
			d = wakaamaEndpoint(f.Name, s, servers)
		}
		switch {
		case d.Device.Endpoint != "" || d.Outcome != "":
		case first != "":
			d.refuse(wrong("there is a section for any device before it, at %s", first))
		default:
			first = d.Source
		}
		failed = each(d)
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return nil
}

// wakaamaStray returns the entry for a section that Wakaama ignores.
func wakaamaStray(file string, s section) draft {
	d := draft{Entry: Entry{Source: fmt.Sprintf("%s:%d", file, s.line)}}
	if s.name == "" {
		d.refuse(wrong("the lines from here to the first section belong to none"))
		return d
	}
	d.refuse(wrong("the section is called [%s]: want [Server] or [Endpoint]", s.name))
	return d
}

// A wakaamaServer is a section [Server]: an account, and the keys that each device is given in it.
type wakaamaServer struct {
	id        string
	bootstrap bool
	uri       string
	account   store.Account
	identity  []byte
	key       lwm2m.Secret
	changes   []string
	err       error
}

// The keys of [Server] that become Resources of Object 1.
var (
	wakaamaNumbers = map[string]lwm2m.ResourceID{
		"registrationpriorityorder": 13, "initialregistrationdelay": 14, "communicationretrycount": 17,
		"communicationretrytimer": 18, "communicationsequencedelaytimer": 19, "communicationsequenceretrycount": 20,
	}
	wakaamaBooleans = map[string]lwm2m.ResourceID{"registrationfailureblock": 15, "bootstraponregistrationfailure": 16}
	wakaamaModes    = map[string]string{"nosec": "nosec", "psk": "psk", "rpk": "rpk", "certificate": "certificate"}
)

func newWakaamaServer(s section) wakaamaServer {
	no := false // what that server always writes
	w := wakaamaServer{err: s.err, account: store.Account{
		Binding: "U", NotificationStoring: &no,
		SecurityResources: make(map[lwm2m.ResourceID]store.Literal), ServerResources: make(map[lwm2m.ResourceID]store.Literal),
	}}
	for _, p := range s.pairs {
		if err := w.set(p); err != nil && w.err == nil {
			w.err = fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if w.err == nil {
		w.err = w.complete()
	}
	if w.err != nil {
		w.err = fmt.Errorf("[Server] at line %d: %w", s.line, w.err)
	}
	return w
}

// set takes one line of the section.
func (w *wakaamaServer) set(p pair) (err error) {
	if id, ok := wakaamaNumbers[p.key]; ok {
		n, err := count(p)
		w.account.ServerResources[id] = numberLiteral(n)
		return err
	}
	if id, ok := wakaamaBooleans[p.key]; ok {
		yes, err := yesNo(p)
		w.account.ServerResources[id] = store.Literal{Boolean: &yes}
		return err
	}
	switch p.key {
	case "id":
		n, err := count(p)
		w.id, w.account.ShortServerID = strconv.FormatInt(n, 10), shortServerID(number(n))
		return err
	case "uri":
		w.uri, w.account.URI = p.value, p.value
	case "bootstrap":
		w.bootstrap, err = yesNo(p)
	case "lifetime":
		n, err := count(p)
		w.account.Lifetime = new(store.Duration(time.Duration(n) * time.Second))
		return err
	case "security":
		mode, ok := wakaamaModes[strings.ToLower(p.plain())]
		if !ok {
			return wrong("security %q is not NoSec, PSK, RPK or Certificate", p.value)
		}
		w.account.Security = mode
	case "public":
		w.identity, err = hexadecimal(p)
	case "server":
		var b []byte
		b, err = hexadecimal(p)
		w.account.ServerPublicKey = store.OctetsOf(b)
	case "secret":
		var b []byte
		b, err = hexadecimal(p)
		w.key = lwm2m.NewSecret(b)
	default:
		w.changes = append(w.changes, fmt.Sprintf("line %d: the key %q is unknown and left out", p.line, p.key))
	}
	return err
}

// complete reports what is missing, as bootstrap_info.c does.
func (w *wakaamaServer) complete() error {
	mode := w.account.Security
	if mode == "" {
		mode = "psk" // number 0, the default of that server
		w.account.Security = mode
	}
	switch {
	case w.id == "":
		return wrong("id is missing")
	case w.uri == "":
		return wrong("uri is missing")
	case mode != "nosec" && (len(w.identity) == 0 || w.key.IsZero()):
		return wrong("public or secret is missing")
	case (mode == "rpk" || mode == "certificate") && w.account.ServerPublicKey == "":
		return wrong("server is missing")
	}
	if mode == "nosec" || mode == "psk" {
		w.account.ServerPublicKey = "" // not written by that server either
	}
	if w.account.Lifetime == nil && !w.bootstrap {
		w.changes = append(w.changes, fmt.Sprintf("server %s has no lifetime: it becomes 24h", w.id))
	}
	return nil
}

// wakaamaEndpoint reads one section [Endpoint].
func wakaamaEndpoint(file string, s section, servers map[string]wakaamaServer) draft {
	d := draft{Entry: Entry{Source: fmt.Sprintf("%s:%d", file, s.line)}}
	if s.err != nil {
		d.refuse(s.err)
	}
	if name, ok := s.last("name"); !ok {
		d.changed("is for any device: it becomes a profile, for devices that you add with lwbs device add --profile")
	} else {
		d.Device.Endpoint = lwm2m.EndpointName(name)
		if err := d.Device.Endpoint.Validate(); err != nil {
			d.refuse(err)
		}
	}
	var deletes []string
	for _, p := range s.pairs {
		switch p.key {
		case "name", "discover": // every session begins with a Discover
		case "delete":
			deletes = append(deletes, p.value)
		case "server":
			d.wakaamaServer(p, servers)
		case "read":
			d.changed("does not read " + p.value)
		default:
			d.changed(fmt.Sprintf("line %d: the key %q is unknown and left out", p.line, p.key))
		}
	}
	var err error
	if d.profile.Delete, err = deletePolicy(deletes, &d); err != nil {
		d.refuse(err)
	}
	switch {
	case len(d.profile.Accounts) > 0 || d.Outcome != "":
	case len(deletes) == 0:
		d.Outcome, d.Why = Skipped, "it is given nothing; unknown devices are refused anyway"
	default:
		d.refuse(wrong("it is given no account of a LwM2M Server: it would have nowhere to go"))
	}
	return d
}

// wakaamaServer gives the draft the account that the line p names.
func (d *draft) wakaamaServer(p pair, servers map[string]wakaamaServer) {
	id := p.plain()
	if n, err := count(p); err == nil {
		id = strconv.FormatInt(n, 10) // "01", too
	}
	w, ok := servers[id]
	switch {
	case !ok:
		d.refuse(wrong("line %d: there is no server with the id %s", p.line, id))
		return
	case w.err != nil:
		d.refuse(w.err)
		return
	}
	for _, text := range w.changes {
		d.changed(text)
	}
	if w.bootstrap {
		d.changed("its Bootstrap-Server Account (" + w.uri + ") is not written: the one on the device stays")
		return
	}
	a := w.account
	a.SecurityResources = make(map[lwm2m.ResourceID]store.Literal)
	if err := d.account(a, store.AccountKeys{Identity: string(w.identity), Key: w.key}); err != nil {
		d.refuse(err)
	}
}

func count(p pair) (int64, error) {
	n, err := strconv.ParseInt(p.plain(), 10, 32)
	if err != nil || n < 0 {
		return 0, wrong("%s: %q is not a number from 0", p.key, p.value)
	}
	return n, nil
}

func yesNo(p pair) (bool, error) {
	switch strings.ToLower(p.plain()) {
	case "yes", "true", "1":
		return true, nil
	case "no", "false", "0":
		return false, nil
	}
	return false, wrong("%s: %q is not yes or no", p.key, p.value)
}

// hexadecimal does not repeat the value in its error, as it may be a key.
func hexadecimal(p pair) ([]byte, error) {
	b, err := hexOf(p.plain())
	if err != nil {
		return nil, wrong("%s is not hexadecimal", p.key)
	}
	return b, nil
}
