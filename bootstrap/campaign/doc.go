// Package campaign has devices bootstrap again, at a rate: it asks their LwM2M Servers to execute the
// Bootstrap-Request Trigger, and notes what becomes of each.
//
// A campaign is a record of the store, and so is how far it has come: a server that was killed goes on where
// it was. Before a device is asked it is on record that it is being asked; where the server was killed in
// between, it is asked again, which does no harm.
//
// One goroutine has all that changes: it asks, it reads what the sessions of the server bring, and it decides
// what follows. Others only carry requests to LwM2M Servers.
package campaign
