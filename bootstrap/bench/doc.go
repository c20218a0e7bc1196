// Package bench measures the server as its devices and its attackers find it: storms of
// devices that start at the same moment, floods of forged datagrams, links that lose.
// "make bench-transport" runs it; docs/benchmarks.md tells what came out.
//
// The server is lwbs itself, in a process of its own, so that memory and processor time
// are those of the server alone. The devices are in the process of the benchmark: lean
// ones, since both share the processors, and on addresses of their own in 127.0.0.0/8.
//
// A benchmark reports a ratio to a baseline of the same run, and in one line whether the
// target is reached. It fails only where a device is lost.
package bench
