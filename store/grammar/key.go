package grammar

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A Kind is what a key takes.
type Kind int

// The kinds.
const (
	Text        Kind = iota // text
	Word                    // one of few words
	Boolean                 // true or false
	Integer                 // a whole number
	Duration                // "24h", or a number of seconds
	Bytes                   // "hex:…" or "base64:…"
	Path                    // an LwM2M path, such as /3/0
	Version                 // of an Object, such as 1.1
	Texts                   // a list of texts, or one of them alone
	Mapping                 // another mapping, Of
	List                    // a list of mappings Of
	Resources               // Resources of an Object by ID or name
	Rights                  // access rights by Short Server ID
	DeleteRule              // a word, or a list of paths
	AccessRules             // a list of mappings Of, or the word none
)

// A Key is one key of a mapping.
type Key struct {
	Name     string
	Kind     Kind
	Required bool

	// Words are those of a Word, or of a DeleteRule.
	Words []string

	// Min and Max are the bounds of an Integer, both possible. Zero is possible besides,
	// where ZeroIsDefault: it means the same as leaving the key out.
	Min, Max      int64
	ZeroIsDefault bool

	// Positive is whether a Duration is more than zero.
	Positive bool

	// Template is whether the value may be a template.
	Template bool

	// Default is what it means to leave the key out, in words; empty where that needs none.
	Default string

	// Doc is one sentence, or more, for those who write profiles.
	Doc string

	// Of are the keys of a Mapping, a List or AccessRules.
	Of *Section
}

// A Section is a mapping: the profile itself, or one inside it.
type Section struct {
	Name string // as the type of package store that holds it
	Keys []Key

	// Named is whether Resources of Objects 0 and 1 may stand in it besides, under their
	// registry names.
	Named bool
}

// Key returns the key of that name.
func (s *Section) Key(name string) (Key, bool) {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return s.Keys[i], true
}

// Field returns the field of a record, a struct of package store, that holds a key.
func Field(record reflect.Value, key string) (reflect.Value, bool) {
	for i := range record.NumField() {
		name, _, _ := strings.Cut(record.Type().Field(i).Tag.Get("json"), ",")
		if name == key {
			return record.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// CheckWord reports why word is none of the key's; the empty word is its default.
func (k Key) CheckWord(word string) error {
	if word == "" || slices.Contains(k.Words, word) {
		return nil
	}
	return fmt.Errorf("%q is not one of %v", word, k.Words)
}

// CheckInteger reports why n is out of the key's range.
func (k Key) CheckInteger(n int64) error {
	if n == 0 && k.ZeroIsDefault || n >= k.Min && n <= k.Max {
		return nil
	}
	return fmt.Errorf("%d is not a whole number of %d to %d", n, k.Min, k.Max)
}
