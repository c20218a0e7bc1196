package check

import (
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// A Violation is one way in which Bootstrap Information contradicts the specification
// or itself.
type Violation struct {
	Path    lwm2m.Path // where
	Rule    string     // which rule, a stable short name such as "uri-scheme"
	Message string     // what is wrong, one line without secrets
	Warning bool       // Clients can use it nevertheless
}

// String returns the place and the message.
func (v Violation) String() string { return fmt.Sprintf("%v: %s", v.Path, v.Message) }

// Options are facts that are not in the Bootstrap Information itself.
type Options struct {
	// Now is the time at which certificates must be valid. Zero means not to check.
	Now time.Time

	// BootstrapInstance is the Security Instance of the Client's Bootstrap-Server
	// Account, which nothing may be written to; nil where it is not known.
	BootstrapInstance *lwm2m.InstanceID

	// Objects are the known Objects; nil stands for the built-in ones.
	Objects *object.Registry

	// Existing is whether the Client keeps accounts that are not in the Bootstrap Information, which
	// then may have none.
	Existing bool
}

// BootstrapInfo returns every violation of the rules that the specification states or implies, in no
// particular order; none for consistent Bootstrap Information. It resolves no host name.
func BootstrapInfo(b lwm2m.BootstrapInfo, opts Options) []Violation {
	c := &checker{opts: opts}
	for _, s := range b.SecurityInstances() {
		c.security(s)
	}
	for _, a := range b.Accounts {
		c.server(a)
	}
	c.accounts(b)
	c.oscore(b)
	c.accessControl(b)
	c.others(b)
	c.links(b)
	return c.found
}

// A checker collects violations.
type checker struct {
	opts  Options
	found []Violation
}

func (c *checker) fail(p lwm2m.Path, rule, format string, args ...any) {
	c.found = append(c.found, Violation{Path: p, Rule: rule, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) warn(p lwm2m.Path, rule, format string, args ...any) {
	c.found = append(c.found, Violation{Path: p, Rule: rule, Message: fmt.Sprintf(format, args...), Warning: true})
}

// strange reports a Short Server ID that no account has. The Client may have such an account if it
// keeps others.
func (c *checker) strange(p lwm2m.Path, rule, format string, args ...any) {
	c.found = append(c.found, Violation{Path: p, Rule: rule, Message: fmt.Sprintf(format, args...), Warning: c.opts.Existing})
}

// accounts checks the Security and Server Instances against each other.
func (c *checker) accounts(b lwm2m.BootstrapInfo) {
	if len(b.Accounts) == 0 && !c.opts.Existing {
		c.fail(lwm2m.Root, "no-account", "no LwM2M Server Account: the client would have nowhere to register")
	}
	var ids []lwm2m.ShortServerID
	var security, server []lwm2m.InstanceID
	for _, a := range b.Accounts {
		p := lwm2m.InstancePath(lwm2m.ObjectSecurity, a.Security.ID)
		if a.Security.ShortServerID != a.Server.ShortServerID {
			c.fail(p.Append(10), "ssid-pair", "short server ID %d has no Server instance: that has %d", a.Security.ShortServerID, a.Server.ShortServerID)
		}
		if slices.Contains(ids, a.Security.ShortServerID) {
			c.fail(p.Append(10), "ssid-unique", "short server ID %d is that of another account too", a.Security.ShortServerID)
		}
		ids = append(ids, a.Security.ShortServerID)
		if a.Security.BootstrapServer {
			c.fail(p.Append(1), "bootstrap-server", "an LwM2M Server Account cannot be that of the Bootstrap-Server")
		}
		server = append(server, a.Server.ID)
	}
	if s := b.BootstrapServer; s != nil && !s.BootstrapServer {
		c.fail(lwm2m.ResourcePath(lwm2m.ObjectSecurity, s.ID, 1), "bootstrap-server", "the Bootstrap-Server Account must say that it is one")
	}
	for _, s := range b.SecurityInstances() {
		security = append(security, s.ID)
		if at := c.opts.BootstrapInstance; at != nil && !s.BootstrapServer && s.ID == *at {
			c.fail(lwm2m.InstancePath(lwm2m.ObjectSecurity, s.ID), "bootstrap-instance", "instance %d is the client's Bootstrap-Server Account", s.ID)
		}
	}
	c.unique(lwm2m.ObjectSecurity, security)
	c.unique(lwm2m.ObjectServer, server)
}

// unique checks the Instance IDs of one Object.
func (c *checker) unique(o lwm2m.ObjectID, ids []lwm2m.InstanceID) {
	seen := make(map[lwm2m.InstanceID]bool, len(ids))
	for _, id := range ids {
		switch {
		case id == lwm2m.MaxID:
			c.fail(lwm2m.ObjectPath(o), "instance-id", "instance ID 65535 is reserved")
		case seen[id]:
			c.fail(lwm2m.InstancePath(o, id), "instance-unique", "instance %d is there twice", id)
		}
		seen[id] = true
	}
}

// accessControl checks the Access Control Instances against the accounts.
func (c *checker) accessControl(b lwm2m.BootstrapInfo) {
	known := make(map[uint16]bool)
	for _, a := range b.Accounts {
		known[uint16(a.Security.ShortServerID)] = true
	}
	var ids []lwm2m.InstanceID
	for _, a := range b.AccessControl {
		p := lwm2m.InstancePath(lwm2m.ObjectAccessControl, a.ID)
		ids = append(ids, a.ID)
		if a.Object == lwm2m.ObjectSecurity || a.Object == lwm2m.MaxID {
			c.fail(p.Append(0), "acl-object", "Object %d has no access control", a.Object)
		}
		if a.Owner != lwm2m.AnyInstance && !known[a.Owner] {
			c.strange(p.Append(3), "acl-owner", "owner %d is the short server ID of no account; 65535 leaves it to bootstrapping", a.Owner)
		}
		for id, rights := range a.Rights {
			at := p.Append(2).Append(id)
			if id != 0 && !known[id] {
				c.strange(at, "acl-server", "rights for %d, the short server ID of no account", id)
			}
			if rights > lwm2m.AllRights {
				c.fail(at, "acl-rights", "rights %d are not the sum of 1, 2, 4, 8 and 16", rights)
			}
		}
	}
	c.unique(lwm2m.ObjectAccessControl, ids)
	if len(b.Accounts) > 1 && len(b.AccessControl) == 0 {
		c.warn(lwm2m.ObjectPath(lwm2m.ObjectAccessControl), "acl-missing", "several LwM2M Servers and no access control: what each may do is left to the client")
	}
}

// others checks the Instances of any other Object.
func (c *checker) others(b lwm2m.BootstrapInfo) {
	for _, o := range b.Others {
		switch o.ID {
		case lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectAccessControl, lwm2m.ObjectOSCORE:
			c.fail(lwm2m.ObjectPath(o.ID), "other-object", "Object %d is given through accounts, not as an object", o.ID)
			continue
		}
		var ids []lwm2m.InstanceID
		def, ok := c.opts.Objects.Object(o.ID)
		for _, in := range o.Instances {
			ids = append(ids, in.ID)
			c.resources(lwm2m.InstancePath(o.ID, in.ID), o.ID, in.Resources)
			c.mandatory(lwm2m.InstancePath(o.ID, in.ID), def, in)
		}
		c.unique(o.ID, ids)
		if !ok && len(ids) > 0 {
			c.warn(lwm2m.InstancePath(o.ID, ids[0]), "object-unknown", "Object %d is not known: its values are taken for what they look like; add its definition (--objects FOLDER)", o.ID)
		}
		if ok && !def.Multiple && (len(ids) > 1 || len(ids) == 1 && ids[0] != 0) {
			c.fail(lwm2m.ObjectPath(o.ID), "single-instance", "%s has only instance 0", def.Name)
		}
	}
}

// links checks the targets of Objlnk Resources of accounts. A target that is not written may be on the
// device already, so it is a warning; OSCORE has rules of its own.
func (c *checker) links(b lwm2m.BootstrapInfo) {
	check := func(p lwm2m.Path, resources []lwm2m.Resource) {
		for _, r := range resources {
			values := r.Instances
			if !r.Multiple {
				values = []lwm2m.ResourceInstance{{Value: r.Value}}
			}
			for _, v := range values {
				if l := v.Value.Link(); v.Value.Type() == lwm2m.TypeObjectLink && l != lwm2m.NullLink && !writes(b, l) {
					c.warn(p.Append(uint16(r.ID)), "link", "it leads to /%d/%d, which is not written: the device must have it", l.Object, l.Instance)
				}
			}
		}
	}
	for _, a := range b.Accounts {
		check(lwm2m.InstancePath(lwm2m.ObjectSecurity, a.Security.ID), a.Security.Extra)
		check(lwm2m.InstancePath(lwm2m.ObjectServer, a.Server.ID), a.Server.Extra)
	}
}

// writes reports whether the target of l is among the Instances to be written.
func writes(b lwm2m.BootstrapInfo, l lwm2m.ObjectLink) bool {
	return slices.ContainsFunc(b.Others, func(o lwm2m.Object) bool {
		return o.ID == l.Object && slices.ContainsFunc(o.Instances, func(in lwm2m.Instance) bool { return in.ID == l.Instance })
	})
}
