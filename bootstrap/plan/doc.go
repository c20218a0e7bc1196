// Package plan decides which operations give a client what it is to have: which Instances are
// deleted, which Instance IDs the written ones get, in which order and in which pieces they are
// written.
//
// [Make] plans a session, [MakePack] the content of a Bootstrap-Pack. Both are pure functions of
// the profile, the device record, the resolved Bootstrap Information and the client's answer to
// Bootstrap-Discover; what they decide has golden tests. No plan touches the Bootstrap-Server
// Account unless it is to be replaced and the client told where it is.
//
// What a client was given before is part of the device record: [Remember] keeps it, and the next
// plan completes with it what the client does not tell. [Check] tells before there is a client
// what cannot be written to any.
package plan
