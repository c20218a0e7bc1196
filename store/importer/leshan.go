package importer

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"

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
func Leshan(o Options, files ...File) (*Data, error) {
	l := &leshan{keys: &keyring{seed: maphash.MakeSeed(), infos: make(map[uint64]*keyEntry)}}
	for _, f := range files {
		if err := l.add(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return newData(l.read, "leshan", o)
}

// A leshan is the files of one server.
type leshan struct {
	configs []File
	keys    *keyring
}

// javaMagic begins a file of java.io.ObjectOutputStream.
const javaMagic = 0xac

// add finds out what a file is, and notes the keys in it.
func (l *leshan) add(f File) error {
	first, ok := f.first()
	switch {
	case !ok:
		return wrong("the file is empty")
	case first == javaMagic:
		return wrong("this is a file of serialised Java objects, which only Leshan can read: start the demo server, and import its answers instead: curl http://HOST:8080/api/security/clients for the keys, curl http://HOST:8080/api/bootstrap for the configurations")
	case first == '[':
		file := len(l.keys.files)
		l.keys.files = append(l.keys.files, f)
		return f.eachElement(func(n int, offset int64, raw json.RawMessage) error {
			l.keys.add(&keyEntry{file: int32(file), n: int32(n), offset: offset, length: int32(len(raw))}, raw)
			return nil
		})
	case first != '{':
		return wrong("not a JSON object")
	}
	var alone, keys bool
	err := f.eachMember(func(name string, _ json.RawMessage) error {
		keys = keys || name == "endpoint" && !alone
		alone = alone || (name == "security" || name == "servers") && !keys
		return nil
	})
	switch {
	case err != nil:
		return err
	case alone:
		return wrong("this is the configuration of one device, and does not tell which: put it into an object under the name of the device, {\"NAME\": …}")
	case keys:
		raw, err := f.whole()
		if err == nil {
			l.keys.files = append(l.keys.files, f)
			l.keys.add(&keyEntry{file: int32(len(l.keys.files) - 1), length: math.MaxInt32}, raw)
		}
		return err
	}
	l.configs = append(l.configs, f)
	return nil
}

// read reads the configurations, each with the keys of its device, and behind them the keys that cannot
// be read and those of devices without a configuration.
func (l *leshan) read(each func(draft) error) error {
	l.keys.begin()
	for _, f := range l.configs {
		err := f.eachMember(func(name string, raw json.RawMessage) error {
			d := leshanConfig(f.Name+": "+name, name, raw)
			if err := l.keys.give(&d); err != nil {
				return err
			}
			return each(d)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	for _, rest := range []bool{false, true} {
		if err := l.keys.each(rest, each); err != nil {
			return err
		}
	}
	return nil
}

// A keyring knows where the entries stand that tell how each client authenticates to the
// Bootstrap-Server.
type keyring struct {
	files []File
	seed  maphash.Seed
	infos map[uint64]*keyEntry // the first of each endpoint name, by a hash of it
}

// A keyEntry is where one entry stands.
type keyEntry struct {
	offset  int64
	length  int32 // math.MaxInt32 for the whole file
	file, n int32
	given   bool // to the configuration of its device
	bad     bool // it cannot be read
}

func (k *keyring) hash(ep lwm2m.EndpointName) uint64 { return maphash.String(k.seed, string(ep)) }

func (k *keyring) source(e *keyEntry) string {
	if e.length == math.MaxInt32 {
		return k.files[e.file].Name
	}
	return fmt.Sprintf("%s: entry %d", k.files[e.file].Name, e.n)
}

func (k *keyring) add(e *keyEntry, raw json.RawMessage) {
	d := leshanSecurity("", raw)
	if ep := d.Device.Endpoint; ep != "" && k.infos[k.hash(ep)] == nil {
		e.bad = d.Outcome != ""
		k.infos[k.hash(ep)] = e
	}
}

// begin begins to give anew.
func (k *keyring) begin() {
	for _, e := range k.infos {
		e.given = false
	}
}

// draft reads an entry again.
func (k *keyring) draft(e *keyEntry) (draft, error) {
	f := k.files[e.file]
	var raw json.RawMessage
	var err error
	if e.length == math.MaxInt32 {
		raw, err = f.whole()
	} else {
		raw, err = f.at(e.offset, int(e.length))
	}
	return leshanSecurity(k.source(e), raw), err
}

// give hands d the credentials of its device.
func (k *keyring) give(d *draft) error {
	e := k.infos[k.hash(d.Device.Endpoint)]
	if e == nil || e.given {
		return nil
	}
	e.given = true
	info, err := k.draft(e)
	if err != nil {
		return err
	}
	if info.Outcome != "" {
		d.refuse(wrong("its keys cannot be imported: see %s", info.Source))
		return nil
	}
	if own := d.Device.Credentials; len(own) > 0 && len(info.Device.Credentials) > 0 && !same(own[0], info.Device.Credentials[0]) {
		d.changed("has another credential in its Bootstrap-Server Account than in " + info.Source + ", which is taken")
	}
	d.Device.Credentials = info.Device.Credentials
	for _, text := range info.Changes {
		d.changed(text)
	}
	return nil
}

// isGiven reports whether an entry was given to the configuration of its device, as almost all are.
func (k *keyring) isGiven(e *keyEntry, raw json.RawMessage) bool {
	var named struct {
		Endpoint string `json:"endpoint"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return false
	}
	first := k.infos[k.hash(lwm2m.EndpointName(named.Endpoint))]
	return first != nil && first.given && !first.bad && first.file == e.file && first.offset == e.offset
}

// each calls do with the entries that cannot be read or are of a device that was there before; with rest
// set, with those of devices without a configuration.
func (k *keyring) each(rest bool, do func(draft) error) error {
	for i, f := range k.files {
		entry := func(e *keyEntry, raw json.RawMessage) error {
			if k.isGiven(e, raw) {
				return nil
			}
			d := leshanSecurity(k.source(e), raw)
			first := k.infos[k.hash(d.Device.Endpoint)]
			if d.Device.Endpoint == "" {
				first = nil
			}
			again := first != nil && (first.file != e.file || first.offset != e.offset)
			switch {
			case again:
				d.refuse(wrong("the keys of the device were there before, at %s", k.source(first)))
			case first != nil && !first.given && d.Outcome == "":
				if d.refuse(wrong("there are keys of the device, and no configuration: import the file with the configurations in the same command")); rest {
					return do(d)
				}
				return nil
			}
			if d.Outcome != "" && !rest {
				return do(d)
			}
			return nil
		}
		var err error
		if first, _ := f.first(); first == '[' {
			err = f.eachElement(func(n int, offset int64, raw json.RawMessage) error {
				return entry(&keyEntry{file: int32(i), n: int32(n), offset: offset, length: int32(len(raw))}, raw)
			})
		} else {
			var raw json.RawMessage
			if raw, err = f.whole(); err == nil {
				err = entry(&keyEntry{file: int32(i), length: math.MaxInt32}, raw)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func same(a, b store.Credential) bool {
	return a.Kind == b.Kind && a.Identity == b.Identity && a.Key.Equal(b.Key)
}
