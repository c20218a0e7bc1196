//go:build !race

package coaptest

// MemoryFactor is how much more memory a goroutine may take in this build.
const MemoryFactor = 1
