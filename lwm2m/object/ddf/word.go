package ddf

import (
	"regexp"
	"strings"
	"unicode"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// A vocabulary is the schema's word for yes and that for no.
type vocabulary map[bool]string

var (
	instances = vocabulary{true: "Multiple", false: "Single"}
	presence  = vocabulary{true: "Mandatory", false: "Optional"}
)

// yesOrNo are words that people write for either vocabulary. "1" is not among them: one
// instance is no several.
var yesOrNo = map[string]bool{"yes": true, "y": true, "true": true, "no": false, "n": false, "false": false}

// wordOf reads a word of v, in any letter case, or yes or no; known is false for others.
func wordOf(v vocabulary, text string) (value, known bool) {
	folded := foldWord(text)
	for value, word := range v {
		if folded == foldWord(word) {
			return value, true
		}
	}
	value, known = yesOrNo[folded]
	return value, known
}

// mandatory reads whether every Client has an Object or a Resource; anything else is optional.
func (r *reader) mandatory(line int, text string) bool {
	value, known := wordOf(presence, text)
	if !known {
		r.note(line, "Mandatory is %q: want Mandatory or Optional: it is read as Optional", text)
		return false
	}
	r.differs(line, "Mandatory", text, presence[value])
	return value
}

// differs notes a word that is not the schema's.
func (r *reader) differs(line int, element, text, schema string) {
	if text = strings.TrimSpace(text); text != schema {
		r.note(line, "%s is %q: it is read as %s", element, text, schema)
	}
}

// types are the data types of the schema; nothing stands for a Resource that is executed.
var types = map[string]lwm2m.Type{
	"":                 lwm2m.TypeNone,
	"String":           lwm2m.TypeString,
	"Integer":          lwm2m.TypeInteger,
	"Unsigned Integer": lwm2m.TypeUnsigned,
	"Float":            lwm2m.TypeFloat,
	"Boolean":          lwm2m.TypeBoolean,
	"Opaque":           lwm2m.TypeOpaque,
	"Time":             lwm2m.TypeTime,
	"Objlnk":           lwm2m.TypeObjectLink,
	"Corelnk":          lwm2m.TypeCoreLink,
}

// otherTypes are other words that people write for data types.
var otherTypes = map[string]string{
	"int": "Integer", "signedinteger": "Integer", "uint": "Unsigned Integer", "unsigned": "Unsigned Integer", "unsignedint": "Unsigned Integer",
	"double": "Float", "bool": "Boolean", "str": "String",
	"objlink": "Objlnk", "objectlnk": "Objlnk", "objectlink": "Objlnk", "corelink": "Corelnk",
	"none": "", "na": "",
}

// bitWidth is the size in the name of a type: "Integer (32 bit)", "uint8".
var bitWidth = regexp.MustCompile(`^(?:8|16|32|64)bits?|(?:8|16|32|64)(?:bits?)?$`)

// typeOf reads a data type, and returns its name in the schema.
func typeOf(text string) (t lwm2m.Type, schema string, known bool) {
	text = strings.TrimSpace(text)
	if t, known = types[text]; known {
		return t, text, true
	}
	folded := bitWidth.ReplaceAllString(foldWord(text), "")
	if other, ok := otherTypes[folded]; ok {
		return types[other], other, true
	}
	for word, t := range types {
		if folded == foldWord(word) {
			return t, word, true
		}
	}
	return lwm2m.TypeNone, "", false
}

// operationWords are words that people write for the letters of the schema.
var operationWords = map[string]object.Operations{
	"read": object.Readable, "readable": object.Readable, "write": object.Writable, "writable": object.Writable, "writeable": object.Writable,
	"readwrite": object.Readable | object.Writable, "execute": object.Executable, "exec": object.Executable, "executable": object.Executable,
	"readonly": object.Readable, "writeonly": object.Writable, "only": 0, "and": 0, "none": 0,
}

// operationLetters are the letters of the schema, in lower case.
var operationLetters = map[rune]object.Operations{'r': object.Readable, 'w': object.Writable, 'e': object.Executable}

// operationsOf reads what servers may do with a Resource: "RW", "r/w", "Read, Write".
func operationsOf(text string) (all object.Operations, known bool) {
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		op, ok := operationWords[word]
		if !ok && strings.Trim(word, "rwe") != "" {
			return 0, false
		}
		for _, letter := range word {
			if !ok {
				op |= operationLetters[letter]
			}
		}
		all |= op
	}
	return all, true
}

// foldWord returns the letters and digits of text in lower case.
func foldWord(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
