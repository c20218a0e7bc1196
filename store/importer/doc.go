// Package importer converts the data of other Bootstrap-Servers to profiles and devices: the stores
// of the Leshan demo server ([Leshan]) and the file of Wakaama's example server ([Wakaama]). It reads
// bytes and returns records. It stores nothing, and the Bootstrap-Server checks whether the records
// make sense.
//
// Devices that are given the same share one profile. Keys and identities go into the device records;
// no text of this package repeats a key.
package importer
