package check

import (
	"fmt"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// mandatory checks that an Instance of an Object other than those of accounts has its mandatory
// Resources: without them a client refuses the Write, or Finish, unless it had the Instance already
// (Core 1.1.1 §6.1.7.5). If only the client can provide a mandatory Resource, as it is executed or no
// LwM2M Server writes it, the client has the Instances anyway; for the Device Object this is certain.
func (c *checker) mandatory(p lwm2m.Path, def object.Definition, in lwm2m.Instance) {
	if def.ID == lwm2m.ObjectDevice {
		return
	}
	var missing []string
	own := false // the client provides it
	for _, d := range def.Resources {
		switch _, has := in.Resource(d.ID); {
		case !d.Mandatory || has:
		case !d.Settable() || d.Operations == object.Readable:
			own = true
		default:
			missing = append(missing, fmt.Sprintf("%d (%s)", d.ID, d.Name))
		}
	}
	switch list := strings.Join(missing, ", "); {
	case len(missing) == 0:
	case own:
		c.warn(p, "mandatory", "it lacks mandatory Resources of %s, %s: the device must have them", def.Name, list)
	default:
		c.fail(p, "mandatory", "it lacks mandatory Resources of %s: %s", def.Name, list)
	}
}
