// Package provision reads from the records of a device what it is given, keeps new keys before the
// client can have them, and edits the record after the client has what it was given.
//
// What follows from a record and its profile is decided in bootstrap/profile.
package provision
