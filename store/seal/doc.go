// Package seal seals secrets with AES-256-GCM, and reads and writes the file with the keys for that.
package seal
