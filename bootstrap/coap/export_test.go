package coap

import "lwbs/bootstrap"

// Resting reports whether an association may make room for another.
func Resting(c bootstrap.Conn) bool { return c.(*conn).resting() }
