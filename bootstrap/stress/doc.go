// Package stress holds tests of the whole server with simulated devices over links that
// lose, repeat, delay and reorder datagrams, and with peers that are odd in one way each.
//
// LWBS_STRESS_DEVICES sets how many devices there are; "make stress" uses a thousand. One
// test repeats it in a network namespace with tc-netem(8), where the machine allows that.
package stress
