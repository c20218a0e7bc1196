package check

import (
	"slices"

	"lwbs/lwm2m"
)

// The optional Resources of Object 21.
const (
	resourceAEAD      = 3
	resourceHMAC      = 4
	resourceSalt      = 5
	resourceIDContext = 6
)

// The algorithms of a context that names none (OMA registry, Object 21).
const (
	DefaultAEAD = 10 // AES-CCM-16-64-128
	DefaultHMAC = 5  // HMAC 256/256
)

// nonceLengths of the AEAD algorithms, in bytes, by their numbers in COSE (RFC 9053
// §4). A Sender ID is six bytes shorter at most (RFC 8613 §3.3).
var nonceLengths = map[int64]int{
	1: 12, 2: 12, 3: 12, // AES-GCM
	10: 13, 11: 13, 30: 13, 31: 13, // AES-CCM with a length field of 16 bits
	12: 7, 13: 7, 32: 7, 33: 7, // AES-CCM with one of 64 bits
	24: 12, // ChaCha20/Poly1305
}

// hmacs are the HMAC algorithms, by their numbers in COSE (RFC 9053 §3.1), and the
// names that HKDF has with them.
var hmacs = []int64{5, 6, 7, -10, -11}

// oscore checks OSCORE contexts and the Security Instances that refer to them.
func (c *checker) oscore(b lwm2m.BootstrapInfo) {
	used := c.oscoreLinks(b)
	var ids []lwm2m.InstanceID
	for i, o := range b.OSCORE {
		ids = append(ids, o.ID)
		p := lwm2m.InstancePath(lwm2m.ObjectOSCORE, o.ID)
		if used[o.ID] == 0 {
			c.fail(p, "oscore-unused", "no account uses this OSCORE instance")
		}
		c.oscoreContext(p, o)
		if slices.ContainsFunc(b.OSCORE[:i], func(other lwm2m.OSCOREInstance) bool { return sameContext(o, other) }) {
			c.fail(p.Append(1), "oscore-unique", "another OSCORE instance has the same master secret, master salt, ID context and sender ID: nonces would repeat")
		}
		c.resources(p, lwm2m.ObjectOSCORE, o.Extra)
	}
	c.unique(lwm2m.ObjectOSCORE, ids)
}

// oscoreLinks checks the references of Security Instances, and counts them.
func (c *checker) oscoreLinks(b lwm2m.BootstrapInfo) map[lwm2m.InstanceID]int {
	used := make(map[lwm2m.InstanceID]int)
	for _, s := range b.SecurityInstances() {
		link := s.OSCORESecurityMode
		if link == nil || *link == lwm2m.NullLink {
			continue
		}
		p := lwm2m.ResourcePath(lwm2m.ObjectSecurity, s.ID, 17)
		if link.Object != lwm2m.ObjectOSCORE || !slices.ContainsFunc(b.OSCORE, func(o lwm2m.OSCOREInstance) bool { return o.ID == link.Instance }) {
			c.fail(p, "oscore-link", "link %v leads to no OSCORE instance", *link)
			continue
		}
		if used[link.Instance]++; used[link.Instance] > 1 {
			c.fail(p, "oscore-shared", "OSCORE instance %d is used by another account too", link.Instance)
		}
	}
	return used
}

// oscoreContext checks one context, without regard to others.
func (c *checker) oscoreContext(p lwm2m.Path, o lwm2m.OSCOREInstance) {
	if o.MasterSecret.Len() == 0 {
		c.fail(p.Append(0), "oscore-secret", "master secret is empty")
	}
	if string(o.SenderID) == string(o.RecipientID) {
		c.fail(p.Append(2), "oscore-ids", "sender ID and recipient ID are the same")
	}
	aead, hmac := int64(DefaultAEAD), int64(DefaultHMAC)
	if r, ok := extra(o, resourceAEAD); ok {
		aead = r.Value.Int()
	}
	if r, ok := extra(o, resourceHMAC); ok {
		hmac = r.Value.Int()
	}
	nonce, known := nonceLengths[aead]
	if !known {
		c.fail(p.Append(resourceAEAD), "oscore-aead", "%d is no AEAD algorithm of COSE that OSCORE is used with", aead)
		return
	}
	if !slices.Contains(hmacs, hmac) {
		c.fail(p.Append(resourceHMAC), "oscore-hmac", "%d is no HMAC algorithm of COSE that OSCORE is used with", hmac)
	}
	for id, value := range map[uint16][]byte{1: o.SenderID, 2: o.RecipientID} {
		if most := nonce - 6; len(value) > most {
			c.fail(p.Append(id), "oscore-id-length", "it has %d bytes, at most %d are possible with AEAD algorithm %d", len(value), most, aead)
		}
	}
}

// extra returns an optional Resource.
func extra(o lwm2m.OSCOREInstance, id lwm2m.ResourceID) (lwm2m.Resource, bool) {
	return lwm2m.Instance{Resources: o.Extra}.Resource(id)
}

// sameContext reports whether messages of both could have the same nonce under the same key (RFC 8613
// §3.3).
func sameContext(o, other lwm2m.OSCOREInstance) bool {
	for _, id := range []lwm2m.ResourceID{resourceSalt, resourceIDContext} {
		a, _ := extra(o, id)
		b, _ := extra(other, id)
		if string(a.Value.Bytes()) != string(b.Value.Bytes()) {
			return false
		}
	}
	return o.MasterSecret.Equal(other.MasterSecret) && string(o.SenderID) == string(other.SenderID)
}
