// Package osfile asks the operating system two things about the database's file: its lock, and what
// tells it from a copy of it.
package osfile
