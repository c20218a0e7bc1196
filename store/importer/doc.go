// Package importer turns the data of other Bootstrap-Servers into profiles and devices:
// the stores of the Leshan demo server ([Leshan]) and the file of Wakaama's
// ([Wakaama]). It reads bytes and returns records; nothing is kept, and whether the
// records make sense is for the Bootstrap-Server to say.
//
// What is the same for several devices becomes one profile. Keys and identities become
// part of the device records; no text of this package repeats a key.
package importer
