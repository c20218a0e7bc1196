// Package pskhandshake is the server's side of the handshake of DTLS 1.2 with a pre-shared key
// (RFC 6347 §4.2, RFC 4279 §2), as a state machine that does nothing by itself: a [Handshake] takes
// one record at a time, with the time of day, and returns the datagram to send. It has no goroutine,
// no timer, no socket and no source of randomness, and keeps about a kilobyte.
//
//	         Begin                 Take                Key                Take
//	cookie -------> ServerHello ---------> NeedsKey ---------> Waiting ---------> Complete
//	returned        is sent;     ClientKey-          keys are           Finished,
//	                Waiting      Exchange            derived            authentic
//
// It begins where the client has returned its cookie, which is the business of package hello: what it
// sends from then on goes to a validated address. It ends with a [record.Layer], with which the
// association goes on.
//
// What holds in each state, whatever comes in whatever order:
//
//   - It is Complete only after a Finished that was authentic under the keys that follow from the
//     pre-shared key, in epoch 1, over the very messages that were exchanged.
//   - What is not authentic, and what is out of place, changes nothing and is not answered. In the
//     clear only a ClientKeyExchange that makes no sense, or an alert, ends a handshake.
//   - With a wrong key nothing is sent after the Finished of the client, and nothing after that tells
//     it from a lost datagram. So an unknown identity, for which Key is given a key that was made up,
//     looks like a wrong key.
//   - ServerHello is sent again when its time has come (RFC 6347 §4.2.4), and when the client repeats
//     its ClientHello, cookie included.
//   - The epoch of a record alone says under which keys it is: a ChangeCipherSpec, which may be lost
//     or overtaken, changes nothing.
//   - No record number is used twice, and no record of the client is taken twice.
package pskhandshake
