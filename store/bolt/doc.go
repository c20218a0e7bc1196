// Package bolt keeps devices, profiles and sessions in one bbolt file.
//
// The buckets, all at the top:
//
//	meta              schema → number, keycheck → sealed text, known|strangers|devices|profiles|associations → count, run → mark
//	device            endpoint → record
//	identity          kind 0 identity → endpoint
//	device_tag        tag 0 endpoint → ∅
//	device_profile    profile 0 endpoint → ∅
//	profile           name → record
//	session           id → record
//	session_endpoint  endpoint 0 id → ∅
//	session_identity  identity 0 id → ∅
//	session_failed    id → ∅
//	session_known     id → endpoint   (of devices; oldest out first)
//	session_stranger  id → endpoint   (of unknown devices; likewise)
//	association       time 8 bytes, id 16 bytes → record   (not in a backup)
//
// 0 is a zero byte, which no endpoint, tag or profile name can have.
//
// One goroutine writes. It takes all edits that are waiting into one transaction, so
// that the cost of the disk's sync is shared, and tells each caller when that is done.
// Reads run beside it.
package bolt
