package lwm2m

import "time"

// A ServerInstance is one Object Instance of LwM2M Server (Object 1): how a Client
// behaves towards one LwM2M Server.
//
// Spec: OMA registry, Object 1 version 1.2.
type ServerInstance struct {
	ID InstanceID

	// ShortServerID is Resource 0.
	ShortServerID ShortServerID

	// Lifetime is Resource 1, the life time of a registration in whole seconds.
	// Zero means no limit, which Clients before LwM2M 1.2 do not know.
	Lifetime time.Duration

	// NotificationStoring is Resource 6: whether notifications are kept while the
	// server is disabled or the Client offline.
	NotificationStoring bool

	// Binding is Resource 7: the transports, such as "U".
	Binding string

	// Extra holds every other Resource.
	Extra []Resource
}

func (s *ServerInstance) fields() []field {
	return []field{
		integerField(0, &s.ShortServerID),
		secondsField(1, &s.Lifetime),
		boolField(6, &s.NotificationStoring),
		stringField(7, &s.Binding),
	}
}

// Instance returns the Resources of s by ID. Its error is a [*ValueError].
func (s ServerInstance) Instance() (Instance, error) {
	resources, err := resourcesOf(s.fields(), s.Extra)
	return Instance{ID: s.ID, Resources: resources}, err
}

// ServerFrom reads an Instance of Object 1. Its error is a [*ValueError].
func ServerFrom(in Instance) (ServerInstance, error) {
	s := ServerInstance{ID: in.ID}
	extra, err := fillFields(in, s.fields())
	s.Extra = extra
	return s, err
}
