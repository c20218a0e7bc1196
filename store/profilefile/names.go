package profilefile

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// camelCase returns a registry name as a key of a profile: "Default Minimum Period" becomes
// "defaultMinimumPeriod".
func camelCase(name string) string {
	var out strings.Builder
	for i, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if i == 0 {
			word = strings.ToLower(word)
		} else {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		out.WriteString(word)
	}
	return out.String()
}

// named reports whether the name of d is a key of a profile.
func named(o lwm2m.ObjectID, d object.ResourceDefinition) bool {
	_, taken := owned[o][d.ID]
	return d.Settable() && !d.Secret && !taken
}

// resourceNames are the keys of the Resources of an Object that a profile may set.
func resourceNames(def object.Definition) []string {
	var out []string
	for _, d := range def.Resources {
		if named(def.ID, d) {
			out = append(out, camelCase(d.Name))
		}
	}
	return out
}

// accountNames are the keys of the Resources that an account may have.
func accountNames() []string {
	server, _ := object.Lookup(lwm2m.ObjectServer)
	security, _ := object.Lookup(lwm2m.ObjectSecurity)
	return slices.Concat(resourceNames(server), resourceNames(security))
}

// DidYouMean returns the end of a message about an unknown word, with the known word that was
// probably meant; empty where none is similar.
func DidYouMean(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return ": did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}

// Nearest returns the known word that want was probably meant to be; empty where more than two
// letters, or more than half of them, are wrong.
func Nearest(want string, known []string) string {
	const longest = 100 // bytes; no known word is that long
	best, distance := "", 3
	if len(want) > longest {
		return best
	}
	for _, k := range known {
		if d := editDistance(strings.ToLower(want), strings.ToLower(k)); d < distance && 2*d <= len(want) {
			best, distance = k, d
		}
	}
	return best
}

// editDistance returns how many letters must be added, removed or replaced.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// printable returns a key in a form for a message of one line.
func printable(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(key)
	}
	return key
}
