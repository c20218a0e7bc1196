package lwm2m_test

import (
	"fmt"
	"time"

	"lwbs/lwm2m"
)

// An account is an Instance of the Security Object and one of the Server Object. A key does
// not show.
func ExampleBootstrapInfo() {
	info := lwm2m.BootstrapInfo{Accounts: []lwm2m.ServerAccount{{
		Security: lwm2m.SecurityInstance{
			ID: 1, ServerURI: "coaps://lwm2m.example.com:5684", Mode: lwm2m.SecurityPSK, ShortServerID: 101,
			PublicKeyOrIdentity: []byte("meter-1"), SecretKey: lwm2m.NewSecret([]byte("0123456789abcdef")),
		},
		Server: lwm2m.ServerInstance{ShortServerID: 101, Lifetime: 24 * time.Hour, Binding: "U"},
	}}}
	objects, err := info.Objects(false)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range objects {
		for _, in := range o.Instances {
			fmt.Println(lwm2m.InstancePath(o.ID, in.ID), "has", len(in.Resources), "Resources")
		}
	}
	fmt.Println(info.Accounts[0].Security.SecretKey)
	// Output:
	// /0/1 has 6 Resources
	// /1/0 has 4 Resources
	// [16 secret bytes]
}
