package lwm2m

import (
	"maps"
	"slices"
)

// AnyInstance as the target of an Access Control Instance stands for the whole Object; as the
// owner, for no LwM2M Server, so that only a Bootstrap-Server can change the Instance.
const AnyInstance = MaxID

// Access rights, the bits of an ACL value.
const (
	RightRead    = 1
	RightWrite   = 2
	RightExecute = 4
	RightDelete  = 8
	RightCreate  = 16
	AllRights    = 31
)

// An AccessControlInstance is one Object Instance of LwM2M Access Control (Object 2).
//
// Spec: OMA registry, Object 2 version 1.1.
type AccessControlInstance struct {
	ID       InstanceID
	Object   ObjectID   // Resource 0
	Instance InstanceID // Resource 1; AnyInstance for the Object as a whole

	// Rights is Resource 2, by Short Server ID; zero is every server not named.
	Rights map[uint16]uint8

	// Owner is Resource 3: a Short Server ID, or AnyInstance for none.
	Owner uint16
}

// Content returns the Resources of a by ID.
func (a AccessControlInstance) Content() Instance {
	acl := Resource{ID: 2, Multiple: true}
	for _, id := range slices.Sorted(maps.Keys(a.Rights)) {
		acl.Instances = append(acl.Instances, ResourceInstance{ResourceInstanceID(id), IntegerValue(int64(a.Rights[id]))})
	}
	return Instance{ID: a.ID, Resources: []Resource{
		Single(0, IntegerValue(int64(a.Object))),
		Single(1, IntegerValue(int64(a.Instance))),
		acl,
		Single(3, IntegerValue(int64(a.Owner))),
	}}
}

// AccessControlFrom reads an Instance of Object 2; Resources of another type than the
// Object's are ignored.
func AccessControlFrom(in Instance) AccessControlInstance {
	a := AccessControlInstance{ID: in.ID}
	for _, r := range in.Resources {
		switch r.ID {
		case 0:
			a.Object = ObjectID(r.Value.Int())
		case 1:
			a.Instance = InstanceID(r.Value.Int())
		case 2:
			a.Rights = make(map[uint16]uint8, len(r.Instances))
			for _, right := range r.Instances {
				a.Rights[uint16(right.ID)] = uint8(right.Value.Int())
			}
		case 3:
			a.Owner = uint16(r.Value.Int())
		}
	}
	return a
}
