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
//	device_handed_over  server 0 identity 0 endpoint → ∅
//	outbox            receiver 0 id 8 bytes → record
//	outbox_dead       receiver 0 id 8 bytes → record   (dead letters)
//	outbox_count      receiver → counts; 0 → those of all
//	outbox_told       once 0 text → until when; series 0 endpoint → failures
//
// 0 is a zero byte, which no endpoint, tag or profile name can have.
//
// How the file is opened, read and written is in package store/bolt/dbfile. What it asks of the records,
// such as to fill an index again that was on a damaged page, are its hooks: see [Open].
package bolt
