// Package profile says what a device is given under its profile, and what is wrong with the two.
//
// [Provide] is what a session gives to a client that came: it fills in templates, makes the keys
// that are still missing, decides about the Bootstrap-Server Account, and resolves the whole to
// Bootstrap Information. [Resolve] is the part of it that makes nothing new.
//
// [Check] finds what is wrong with a profile before there is a device: it is resolved for a
// made-up one. [CheckDevice] finds what is wrong with a device under its profile. A [Trial] finds
// out what becomes of the devices that have a profile, where another is to replace it. Each
// [Finding] names its place in the words of the profile.
//
// The package is pure: it reads no store, and its randomness is an argument. What a key of a
// profile may hold is in package store/grammar; the operations that write the result are those of
// package bootstrap/plan, which is asked by the checks whether the result can be written at all.
package profile
