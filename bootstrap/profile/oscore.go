package profile

import (
	"fmt"
	"io"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// fillMasterSecrets generates each OSCORE master secret that p wants generated and that
// d does not have yet, and reports whether there was any.
func fillMasterSecrets(p store.Profile, d *store.Device, rand io.Reader) (changed bool, err error) {
	for _, a := range p.Accounts {
		if !generatesMaster(&a) || !d.Accounts[a.Name].MasterSecret.IsZero() {
			continue
		}
		secret, err := generateKey(a.OSCORE.MasterSecretLength, rand)
		if err != nil {
			return false, fmt.Errorf("generate master secret of account %q: %w", a.Name, err)
		}
		d.Accounts = withKeys(d.Accounts, a.Name, func(k *store.AccountKeys) {
			if k.MasterSecret = secret; k.KeyMade.IsZero() {
				k.KeyMade = time.Now().UTC()
			}
		})
		changed = true
	}
	return changed, nil
}

// oscore is the security context of an account, with the ID that its place gives it. What
// the profile does not name is left out: a client then takes the default of RFC 8613.
func (r *resolver) oscore(i int, a store.Account, place string) lwm2m.OSCOREInstance {
	o := *a.OSCORE
	sender, _ := r.render(o.SenderID, place+".senderID")
	recipient, _ := r.render(o.RecipientID, place+".recipientID")
	out := lwm2m.OSCOREInstance{
		ID:           lwm2m.InstanceID(i),
		MasterSecret: masterToSend(a, r.device),
		SenderID:     r.identity(sender, place+".senderID"),
		RecipientID:  r.identity(recipient, place+".recipientID"),
	}
	for _, n := range []struct {
		id lwm2m.ResourceID
		v  *int
	}{{3, o.AEADAlgorithm}, {4, o.HMACAlgorithm}} {
		if n.v != nil {
			out.Extra = append(out.Extra, lwm2m.Single(n.id, lwm2m.IntegerValue(int64(*n.v))))
		}
	}
	for _, b := range []struct {
		id  lwm2m.ResourceID
		key string
		v   store.Octets
	}{{5, "masterSalt", o.MasterSalt}, {6, "idContext", o.IDContext}} {
		if b.v != "" {
			out.Extra = append(out.Extra, lwm2m.Single(b.id, lwm2m.OpaqueValue(r.octets(b.v, place+"."+b.key))))
		}
	}
	return out
}
