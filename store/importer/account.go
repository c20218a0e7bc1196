package importer

import (
	"encoding/json"
	"fmt"
	"strconv"

	"lwbs/lwm2m"
	"lwbs/store"
)

// account adds the account a of one LwM2M Server to the draft, with the keys of the device: with the
// PSK identity, or with its public key or certificate.
func (d *draft) account(a store.Account, keys store.AccountKeys) error {
	a.Name = fmt.Sprintf("server-%d", a.ShortServerID)
	switch a.Security {
	case "nosec":
		keys.Identity, keys.Key = "", lwm2m.Secret{}
	case "psk":
		a.Key = store.KeySupplied
		if keys.Identity = store.IdentityText([]byte(keys.Identity)); keys.Identity == string(d.Device.Endpoint) {
			keys.Identity = "" // which is what the profile says
		}
	default:
		a.Key = store.KeySupplied
		keys.Certificate, keys.Identity = []byte(keys.Identity), ""
	}
	d.profile.Accounts = append(d.profile.Accounts, a)
	if keys.Identity == "" && len(keys.Certificate) == 0 && keys.Key.IsZero() && keys.MasterSecret.IsZero() {
		return nil
	}
	if d.Device.Accounts == nil {
		d.Device.Accounts = make(map[string]store.AccountKeys)
	}
	d.Device.Accounts[a.Name] = keys
	return nil
}

// variable gives the device a variable, and returns the template for its value.
func (d *draft) variable(name, value string) string {
	if d.Device.Vars == nil {
		d.Device.Vars = make(map[string]string)
	}
	d.Device.Vars[name] = value
	return "{{.Vars." + name + "}}"
}

// deletePolicy returns the policy that deletes these paths.
func deletePolicy(paths []string, d *draft) (store.DeletePolicy, error) {
	out := store.DeletePolicy{Mode: store.DeleteNone}
	for _, text := range paths {
		p, err := lwm2m.ParsePath(text)
		switch {
		case err != nil:
			return out, wrong("%q, which it deletes, is no path", text)
		case p.Depth() == 0:
			return store.DeletePolicy{Mode: store.DeleteAll}, nil
		case p.Object() == lwm2m.ObjectDevice:
			d.changed("does not delete " + text + ": the Device Object always stays")
			continue
		}
		out.Mode = store.DeleteList
		out.Paths = append(out.Paths, p)
	}
	return out, nil
}

func numberLiteral(n int64) store.Literal {
	v := json.Number(strconv.FormatInt(n, 10))
	return store.Literal{Number: &v}
}

func setText(into map[lwm2m.ResourceID]store.Literal, id lwm2m.ResourceID, text string) {
	if text != "" {
		into[id] = store.Literal{Text: new(literally(text))}
	}
}
