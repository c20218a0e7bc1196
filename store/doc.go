// Package store is the contract between the Bootstrap-Server and the backends that store its
// records: devices, profiles and sessions, their revisions, and the errors that callers branch
// on. Package store/rows turns records into stored bytes, and package store/seal seals their secrets.
//
// A device is one record with one revision; edits are compare-and-swap on it. The contract has no
// transactions, because a cluster cannot honour them.
package store
