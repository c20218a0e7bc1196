package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// spread is what is added to a time of a device, 0 to most, in whole seconds: always the same for one device, and evenly
// spread over all. What tells apart times that are not to depend on each other.
func spread(ep lwm2m.EndpointName, what string, most store.Duration) time.Duration {
	seconds := uint64(max(most, 0)) / uint64(time.Second)
	sum := sha256.Sum256([]byte(string(ep) + "\x00" + what))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%(seconds+1)) * time.Second
}

// spreads checks the times of the Bootstrap-Server Account that differ from device to device.
func (c *wordChecker) spreads(b *store.BootstrapServer) {
	if b == nil {
		return
	}
	for _, time := range []struct {
		key   string
		value store.Duration
	}{{"clientHoldOffSpread", b.ClientHoldOffSpread}, {"accountTimeout", b.AccountTimeout}, {"accountTimeoutSpread", b.AccountTimeoutSpread}} {
		if time.value < 0 || time.value%wholeSecond != 0 || time.value > maxSpread {
			c.fail("bootstrapServer."+time.key, "%v is not a whole number of seconds of 0 to %d", timeText(time.value), int64(maxSpread/wholeSecond))
		}
	}
	switch {
	case b.AccountTimeout == 0 && b.AccountTimeoutSpread != 0:
		c.fail("bootstrapServer.accountTimeoutSpread", "there is no accountTimeout that it could be added to")
	case b.AccountTimeout > 0:
		c.found = append(c.found, Finding{Place: "bootstrapServer.accountTimeout", Message: "a device that forgets its Bootstrap-Server Account does not come back to be given anything else", Warning: true})
	}
}

const (
	wholeSecond = store.Duration(time.Second)
	maxSpread   = store.Duration(1<<30) * wholeSecond // a sum of two is still a number of clients
)

func timeText(d store.Duration) string { return time.Duration(d).String() }
