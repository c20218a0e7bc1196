// Package devicefile imports files of devices: tables as spreadsheets write them, files of
// PSK identities and keys, JSON lines, and files of other systems. It reads a row at a time, puts the rows as one batch of
// the admin API, and tells what became of each.
//
// A row is a device as a whole: it is put, or refused with what is wrong and where. An empty cell
// changes nothing. A file that is imported once more changes nothing.
package devicefile
