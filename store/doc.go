// Package store is the contract between the Bootstrap-Server and whatever keeps its
// records: devices, profiles and sessions, their revisions, and the errors that
// callers branch on. It also holds the codec that turns a record into the bytes
// that are kept, with every secret sealed.
//
// A device is one record with one revision; edits are compare-and-swap on it. There
// is no transaction in the contract, because a cluster cannot honour one.
package store
