//go:build race

package coap

// memoryFactor is how much more memory a goroutine may take in this build: the race detector
// makes frames larger.
const memoryFactor = 2
