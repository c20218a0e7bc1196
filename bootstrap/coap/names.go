package coap

import (
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/traffic"
)

// Types of the packages below that a [Config], a [DialConfig] or a [Listener] has.
type (
	Counters = traffic.Counters
	Drops    = traffic.Drops

	Rate          = admission.Rate
	NewPeerLimits = admission.NewPeerLimits

	DTLSConfig      = dtls.Options
	Keeper          = dtls.Keeper
	KeptAssociation = dtls.KeptAssociation
	KeptKey         = dtls.KeptKey

	Tap   = exchange.Tap
	Watch = exchange.Watch
)
