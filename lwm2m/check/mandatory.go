package check

import (
	"fmt"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// mandatory checks that an Instance of an Object other than those of accounts has what its
// definition says it must have: a client refuses the Write of one that lacks some, or
// Finish, unless it had the Instance already (Core 1.1.1 §6.1.7.5). Of an Object with a
// mandatory Resource that only the client itself can provide, one that is executed or
// that no LwM2M Server writes, the client has the Instances anyway; of the Device Object
// that is certain.
func (c *checker) mandatory(p lwm2m.Path, def object.Definition, in lwm2m.Instance) {
	if def.ID == lwm2m.ObjectDevice {
		return
	}
	var missing []string
	own := false // of the client
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
