//go:build !unix

package simulate

// raiseFileLimit has nothing to see to where sockets are not limited with files.
func raiseFileLimit(int) error { return nil }
