package coap

import (
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/dtls/kept"
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
	Keeper          = kept.Keeper
	KeptAssociation = kept.Association
	KeptKey         = kept.Key

	Tap   = exchange.Tap
	Watch = exchange.Watch
)
