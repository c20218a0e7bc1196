// Package pending keeps the list of unknown devices that wait for approval.
//
// A device gets on the [List] when it asks to be bootstrapped where unknown devices are parked, and
// leaves it when an operator approves it: then it has a record like any other. It stays on the list
// when its session ends before that, and over a restart of the server, so that it can be approved
// while it is away, and is served when it comes again. A device that was rejected stays too, so that
// it is refused when it comes again.
//
// The list is bounded, and so are the shares that one network and one credential may have of it.
// Devices of plain CoAP, which did not authenticate, have a share of their own, so that they take no
// place of others.
//
// The package does not know sessions: package bootstrap tells it which devices are waiting, and is
// told which were decided about.
package pending
