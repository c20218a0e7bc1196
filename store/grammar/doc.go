// Package grammar is the table of the keys that a profile may have: type, range, default and meaning
// of each. The reader and the writer of profile files, the checks of the Bootstrap-Server, the JSON
// Schema for editors and the reference in docs/profile.md follow from it; a test compares the schema
// of the admin API with it.
//
// A new key needs a field in the record of package store, with the same name in its JSON
// form, and one line in the table.
package grammar
