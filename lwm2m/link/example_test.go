package link_test

import (
	"fmt"

	"lwbs/lwm2m/link"
)

// What a client tells when it is discovered, and which of its Security Instances is that of
// the Bootstrap-Server: the one without a Short Server ID.
func ExampleParseDiscovery() {
	d := link.ParseDiscovery([]byte(`</>;lwm2m=1.1,</0/0>,</0/1>;ssid=101;uri="coaps://a.example",</1/0>;ssid=101,</3/0>`))
	for _, in := range d.Instances {
		fmt.Println(in.Path, in.ShortServerID)
	}
	fmt.Println("Bootstrap-Server Account:", d.BootstrapSecurity())
	// Output:
	// /0/0 0
	// /0/1 101
	// /1/0 101
	// /3/0 0
	// Bootstrap-Server Account: [0]
}
