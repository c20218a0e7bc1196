package content_test

import (
	"fmt"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// One Instance in two content formats.
func Example() {
	at := lwm2m.InstancePath(lwm2m.ObjectServer, 0)
	objects := []lwm2m.Object{{ID: lwm2m.ObjectServer, Instances: []lwm2m.Instance{{ID: 0, Resources: []lwm2m.Resource{
		lwm2m.Single(0, lwm2m.IntegerValue(101)),
		lwm2m.Single(7, lwm2m.StringValue("U")),
	}}}}}
	for _, f := range []lwm2m.Format{lwm2m.FormatTLV, lwm2m.FormatSenMLJSON} {
		payload, err := content.Encode(f, at, objects)
		if err != nil {
			fmt.Println(err)
			return
		}
		if f == lwm2m.FormatTLV {
			fmt.Printf("%v %x\n", f, payload)
		} else {
			fmt.Printf("%v %s\n", f, payload)
		}
		back, err := content.Decode(f, at, payload)
		if err != nil {
			fmt.Println(err)
			return
		}
		id, _ := back[0].Instances[0].Resource(0)
		fmt.Println("Short Server ID", id.Value.Int())
	}
	// Output:
	// tlv c10065c10755
	// Short Server ID 101
	// senml-json [{"bn":"/1/0/","n":"0","v":101},{"n":"7","vs":"U"}]
	// Short Server ID 101
}
