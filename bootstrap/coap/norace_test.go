//go:build !race

package coap

// memoryFactor is how much more memory a goroutine may take in this build.
const memoryFactor = 1
