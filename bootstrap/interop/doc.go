// Package interop holds the tests of lwbs against LwM2M stacks that others wrote:
// Leshan and Wakaama. They run the command as an operator does, and count a bootstrap as
// done only when the foreign device has registered with the account it was given, at a
// server that accepts no other.
//
// The tests have the build tag interop; "make interop" builds the peers in testdata first.
// A missing peer skips its tests, or fails them where the environment has INTEROP=require.
package interop
