package why

import (
	"fmt"
	"time"

	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// shaking tells of a DTLS handshake under way with an identity of the device; empty for none.
func (i *inquiry) shaking() string {
	for _, c := range i.device.Credentials {
		if from, since, ok := i.live.Handshake(c.Identity); ok && c.Kind == store.CredentialPSK {
			return fmt.Sprintf("A DTLS handshake with its PSK identity %q is under way since %s, from %s: nothing is proved yet.",
				outcome.IdentityShown(c.Identity), since.UTC().Format(time.DateTime+" UTC"), from)
		}
	}
	return ""
}

// firstHandshake explains that nothing of the device is recorded yet, since its first handshake is under
// way.
func (i *inquiry) firstHandshake(shaking string) *explain.Explanation {
	return &explain.Explanation{
		Stage:    "DTLS handshake, under way",
		Happened: shaking + " Before that nothing was recorded under its name.",
		Remedy:   "Ask again in ten seconds: so long the server waits for the right proof of the key once the device has sent all, and up to its --handshake-timeout for a device that has not.",
	}
}
