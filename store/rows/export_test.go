package rows

import (
	"encoding/json"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/seal"
)

// DeviceJSON is the row of a device as the first schema has it.
func DeviceJSON(k *seal.Keyring, d store.Device) ([]byte, error) {
	sealed := func(s lwm2m.Secret, field ...string) []byte {
		return k.Seal(s.Reveal(), string(appendPlace(nil, d.Endpoint, field...)))
	}
	row := deviceRow{
		Endpoint: d.Endpoint, Revision: d.Revision, Profile: d.Profile, Group: d.Group, Disabled: d.Disabled, NoSec: d.NoSec,
		Vars: d.Vars, Tags: d.Tags, Format: d.Format, Note: d.Note, Created: d.Created, Updated: d.Updated, Settings: d.Settings,
		Written: &writtenRow{d.Written.Instances, d.Written.BootstrapInstance}, Holds: &d.Holds,
		Accounts: make(map[string]accountRow), Secrets: make(map[lwm2m.Path][]byte),
	}
	for _, c := range d.Credentials {
		row.Credentials = append(row.Credentials, credentialRow{
			Kind: c.Kind, Identity: []byte(c.Identity), Created: c.Created, Pending: c.Pending, Replaces: []byte(c.Replaces), URI: c.URI,
			Group: c.Group, GroupKey: c.GroupKey, Rotate: c.Rotate, Expires: c.Expires,
			Key: sealed(c.Key, "credential", string(c.Kind), c.Identity),
		})
	}
	for name, a := range d.Accounts {
		row.Accounts[name] = accountRow{
			Identity: a.Identity, Certificate: a.Certificate, Delivered: a.Delivered, KeyMade: a.KeyMade, PendingMade: a.PendingMade, Rotate: a.Rotate,
			Key: sealed(a.Key, "account", name, "key"), Master: sealed(a.MasterSecret, "account", name, "master secret"),
			Pending: sealed(a.Pending, "account", name, "pending"), PendingMaster: sealed(a.PendingMaster, "account", name, "pending master secret"),
		}
	}
	for _, h := range d.HandedOver {
		row.HandedOver = append(row.HandedOver, handedOverRow{
			Server: h.Server, Account: h.Account, Endpoint: h.Endpoint, Identity: []byte(h.Identity), At: h.At,
			Digest: sealed(h.Digest, "handed over", h.Server, h.Account, string(h.Endpoint), h.Identity),
		})
	}
	for path, s := range d.Secrets {
		row.Secrets[path] = sealed(s, "secret", path.String())
	}
	b, err := json.Marshal(row)
	return withSum(b), err
}

// SessionJSON is the row of a session as the first schema has it.
func SessionJSON(s store.Session) ([]byte, error) { return encodeRow(s) }
