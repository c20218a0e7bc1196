package bootstrap

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// fillMasterSecrets generates each OSCORE master secret that p wants generated and that
// d does not have yet, and reports whether there was any.
func fillMasterSecrets(p store.Profile, d *store.Device, rand io.Reader) (changed bool, err error) {
	for _, a := range p.Accounts {
		if a.OSCORE == nil || a.OSCORE.MasterSecret == store.KeySupplied || !d.Accounts[a.Name].MasterSecret.IsZero() {
			continue
		}
		secret, err := generateKey(a.OSCORE.MasterSecretLength, rand)
		if err != nil {
			return false, fmt.Errorf("generate master secret of account %q: %w", a.Name, err)
		}
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) { k.MasterSecret = secret })
		changed = true
	}
	return changed, nil
}

// oscore is the security context of an account, with the ID that its place gives it.
func (r *resolver) oscore(i int, a store.Account, place string) lwm2m.OSCOREInstance {
	o := *a.OSCORE
	integer := func(id lwm2m.ResourceID, v, byDefault int) lwm2m.Resource {
		return lwm2m.Single(id, lwm2m.IntegerValue(int64(cmp.Or(v, byDefault))))
	}
	out := lwm2m.OSCOREInstance{
		ID:           lwm2m.InstanceID(i),
		MasterSecret: r.device.Accounts[a.Name].MasterSecret,
		SenderID:     r.bytes(o.SenderID, place+".senderID"),
		RecipientID:  r.bytes(o.RecipientID, place+".recipientID"),
		Extra:        []lwm2m.Resource{integer(3, o.AEADAlgorithm, lwm2m.DefaultAEAD), integer(4, o.HMACAlgorithm, lwm2m.DefaultHMAC)},
	}
	for id, b := range [][]byte{5: o.MasterSalt, 6: o.IDContext} {
		if len(b) > 0 {
			out.Extra = append(out.Extra, lwm2m.Single(lwm2m.ResourceID(id), lwm2m.OpaqueValue(b)))
		}
	}
	return out
}

// bytes fills in a template whose text stands for itself, or for bytes where it begins
// with "hex:" or "base64:".
func (r *resolver) bytes(text, place string) []byte {
	text = r.render(text, place)
	if !strings.HasPrefix(text, "hex:") && !strings.HasPrefix(text, "base64:") {
		return []byte(text)
	}
	v, err := lwm2m.ResourceDefinition{Type: lwm2m.TypeOpaque}.ParseText(text)
	if err != nil {
		r.fail(place, "%v", err)
	}
	return v.Bytes()
}
