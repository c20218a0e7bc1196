package lwm2m

// A Discovery is what a Client answered to a Bootstrap-Discover.
type Discovery struct {
	// Version is the LwM2M version that the Client claims, such as "1.1"; empty
	// when it claims none.
	Version string

	// Instances are the Object Instances the Client has, ordered by Path.
	Instances []DiscoveredInstance

	// Objects are the Objects the Client has, with or without Instances, in
	// ascending order.
	Objects []ObjectID

	// Notes are remarks for people about what could not be understood.
	Notes []string
}

// A DiscoveredInstance is one Object Instance of a [Discovery].
type DiscoveredInstance struct {
	Path          Path
	ShortServerID ShortServerID // zero: none was told
	URI           string        // the LwM2M Server URI; empty: none was told
}

// ParseDiscover reads the payload of a Bootstrap-Discover answer. It never fails.
func ParseDiscover(payload []byte) Discovery { return Discovery{} }

// BootstrapSecurity returns the Security Object Instances without a Short Server ID.
func (d Discovery) BootstrapSecurity() []InstanceID { return nil }

// AppendDiscovery appends d as a Client writes it in its answer.
func AppendDiscovery(dst []byte, d Discovery) []byte { return dst }
