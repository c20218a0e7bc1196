//go:build race

package coaptest

// MemoryFactor is how much more memory a goroutine may take in this build: the race detector
// makes frames larger.
const MemoryFactor = 2
