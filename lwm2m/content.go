package lwm2m

// An Object is what a payload carries of one Object: its Instances, in the order in
// which they were written or read.
type Object struct {
	ID        ObjectID
	Instances []Instance
}

// An Instance is what a payload carries of one Object Instance.
type Instance struct {
	ID        InstanceID
	Resources []Resource
}

// A Resource is one Resource of an Instance. A multiple-instance Resource has
// Multiple set and its values in Instances, of which there may be none; any other
// has its Value.
type Resource struct {
	ID        ResourceID
	Multiple  bool
	Value     Value
	Instances []ResourceInstance
}

// A ResourceInstance is one value of a multiple-instance Resource.
type ResourceInstance struct {
	ID    ResourceInstanceID
	Value Value
}

// Single returns a Resource with one value.
func Single(id ResourceID, v Value) Resource { return Resource{ID: id, Value: v} }

// Resource returns the Resource with the given ID.
func (in Instance) Resource(id ResourceID) (Resource, bool) {
	for _, r := range in.Resources {
		if r.ID == id {
			return r, true
		}
	}
	return Resource{}, false
}
