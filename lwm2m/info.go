package lwm2m

// A ServerAccount is what a Client needs to reach one LwM2M Server: an Instance of
// Security and one of Server with the same Short Server ID. Their own IDs need not
// agree.
type ServerAccount struct {
	Security SecurityInstance
	Server   ServerInstance
}

// BootstrapInfo is the Bootstrap Information that a Client is to be given (Core 1.1.1
// §6.1.2).
type BootstrapInfo struct {
	Accounts []ServerAccount

	// BootstrapServer replaces the Client's Bootstrap-Server Account; nil leaves it unchanged.
	BootstrapServer *SecurityInstance

	OSCORE        []OSCOREInstance
	AccessControl []AccessControlInstance

	// Others are Instances of any other Object.
	Others []Object
}

// Objects returns everything to be written, in the order that Clients need: Security, Server, OSCORE,
// Access Control, others. Empty is the same as in [SecurityInstance.Instance]. Its error is a
// [*ValueError].
func (b BootstrapInfo) Objects(empty bool) ([]Object, error) {
	security := Object{ID: ObjectSecurity}
	server := Object{ID: ObjectServer}
	for _, s := range b.SecurityInstances() {
		in, err := s.Instance(empty)
		if err != nil {
			return nil, err
		}
		security.Instances = append(security.Instances, in)
	}
	for _, a := range b.Accounts {
		in, err := a.Server.Instance()
		if err != nil {
			return nil, err
		}
		server.Instances = append(server.Instances, in)
	}
	oscore := Object{ID: ObjectOSCORE}
	for _, o := range b.OSCORE {
		in, err := o.Instance()
		if err != nil {
			return nil, err
		}
		oscore.Instances = append(oscore.Instances, in)
	}
	access := Object{ID: ObjectAccessControl}
	for _, a := range b.AccessControl {
		access.Instances = append(access.Instances, a.Content())
	}
	var out []Object
	for _, o := range append([]Object{security, server, oscore, access}, b.Others...) {
		if len(o.Instances) > 0 {
			out = append(out, o)
		}
	}
	return out, nil
}

// SecurityInstances returns the Security Instances of the accounts, and last the one of the
// Bootstrap-Server.
func (b BootstrapInfo) SecurityInstances() []SecurityInstance {
	var out []SecurityInstance
	for _, a := range b.Accounts {
		out = append(out, a.Security)
	}
	if b.BootstrapServer != nil {
		out = append(out, *b.BootstrapServer)
	}
	return out
}
