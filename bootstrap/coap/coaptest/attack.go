package coaptest

import (
	"net/netip"
	"runtime"
	"time"
)

// MemoryOf returns how many bytes of heap and stacks are in use after attack that were not before,
// garbage left out. What the attack began may still be under way: while more than limit are in
// use it measures again, for up to ten seconds.
func MemoryOf(limit int, attack func()) (took int) {
	before := memoryInUse()
	attack()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if took = memoryInUse() - before; took <= limit || time.Now().After(deadline) {
			return took
		}
	}
}

func memoryInUse() int {
	runtime.GC()
	runtime.GC() // what the first finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// Attacker is the i-th address of an attack that comes from 16 networks.
func Attacker(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i % 16), 1}), uint16(1024+i))
}
