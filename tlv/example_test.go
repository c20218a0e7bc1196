package tlv_test

import (
	"fmt"

	"lwbs/tlv"
)

// An Instance of the Server Object with its Short Server ID and lifetime.
func Example() {
	wire, err := tlv.Append(nil,
		tlv.Record{Kind: tlv.Resource, ID: 0, Value: tlv.AppendInt(nil, 101)},
		tlv.Record{Kind: tlv.Resource, ID: 1, Value: tlv.AppendInt(nil, 86400)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", wire)

	records, err := tlv.Decode(wire)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range records {
		value, err := tlv.ParseInt(r.Value)
		fmt.Println(r.Kind, r.ID, value, err)
	}
	// Output:
	// c10065c40100015180
	// resource 0 101 <nil>
	// resource 1 86400 <nil>
}
