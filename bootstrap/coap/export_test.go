package coap

import (
	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/exchange"
)

// Resting reports whether an association may make room for another.
func Resting(c bootstrap.Conn) bool { return c.(*exchange.Conn).Idle() }
