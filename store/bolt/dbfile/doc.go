// Package dbfile is the bbolt file that a database is in: how it is opened, read and edited although
// parts of it may be damaged. It knows buckets, keys and values, and nothing of records.
//
// One goroutine writes. It takes all edits that are waiting into one transaction, so that the cost of
// the disk's sync is shared, and tells each caller when that is done. Reads run beside it.
//
// A page that is damaged ends what was asked of it, and not the process. Where an edit needs a page
// that holds no more than an index or the history, the file is opened anew without that page, and its
// user fills the index again: see [Hooks].
package dbfile
