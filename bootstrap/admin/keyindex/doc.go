// Package keyindex warns of keys that two devices have, or one device twice.
package keyindex
