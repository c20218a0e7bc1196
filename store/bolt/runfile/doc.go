// Package runfile is the small file beside a database that tells whether the DTLS associations in the
// database are the newest ones that there ever were of it.
package runfile
