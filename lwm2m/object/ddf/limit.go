package ddf

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// limit bounds the values of d as the text of RangeEnumeration says; problem says what is wrong with
// it. Much of that text in the registry is for people and sets no bound; nor does a single number,
// which may be the value, the greatest or the length. A wrong bound is worse than none: of two
// meanings the wider counts, and neither where none includes the other.
func limit(d *object.ResourceDefinition, text string) (problem string) {
	switch d.Type {
	case lwm2m.TypeInteger, lwm2m.TypeUnsigned, lwm2m.TypeFloat, lwm2m.TypeString, lwm2m.TypeOpaque:
	default:
		return ""
	}
	text = plainSigns(text)
	if m := width.FindStringSubmatch(text); m != nil && d.Type == lwm2m.TypeUnsigned {
		bits, _ := strconv.Atoi(m[1])
		bound(d, []object.Interval{{Min: 0, Max: math.Exp2(float64(bits)) - 1}})
		return ""
	}
	bound(d, meaning(d, text))
	if m := backwards.FindStringSubmatch(text); m != nil {
		from, err1 := strconv.ParseFloat(m[1], 64)
		to, err2 := strconv.ParseFloat(m[2], 64)
		if err1 == nil && err2 == nil && from > to {
			return strconv.Quote(text) + " ends below its start: it bounds nothing"
		}
	}
	return ""
}

// width is a size in bits.
var width = regexp.MustCompile(`^([1-9]|[1-5]\d|6[0-4])[ -]?bits?$`)

var backwards = regexp.MustCompile(`^([+-]?\d+(?:\.\d+)?) *(?:\.{2,3}|[-~]|to) *([+-]?\d+(?:\.\d+)?)$`)

// signs that people and word processors write for plain ones.
var signs = strings.NewReplacer(
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2015", "-", "\u2212", "-", "\ufe63", "-", "\uff0d", "-",
	"\u2026", "..", "\u2025", "..", "\u223c", "~", "\u301c", "~", "\uff5e", "~",
	"\u00a0", " ", "\u2009", " ", "\u202f", " ", "\u2007", " ", "\t", " ", "\r\n", "\n", "\r", "\n",
	"\u2019", "'", "\uff0c", ", ", "\uff1b", ";", "\uff1a", ":",
)

// plainSigns is text in lower case, with plain signs, without brackets around the whole.
func plainSigns(text string) string {
	text = strings.TrimRight(strings.ToLower(strings.TrimSpace(signs.Replace(text))), ",;. ")
	for _, form := range []*regexp.Regexp{closed, worded} {
		if m := form.FindStringSubmatch(text); m != nil {
			return m[1] + ".." + m[2]
		}
	}
	for _, around := range []string{"[]", "{}"} {
		if inner, ok := strings.CutPrefix(text, around[:1]); ok && strings.HasSuffix(inner, around[1:]) {
			return strings.TrimSpace(inner[:len(inner)-1])
		}
	}
	return text
}

// closed is an interval in mathematical notation: "[0, 3]".
var closed = regexp.MustCompile(`^\[ *([+-]?[\d.]+) *[,;:] *([+-]?[\d.]+) *\]$`)

// worded is an interval in words: "between 0 and 3".
var worded = regexp.MustCompile(`^(?:from|between) +([^ ]+) +(?:to|and) +(.+)$`)

// bound sets the bounds of d, unless all is one number.
func bound(d *object.ResourceDefinition, all []object.Interval) {
	switch {
	case len(all) == 1 && all[0].Min == all[0].Max:
	case len(all) == 1 && whole(all[0]):
		d.Min, d.Max = int64(all[0].Min), int64(all[0].Max)
	default:
		d.Allowed = all
	}
}

// whole reports whether the ends of i are whole numbers that a float64 tells exactly.
func whole(i object.Interval) bool {
	const exact = 1 << 53
	return -exact <= i.Min && i.Max <= exact && i.Min == math.Trunc(i.Min) && i.Max == math.Trunc(i.Max)
}

// meaning returns what the readings of text agree on.
func meaning(d *object.ResourceDefinition, text string) []object.Interval {
	isLength := d.Type == lwm2m.TypeString || d.Type == lwm2m.TypeOpaque
	if all := enumeration(text); all != nil {
		if isLength { // the values themselves
			return nil
		}
		return all
	}
	var found [][]object.Interval
	for _, r := range readingsOf(d.Type) {
		if all := r.intervals(d, text); all != nil {
			found = append(found, all)
		}
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(all []object.Interval) bool { return !ascending(all) })
	}
	for _, all := range found {
		if !slices.ContainsFunc(found, func(other []object.Interval) bool { return !admits(all, other) }) {
			return all
		}
	}
	return nil
}

// admits reports whether all that b has within is within a, too. One number alone may mean
// anything.
func admits(a, b []object.Interval) bool {
	if alone(a) || alone(b) {
		return alone(a)
	}
	return !slices.ContainsFunc(b, func(i object.Interval) bool {
		return !slices.ContainsFunc(a, func(j object.Interval) bool { return j.Min <= i.Min && i.Max <= j.Max })
	})
}

func alone(all []object.Interval) bool { return len(all) == 1 && all[0].Min == all[0].Max }

// ascending reports whether each interval is above the one before it, as in a list that was meant as
// one.
func ascending(all []object.Interval) bool {
	for i := range all {
		if i > 0 && all[i].Min <= all[i-1].Max {
			return false
		}
	}
	return true
}
