package profile

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"lwbs/bootstrap/plan"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/grammar"
)

// checkWords checks what does not depend on a device, but for d, whose variables may decide
// about the security mode of an account.
func checkWords(p store.Profile, d store.Device) []Finding {
	c := &wordChecker{device: d}
	for _, problem := range grammar.Check(p) {
		c.fail(problem.Place, "%v", problem.Err)
	}
	c.pack(p)
	c.delete(p.Delete, p.BootstrapInstance)
	c.limits(p.Device)
	c.spreads(p.BootstrapServer)
	if most := p.Device.MaxAccounts; most > 0 && len(p.Accounts) > most {
		c.fail("accounts", "%d accounts, and this kind of device holds %d", len(p.Accounts), most)
	}
	for i, a := range p.Accounts {
		c.name(i, p.Accounts)
		c.account(fmt.Sprintf("accounts[%d]", i), a, p)
		c.renamed(i, p.Accounts)
	}
	if p.NoAccessControl && len(p.AccessControl) > 0 {
		c.fail("accessControl", "there is none, and there is some")
	}
	if age := time.Duration(p.RotateAfter); age != 0 && age < minRotateAfter {
		c.fail("rotateAfter", "%v is less than %v, and all devices would be due at all times: write days with a d, such as 365d", age, minRotateAfter)
	}
	return c.found
}

// minRotateAfter is the least age at which keys may be replaced.
const minRotateAfter = time.Hour

// A wordChecker checks the words of a profile, and gathers the findings.
type wordChecker struct {
	device store.Device
	found  []Finding
}

func (c *wordChecker) fail(place, format string, args ...any) {
	c.found = append(c.found, Finding{Place: place, Message: fmt.Sprintf(format, args...)})
}

func (c *wordChecker) pack(p store.Profile) {
	if p.Pack != grammar.PackAllow {
		return
	}
	if len(p.Accounts) == 0 {
		c.fail("pack", "a pack replaces whole Objects and has to hold an account")
	}
	if why := plan.UnfitForPack(p); why != "" {
		c.fail("pack", "no pack is possible: %s", why)
	}
}

func (c *wordChecker) delete(d store.DeletePolicy, bootstrapInstance lwm2m.InstanceID) {
	for i, path := range d.Paths {
		if path == lwm2m.InstancePath(lwm2m.ObjectSecurity, bootstrapInstance) {
			c.found = append(c.found, Finding{
				Place:   fmt.Sprintf("delete[%d]", i),
				Message: fmt.Sprintf("devices that have their Bootstrap-Server Account at %v, where most have it, are given nothing", path), Warning: true,
			})
		}
		if path.Depth() > 2 || path.Object() == lwm2m.ObjectDevice && path.Depth() > 0 {
			c.fail(fmt.Sprintf("delete[%d]", i), "%v cannot be deleted: that is for /, an Object or an Instance, and Object 3 always stays", path)
		}
	}
}

func (c *wordChecker) limits(d store.DeviceLimits) {
	blockSize, _ := grammar.DeviceLimits.Key("blockSize")
	if inRange := blockSize.CheckInteger(int64(d.BlockSize)) == nil; inRange && bits.OnesCount(uint(d.BlockSize)) > 1 {
		c.fail("device.blockSize", "%d is not a power of two from 16 to 1024", d.BlockSize)
	}
}

// name checks the name of one account against those before it.
func (c *wordChecker) name(i int, accounts []store.Account) {
	name, place := accounts[i].Name, fmt.Sprintf("accounts[%d].name", i)
	switch {
	case name == "":
		c.fail(place, "an account needs a name")
	case name == store.BootstrapServerAccount:
		c.fail(place, "%q is the name of the Bootstrap-Server Account", name)
	case slices.ContainsFunc(accounts[:i], func(a store.Account) bool { return a.Name == name }):
		c.fail(place, "a second account with the name %q", name)
	}
}

// maxRenames is how many names an account had before at most.
const maxRenames = 16

// renamed checks that what an account was called is the name of no other, now or before: a key
// in a device record would be ambiguous.
func (c *wordChecker) renamed(i int, accounts []store.Account) {
	place := fmt.Sprintf("accounts[%d].renamedFrom", i)
	if n := len(accounts[i].RenamedFrom); n > maxRenames {
		c.fail(place, "%d names, at most %d are possible", n, maxRenames)
		return
	}
	for at, old := range accounts[i].RenamedFrom {
		switch {
		case old == "":
			c.fail(place, "an account was never without a name")
		case slices.Contains(accounts[i].RenamedFrom[:at], old):
			c.fail(place, "%q is there twice", old)
		case old == store.BootstrapServerAccount:
			c.fail(place, "%q is the name of the Bootstrap-Server Account", old)
		}
		for j, other := range accounts {
			if other.Name == old || j != i && slices.Contains(other.RenamedFrom, old) {
				c.fail(place, "%q is the name of account %q, or was", old, other.Name)
			}
		}
	}
}

func (c *wordChecker) account(place string, a store.Account, p store.Profile) {
	c.servers(place, a)
	mode := securityName(&a, &c.device)
	if generated := a.Key == store.KeyGenerate || a.Key == store.KeyRenew; generated && (mode == grammar.SecurityRPK || mode == grammar.SecurityCertificate) {
		c.fail(place+".key", "a key for security mode %s cannot be generated here: supply it", mode)
	}
}
