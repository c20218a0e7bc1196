package transfer

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/profile"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An accountKey is what an LwM2M Server has to know of a device: how it authenticates there. It never has
// a private key.
type accountKey struct {
	Endpoint      lwm2m.EndpointName  `json:"endpoint"`
	Account       string              `json:"account"`
	ShortServerID lwm2m.ShortServerID `json:"shortServerID"`
	Server        string              `json:"lwm2mServer,omitempty"` // by the name of its record; the one of several that the device is assigned
	Security      string              `json:"security"`
	Identity      string              `json:"identity,omitempty"` // of a pre-shared key
	Key           string              `json:"key,omitempty"`      // hexadecimal; of a pre-shared key
	Certificate   []byte              `json:"certificate,omitempty"`
}

// An accountExport writes the keys of accounts.
type accountExport struct {
	*export
	only     string                       // the account; empty for all
	profiles map[string]*store.Profile    // nil for one that is not there
	servers  map[string]store.LwM2MServer // as far as an assignment goes; nil before they were read

	written, without, renewed int // accounts; those that have no key yet, or one that is made anew each time
}

func (x *export) accounts() *accountExport {
	return &accountExport{export: x, only: x.account, profiles: make(map[string]*store.Profile)}
}

// assigned is the profile of a device with the LwM2M Servers that the device is assigned.
func (x *accountExport) assigned(ctx context.Context, d admin.Device) (store.Profile, error) {
	p, err := x.profile(ctx, d.Profile)
	if err != nil {
		return store.Profile{}, err
	}
	out, err := profile.Assign(*p, d.Endpoint, func(name string) (store.LwM2MServer, error) { return x.server(ctx, name) })
	if err != nil {
		err = fmt.Errorf("device %q: %w", d.Endpoint, err)
	}
	return out, err
}

// server is what the assignment of devices needs of the record of an LwM2M Server.
func (x *accountExport) server(ctx context.Context, name string) (store.LwM2MServer, error) {
	if x.servers == nil {
		all, err := x.api.LwM2MServers(ctx)
		if err != nil {
			return store.LwM2MServer{}, err
		}
		x.servers = make(map[string]store.LwM2MServer, len(all))
		for _, s := range all {
			x.servers[s.Name] = store.LwM2MServer{Name: s.Name, Kind: s.Kind, DeviceURI: s.DeviceURI, Weight: s.Weight, Draining: s.Draining}
		}
	}
	s, found := x.servers[name]
	if !found {
		return s, fmt.Errorf("LwM2M Server %q: %w", name, store.ErrNotFound)
	}
	return s, nil
}

// each calls do with the accounts of each device, in the order of its profile.
func (x *accountExport) each(ctx context.Context, do func([]accountKey) error) error {
	return x.export.each(ctx, func(d admin.Device) error {
		p, err := x.assigned(ctx, d)
		if err != nil {
			return err
		}
		var keys []accountKey
		for _, a := range p.Accounts {
			if x.only != "" && a.Name != x.only || x.at != "" && serverOf(a) != x.at {
				continue
			}
			if k, ok := x.keyOf(d, a); ok {
				keys = append(keys, k)
			}
		}
		if len(keys) == 0 {
			return nil
		}
		x.devices++
		x.written += len(keys)
		return do(keys)
	})
}

func (x *accountExport) profile(ctx context.Context, name string) (*store.Profile, error) {
	if p := x.profiles[name]; p != nil {
		return p, nil
	}
	p, err := x.api.Profile(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	x.profiles[name] = &p
	return &p, nil
}

// serverOf is the record of the LwM2M Server of an account; empty where it names none, or the device is assigned none.
func serverOf(a store.Account) string { return cmp.Or(a.Assigned, a.HandOver) }

// keyOf is what the server of an account has to know of a device; ok is false where there is nothing yet.
func (x *accountExport) keyOf(d admin.Device, a store.Account) (k accountKey, ok bool) {
	has := d.Accounts[a.Name]
	k = accountKey{Endpoint: d.Endpoint, Account: a.Name, ShortServerID: a.ShortServerID, Server: serverOf(a), Security: a.Security}
	switch {
	case k.Security == "" && (strings.HasPrefix(a.URI, "coap://") || strings.HasPrefix(a.URI, "coap+tcp://")):
		return k, false // without security
	case k.Security == "":
		k.Security = "psk"
	}
	switch k.Security {
	case "psk":
		if has.KeyLength == 0 {
			x.without++
			return k, false
		}
		if a.Key == store.KeyRenew {
			x.renewed++
		}
		k.Identity, k.Key = has.Identity, has.Key
	case "rpk", "certificate":
		if k.Certificate = has.Certificate; len(k.Certificate) == 0 {
			x.without++
			return k, false
		}
	default:
		return k, false
	}
	return k, true
}

// exportAccountLines writes JSON.
func exportAccountLines(ctx context.Context, x *accountExport, out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return x.each(ctx, func(keys []accountKey) error {
		for _, k := range keys {
			if err := e.Encode(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// exportAccountTable writes a table.
func exportAccountTable(ctx context.Context, x *accountExport, out io.Writer) error {
	w := csv.NewWriter(out)
	if err := w.Write([]string{"endpoint", "account", "short-server-id", "security", "identity", "key", "certificate", "lwm2m-server"}); err != nil {
		return err
	}
	err := x.each(ctx, func(keys []accountKey) error {
		for _, k := range keys {
			certificate := ""
			if len(k.Certificate) > 0 {
				certificate = string(pem.EncodeToMemory(&pem.Block{Type: map[string]string{"rpk": "PUBLIC KEY", "certificate": "CERTIFICATE"}[k.Security], Bytes: k.Certificate}))
			}
			if err := w.Write([]string{string(k.Endpoint), k.Account, strconv.Itoa(int(k.ShortServerID)), k.Security, k.Identity, k.Key, strings.TrimSpace(certificate), k.Server}); err != nil {
				return err
			}
		}
		return nil
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// exportLeshan writes what Leshan's LwM2M Server demo answers to GET /api/security/clients, and takes one by
// one with PUT. It has one entry for a device.
func exportLeshan(ctx context.Context, x *accountExport, out io.Writer) error {
	type details struct {
		Identity string `json:"identity,omitempty"`
		Key      string `json:"key"`
	}
	type tls struct {
		Mode    string   `json:"mode"`
		Details *details `json:"details,omitempty"`
	}
	separator := "["
	err := x.each(ctx, func(keys []accountKey) error {
		k, err := only(keys)
		if err != nil {
			return err
		}
		how := tls{Mode: "x509"}
		switch k.Security {
		case "psk":
			how = tls{"psk", &details{k.Identity, k.Key}}
		case "rpk":
			how = tls{"rpk", &details{Key: hex.EncodeToString(k.Certificate)}}
		}
		_, err = fmt.Fprintf(out, "%s\n  %s", separator, jsonOf(struct {
			Endpoint lwm2m.EndpointName `json:"endpoint"`
			TLS      tls                `json:"tls"`
		}{k.Endpoint, how}))
		separator = ","
		return err
	})
	if err == nil && separator == "[" {
		_, err = fmt.Fprint(out, "[")
	}
	if err == nil {
		_, err = fmt.Fprintln(out, "\n]")
	}
	return err
}

// only is the one account of a device.
func only(keys []accountKey) (accountKey, error) {
	if len(keys) > 1 {
		var names []string
		for _, k := range keys {
			names = append(names, k.Account)
		}
		return keys[0], fmt.Errorf("device %q has the accounts %s: say with --account which one this is for", keys[0].Endpoint, output.Names(names))
	}
	return keys[0], nil
}

// exportPSKFile writes lines IDENTITY:KEY, as OpenSSL's tools, mosquitto and others read them.
func exportPSKFile(ctx context.Context, x *accountExport, out io.Writer) error {
	return x.each(ctx, func(keys []accountKey) error {
		for _, k := range keys {
			identity, err := store.IdentityBytes(k.Identity)
			switch {
			case k.Security != "psk":
				return fmt.Errorf("device %q has no pre-shared key in account %q, but a %s: --account leaves it out", k.Endpoint, k.Account, k.Security)
			case err != nil || string(identity) != k.Identity || strings.ContainsFunc(k.Identity, unicode.IsControl):
				return fmt.Errorf("device %q: a PSK file has one line of text for each key, and its identity in account %q is not text: lwbs export jsonl --accounts can", k.Endpoint, k.Account)
			}
			if _, err := fmt.Fprintf(out, "%s:%s\n", k.Identity, k.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// tell says what was written, and what was left out.
func (x *accountExport) tell(out io.Writer) {
	fmt.Fprintf(out, "wrote %s of %s\n", output.Counted(x.written, "account", "accounts"), output.Counted(x.devices, "device", "devices"))
	if x.without > 0 {
		fmt.Fprintf(out, "%s no key yet, and left out\n", have(x.without))
	}
	if x.renewed > 0 {
		fmt.Fprintf(out, "the keys of %d are made anew at each bootstrap: the LwM2M Server has to be told each time\n", x.renewed)
	}
	if x.written > 0 && !x.reveal {
		fmt.Fprintln(out, "keys are left out: --reveal writes them, too")
	}
}

func have(n int) string {
	if n == 1 {
		return "1 account has"
	}
	return fmt.Sprintf("%d accounts have", n)
}
