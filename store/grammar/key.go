package grammar

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A Kind is the type of the value of a key.
type Kind int

// The kinds.
const (
	Text        Kind = iota // text
	Word                    // one of a few words
	Boolean                 // true or false
	Integer                 // a whole number
	Duration                // "24h", or a number of seconds
	Bytes                   // "hex:…" or "base64:…"
	Path                    // an LwM2M path, such as /3/0
	Version                 // of an Object, such as 1.1
	Texts                   // a list of texts, or one text
	Mapping                 // a mapping Of
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

	// Unless names another key; where that is there, this Required one need not be. Empty for none.
	Unless string

	// Words are the possible words of a Word or a DeleteRule.
	Words []string

	// Min and Max are the bounds of an Integer, both included. With ZeroIsDefault zero is possible
	// too, and means the same as leaving the key out.
	Min, Max      int64
	ZeroIsDefault bool

	// Positive is whether a Duration must be more than zero.
	Positive bool

	// Template is whether the value may be a template.
	Template bool

	// Default says what leaving the key out means; empty where that is obvious.
	Default string

	// Doc is one sentence, or more, for those who write profiles.
	Doc string

	// Of is the section of a Mapping, a List or AccessRules.
	Of *Section
}

// A Section is a mapping: the profile itself, or one inside it.
type Section struct {
	Name string // the type of package store that holds it
	Keys []Key

	// Named is whether it may also have Resources of Objects 0 and 1, under their registry names.
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
	i, ok := fieldsOf(record.Type())[key]
	if !ok {
		return reflect.Value{}, false
	}
	return record.Field(i), true
}

// fieldIndexes has, by the type of a record, the index of the field of each key.
var fieldIndexes sync.Map

func fieldsOf(record reflect.Type) map[string]int {
	if known, ok := fieldIndexes.Load(record); ok {
		return known.(map[string]int)
	}
	indexes := make(map[string]int, record.NumField())
	for i := range record.NumField() {
		name, _, _ := strings.Cut(record.Field(i).Tag.Get("json"), ",")
		if _, twice := indexes[name]; !twice {
			indexes[name] = i
		}
	}
	fieldIndexes.Store(record, indexes)
	return indexes
}

// CheckWord reports a word that the key does not have; the empty word is its default.
func (k Key) CheckWord(word string) error {
	if word == "" || slices.Contains(k.Words, word) {
		return nil
	}
	return fmt.Errorf("%q is not one of %v", word, k.Words)
}

// CheckInteger reports a number out of the key's range.
func (k Key) CheckInteger(n int64) error {
	if n == 0 && k.ZeroIsDefault || n >= k.Min && n <= k.Max {
		return nil
	}
	return fmt.Errorf("%d is not a whole number of %d to %d", n, k.Min, k.Max)
}
