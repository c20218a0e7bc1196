// Package link reads and writes link format (RFC 6690), and the answers to Bootstrap-Discover that are
// written in it (LwM2M Core 1.2 §6.1.7.2).
package link
