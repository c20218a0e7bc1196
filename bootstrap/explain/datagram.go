package explain

import (
	"fmt"
	"strings"

	"lwbs/store"
)

// wrongPortRemedy says which address the device should have.
func wrongPortRemedy(_ Facts, s store.Session) string {
	if s.Transport == store.TransportPlain {
		return "If this is a device of yours, give its Bootstrap-Server URI the port of the coaps address that lwbs serve prints, 5684 by default."
	}
	name := "ENDPOINT"
	if s.Claimed != "" {
		name = word(s.Claimed)
	}
	return "If this is a device of yours, give it a Bootstrap-Server URI that begins with coaps:// and a key or certificate; or, if its network is one to trust, serve plain CoAP too (lwbs serve --coap), give the device that port, and permit it in its record: lwbs device set " + name + " --no-sec."
}

// otherProtocolRemedy says what the device has to speak.
func otherProtocolRemedy(_ Facts, s store.Session) string {
	const scan = " A scan of the Internet leaves the same trace."
	switch {
	case s.Variant == store.VariantOlderDTLS, s.Variant == store.VariantNewerDTLS:
		return "Permit DTLS 1.2 in the TLS library of the device, which is what LwM2M asks for." + scan
	case s.Variant == store.VariantTCP:
		return "Let the device use UDP: a Bootstrap-Server URI that begins with coap:// or coaps://, not coap+tcp:// or coaps+tcp://, which lwbs does not serve." + scan
	}
	return "If this is a device of yours, correct the port in its Bootstrap-Server URI." + scan
}

// unknownAssociationText tells what happened, for one address or for a network.
func unknownAssociationText(s store.Session) string {
	if s.Network != "" {
		return fmt.Sprintf("Peers at addresses in %s that devices have used send DTLS records of associations that this server does not have, more than have records of their own", s.Network)
	}
	return fmt.Sprintf("A peer at %s, which this device was the last to use, sends DTLS records of an association that the server does not have, so that it is not heard", s.Remote)
}

// unknownAssociationRemedy says how a device gets a new association.
func unknownAssociationRemedy(f Facts, s store.Session) string {
	const client = " It goes on with an association that was made before the server's last start and not kept over it, that made room for others (lwbs serve --max-hibernated), or that was closed, as with --hibernate off. With the usual times of CoAP a client gives up after at most 93 s. Neither Wakaama nor Anjay then makes a new association until it is restarted."
	switch {
	case s.Network != "":
		return "Restart the devices there that do not come back by themselves: lwbs device list tells how each one ended last." + strings.Replace(client, "It goes", "Each goes", 1)
	case f.Looked && f.Device == nil:
		return "Nothing: there is no such device any more."
	case s.Variant == store.VariantOtherReplica:
		return "See that the balancer sends datagrams by their connection ID to the server whose --replica-id is its first byte, and that each server has another. If so, restart the device, so that it makes a new handshake."
	}
	return "Restart the device, if it does not come back by itself, so that it makes a new handshake." + client +
		" Nothing proves that this was the device: another one behind the same NAT may have its address by now, and an address can be forged."
}
