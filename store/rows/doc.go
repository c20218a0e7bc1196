// Package rows turns the records of package store into stored bytes and back. Every secret in the bytes
// is sealed, and bound to the record and the field that it belongs to.
package rows
