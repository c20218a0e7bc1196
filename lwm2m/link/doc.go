// Package link reads and writes link format (RFC 6690), and what an LwM2M Client tells in it
// when it is discovered (LwM2M Core 1.2 §6.1.7.2).
package link
