package lwm2m

// An OSCOREInstance is one Object Instance of LwM2M OSCORE (Object 21): a security
// context, which exactly one Security Instance refers to.
//
// Spec: OMA registry, Object 21 version 2.0, whose type Opaque is on the wire what
// Clients of version 1 mean by String.
type OSCOREInstance struct {
	ID           InstanceID
	MasterSecret Secret // Resource 0
	SenderID     []byte // Resource 1, the Client's
	RecipientID  []byte // Resource 2, the Client's

	// Extra holds every other Resource.
	Extra []Resource
}

func (o *OSCOREInstance) fields() []field {
	return []field{
		secretField(0, &o.MasterSecret),
		opaqueField(1, &o.SenderID),
		opaqueField(2, &o.RecipientID),
	}
}

// Instance returns the Resources of o by ID. Its error is a [*ValueError].
func (o OSCOREInstance) Instance() (Instance, error) {
	resources, err := resourcesOf(o.fields(), o.Extra)
	return Instance{ID: o.ID, Resources: resources}, err
}

// OSCOREFrom reads an Instance of Object 21. Its error is a [*ValueError].
func OSCOREFrom(in Instance) (OSCOREInstance, error) {
	o := OSCOREInstance{ID: in.ID}
	extra, err := fillFields(in, o.fields())
	o.Extra = extra
	return o, err
}
