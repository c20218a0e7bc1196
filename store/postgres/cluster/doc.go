// Package cluster is how a PostgreSQL database is reached: connections to whichever of its hosts takes edits,
// transactions that are tried again where that is safe, and errors in the words of package store.
//
// An edit decides, then writes: what it reads takes one round trip or two, and all that it writes goes with the
// commit in one more. It is tried again where the database says that another edit came between (serialization
// failure, deadlock, a key that another has just taken), and where the connection is lost before the commit
// was sent. Where it is lost after that, the database is asked whether the edit was stored: see [DB.Edit].
package cluster
