// Package memory remembers what the last transaction left in a database, so that most reads need no page of
// it: records, and how many devices groups have.
package memory
