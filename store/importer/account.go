package importer

import (
	"encoding/hex"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// account adds the account a of one LwM2M Server to the draft, with what the device is
// given in it: a PSK identity, or its public key or certificate, and the secret key.
func (d *draft) account(a store.Account, identity []byte, key lwm2m.Secret) {
	a.Name = fmt.Sprintf("server-%d", a.ShortServerID)
	own := store.AccountKeys{Key: key}
	switch a.Security {
	case "nosec":
		own = store.AccountKeys{}
	case "psk":
		a.Key = store.KeySupplied
		if string(identity) != string(d.Device.Endpoint) {
			own.Identity = string(identity)
		}
	default:
		a.Key = store.KeySupplied
		setText(a.SecurityResources, 3, "hex:"+hex.EncodeToString(identity))
	}
	d.profile.Accounts = append(d.profile.Accounts, a)
	if own.Key.IsZero() && own.Identity == "" {
		return
	}
	if d.Device.Accounts == nil {
		d.Device.Accounts = make(map[string]store.AccountKeys)
	}
	d.Device.Accounts[a.Name] = own
}

// deletePolicy says that these paths are deleted, in the words of profiles.
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
