//go:build interop

package interop_test

import (
	"fmt"
	"strings"
	"testing"
)

// A device with a small MTU sends its ClientHello in fragments: of some lengths only the
// second time, when the cookie is in it. It is bootstrapped at once, whatever the length.
func TestHelloInFragments(t *testing.T) {
	t.Run(openssl.name, func(t *testing.T) {
		openssl.require(t)
		for n := 60; n <= 100; n += 5 {
			t.Run(fmt.Sprintf("name of %d bytes", n), func(t *testing.T) {
				t.Parallel()
				lwbs := serve(t)
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := factoryDevice(lwbs.uri["coaps"])
				d.mtu, d.name = 256, strings.Repeat("a", n)
				lwbs.add(t, d)
				bare := bareDevice{t: t, link: openssl.start(t, d, openssl.suites[0]), device: d}
				bare.bootstrap()
				checkDone(t, lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0], "coaps", d)
			})
		}
	})
	t.Run(gnutls.name, func(t *testing.T) {
		gnutls.require(t)
		p := newPKI(t)
		for _, mtu := range []int{150, 200, 230, 240, 250, 256, 260, 300} {
			t.Run(fmt.Sprintf("MTU %d", mtu), func(t *testing.T) {
				t.Parallel()
				lwbs := serve(t, p.options...)
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := p.device(t, lwbs.uri["coaps"], p.ca.Client(t, factoryDevice("").endpoint))
				d.mtu = mtu
				lwbs.add(t, d)
				c := gnutls
				bare := bareDevice{t: t, link: c.start(t, d, strings.Join(c.certificates, ":")), device: d}
				bare.bootstrap()
				if s := lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0]; s.Cause != "done" || s.Transport != "coaps" {
					t.Errorf("session is %+v", s)
				}
			})
		}
	})
}
