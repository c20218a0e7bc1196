// Package outbox delivers the messages that edits have left in the store: to LwM2M Servers that are to
// forget a device, and to those that are told of events.
//
// An [Outbox] delivers each message at least once, and those of one device to one receiver in their order.
// A receiver that cannot be reached is tried again after ever longer pauses, and stops no other. What is
// refused again and again, or is too old, becomes a dead letter, which an operator can have delivered
// again. The store has all of it, so that a process that is killed loses nothing.
package outbox
