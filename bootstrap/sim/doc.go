// Package sim is a simulated LwM2M Client: it holds Objects, bootstraps over a real
// association as a device does, and registers at the LwM2M Server that it was given.
// Tests, the demonstration and load generators play devices with it.
//
// It knows no socket: whoever uses it passes functions that dial.
package sim
