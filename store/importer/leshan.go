package importer

import (
	"bytes"
	"encoding/json"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Leshan reads the data of the Bootstrap-Server demo of Leshan 1.0 to 2.0: its configurations, in the
// form of its JSONFileBootstrapStore or of the answer of GET /api/bootstrap, and the keys of its
// clients, in the form of the answer of GET /api/security/clients. The content of a file tells its
// kind, and both kinds are joined by endpoint name. A device without an entry among the keys
// authenticates with the Bootstrap-Server Account of its configuration: demo servers before 2.0.0-M6
// have no other way.
//
// An error is about a whole file; a mistake in one device refuses its entry.
func Leshan(o Options, files ...File) (Result, error) {
	var drafts []draft
	keys := newKeyring()
	for _, f := range files {
		err := f.eachLeshan(func(source, endpoint string, config json.RawMessage) {
			drafts = append(drafts, leshanConfig(source, endpoint, config))
		}, keys)
		if err != nil {
			return Result{}, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	for i := range drafts {
		keys.give(&drafts[i])
	}
	return result(append(drafts, keys.rest()...), "leshan", o), nil
}

// javaMagic is the beginning of a file of java.io.ObjectOutputStream.
var javaMagic = []byte{0xac, 0xed}

// eachLeshan calls config for each configuration in f, and adds each key to keys.
func (f File) eachLeshan(config func(source, endpoint string, raw json.RawMessage), keys *keyring) error {
	text := bytes.TrimSpace(bytes.TrimPrefix(f.Text, []byte("\ufeff")))
	switch {
	case bytes.HasPrefix(text, javaMagic):
		return wrong("this is a file of serialised Java objects, which only Leshan can read: start the demo server, and import its answers instead: curl http://HOST:8080/api/security/clients for the keys, curl http://HOST:8080/api/bootstrap for the configurations")
	case len(text) == 0:
		return wrong("the file is empty")
	case text[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return wrong("not JSON")
		}
		for i, raw := range list {
			keys.add(fmt.Sprintf("%s: entry %d", f.Name, i+1), raw)
		}
		return nil
	}
	entries, err := members(text)
	if err != nil {
		return err
	}
	for _, m := range entries {
		switch m.name {
		case "endpoint":
			keys.add(f.Name, text)
			return nil
		case "security", "servers":
			return wrong("this is the configuration of one device, and does not tell which: put it into an object under the name of the device, {\"NAME\": …}")
		}
	}
	for _, m := range entries {
		config(f.Name+": "+m.name, m.name, m.value)
	}
	return nil
}

// A keyring holds how each client authenticates to the Bootstrap-Server.
type keyring struct {
	order []lwm2m.EndpointName
	infos map[lwm2m.EndpointName]*draft // the entry of each device
	lost  []draft                       // entries that cannot be read
}

func newKeyring() *keyring { return &keyring{infos: make(map[lwm2m.EndpointName]*draft)} }

func (k *keyring) add(source string, raw json.RawMessage) {
	d := leshanSecurity(source, raw)
	ep := d.Device.Endpoint
	if first, ok := k.infos[ep]; ok && ep != "" {
		d.refuse(wrong("the keys of the device were there before, at %s", first.Source))
	}
	if d.Outcome != "" {
		k.lost = append(k.lost, d)
	}
	if _, ok := k.infos[ep]; ok || ep == "" {
		return
	}
	k.order = append(k.order, ep)
	k.infos[ep] = &d
}

// give hands d the credentials of its device.
func (k *keyring) give(d *draft) {
	info, ok := k.infos[d.Device.Endpoint]
	if !ok {
		return
	}
	delete(k.infos, d.Device.Endpoint)
	if info.Outcome != "" {
		d.refuse(wrong("its keys cannot be imported: see %s", info.Source))
		return
	}
	if own := d.Device.Credentials; len(own) > 0 && len(info.Device.Credentials) > 0 && !same(own[0], info.Device.Credentials[0]) {
		d.changed("has another credential in its Bootstrap-Server Account than in " + info.Source + ", which is taken")
	}
	d.Device.Credentials = info.Device.Credentials
	for _, text := range info.Changes {
		d.changed(text)
	}
}

func same(a, b store.Credential) bool {
	return a.Kind == b.Kind && a.Identity == b.Identity && a.Key.Equal(b.Key)
}

// rest returns the entries of devices without a configuration.
func (k *keyring) rest() []draft {
	out := k.lost
	for _, ep := range k.order {
		if info, ok := k.infos[ep]; ok && info.Outcome == "" {
			info.refuse(wrong("there are keys of the device, and no configuration: import the file with the configurations in the same command"))
			out = append(out, *info)
		}
	}
	return out
}
