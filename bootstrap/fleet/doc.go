// Package fleet plays many simulated devices against one LwM2M Bootstrap-Server, each with a socket and a
// handshake of its own, and measures how they fare: success, latency, datagrams, what the server spends.
//
// The load is open: devices come when the [Arrival] says, whether or not the server keeps up. Latencies are
// counted from the time at which a device was due, not from when this process came to it, so that a server
// that stalls does not look better for it (coordinated omission).
package fleet
