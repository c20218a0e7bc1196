package ddf

import (
	"regexp"
	"strconv"
	"strings"

	"lwbs/lwm2m/object"
)

// labelled is a value of an enumeration with what it means: "0: disabled", "1 = on",
// "2 - auto", "3 (default)".
var labelled = regexp.MustCompile(`^([+-]?\d+)(?: *[:=] *(\S.*)| +- *(\pL.*)| *\(([^)]*)\))$`)

// anotherLabel is in a label that runs on into the next: "0: off 1: on".
var anotherLabel = regexp.MustCompile(`\d *[:=]`)

// enumeration returns the values that text lists with their meanings; nil where it does not. In lines,
// or between semicolons, a comma belongs to a meaning, and a value may have no meaning.
func enumeration(text string) (all []object.Interval) {
	separator, some := ",", false
	if strings.ContainsAny(text, "\n;|") {
		separator = "\n;|"
	}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separator, r) }) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		value := part
		if m := labelled.FindStringSubmatch(part); m != nil && !anotherLabel.MatchString(m[2]+m[3]+m[4]) {
			value, some = m[1], true
		} else if separator == "," {
			return nil
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, object.Interval{Min: float64(n), Max: float64(n)})
	}
	if !some {
		return nil
	}
	return all
}
