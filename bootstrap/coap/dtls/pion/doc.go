// Package pion runs DTLS handshakes with the library of that name, and is the only package that
// does: [Accept] that of a server, with an [Authenticator] that answers what the handshake asks,
// and [Connect] that of a client. After its handshake a server needs pion no more: the [Agreement]
// has all that package record goes on with.
//
// The one thing that pion has no option for is the cookie: the client has returned one of the
// server before pion begins. It is written into the state of the association by reflection, and
// a test notices when a later pion keeps it elsewhere.
package pion
