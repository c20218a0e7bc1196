// Package trace records the CoAP messages of sessions for a field engineer, as a file of the form
// pcapng that Wireshark shows as CoAP over UDP. Messages over DTLS are recorded decrypted.
//
// A message is recorded as it was sent, but that values of secret Resources are blanked: keys,
// identities and certificates of accounts, every opaque value, and what the definitions of Objects
// call secret. A payload that cannot be decoded, or whose blanking would change its length, is blanked
// whole. Blocks of one payload are blanked after the last one has come.
package trace
