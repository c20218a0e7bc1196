package ddf

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// A reading is one way to read a text as a list of intervals: what a comma, a point or a space means.
type reading struct {
	needs      *regexp.Regexp // matches a text for which the reading differs from others
	separators *regexp.Regexp
	interval   *regexp.Regexp // its groups: number, unit, and of the end number, unit
	number     func(text string) (float64, error)
}

// intervalOf matches two numbers with what stands for a range between them: "0..255", in
// older files "0-255"; or one. There may be a unit behind each.
func intervalOf(number string) *regexp.Regexp {
	one := `([+-]?(?:` + number + `))(?: *([\pL%°/][\pL\d%°/²³]*))?`
	return regexp.MustCompile(`^` + one + `(?: *(?:\.{2,3}|[-~]| to ) *` + one + `)?$`)
}

var (
	everyComma = regexp.MustCompile(` *[,;|\n]\s*| or `)
	looseComma = regexp.MustCompile(` *[;|\n]\s*| *,\s+| or `)

	// Every comma is between two values.
	plain = reading{
		needs: regexp.MustCompile(``), separators: everyComma,
		interval: intervalOf(`\d+\^\d+(?:-1)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?`), number: parsePlain,
	}
	// Thousands are apart: "65,535", "65.535", "65 535", "65'535". A fraction of a Float has
	// a point before it.
	groupedWhole = reading{
		needs: regexp.MustCompile(`\d[,. '_]\d{3}(?:\D|$)`), separators: looseComma,
		interval: intervalOf(`[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d{0,2}(?:[ '_]\d{3})+|\d+`), number: without(",. '_"),
	}
	groupedFloat = reading{
		needs: regexp.MustCompile(`\d[, '_]\d{3}(?:\D|$)`), separators: looseComma,
		interval: intervalOf(`(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?:[ '_]\d{3})+|\d+)(?:\.\d+)?`), number: without(", '_"),
	}
	// A comma is before the fraction: "0,5".
	decimalComma = reading{
		needs: regexp.MustCompile(`\d,\d`), separators: looseComma, interval: intervalOf(`\d+(?:,\d+)?`),
		number: func(text string) (float64, error) {
			return strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
		},
	}
)

func readingsOf(t lwm2m.Type) []reading {
	if t == lwm2m.TypeFloat {
		return []reading{plain, groupedFloat, decimalComma}
	}
	return []reading{plain, groupedWhole}
}

func without(signs string) func(string) (float64, error) {
	return func(text string) (float64, error) {
		return strconv.ParseFloat(strings.Map(func(r rune) rune {
			if strings.ContainsRune(signs, r) {
				return -1
			}
			return r
		}, text), 64)
	}
}

// parsePlain reads a number, or a power such as "2^32-1".
func parsePlain(text string) (float64, error) {
	base, exponent, power := strings.Cut(text, "^")
	b, err := strconv.ParseFloat(base, 64)
	if !power || err != nil {
		return b, err
	}
	exponent, minusOne := strings.CutSuffix(exponent, "-1")
	e, err := strconv.ParseFloat(exponent, 64)
	if minusOne {
		return math.Pow(b, e) - 1, err
	}
	return math.Pow(b, e), err
}

// intervals returns the intervals that text lists as bounds of d; nil where a part of it is something
// else.
func (r reading) intervals(d *object.ResourceDefinition, text string) (all []object.Interval) {
	if !r.needs.MatchString(text) {
		return nil
	}
	unit := ""
	for _, part := range r.separators.Split(text, -1) {
		m := r.interval.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil
		}
		i, ok := r.parse(m[1], m[3])
		if !ok || d.Type != lwm2m.TypeFloat && (i.Min != math.Trunc(i.Min) || i.Max != math.Trunc(i.Max)) {
			return nil
		}
		for _, u := range []string{unitNamed(m[2]), unitNamed(m[4])} {
			if u != "" && unit != "" && u != unit {
				return nil
			}
			if u != "" {
				unit = u
			}
		}
		all = append(all, i)
	}
	if d.Type == lwm2m.TypeString || d.Type == lwm2m.TypeOpaque {
		return lengths(d, all, unit)
	}
	if own := unitNamed(strings.ToLower(d.Unit)); unit == bit && own != bit || unit != "" && unit != octet && own != "" && unit != own {
		return nil
	}
	return all
}

func (r reading) parse(from, to string) (i object.Interval, ok bool) {
	if to == "" {
		to = from
	}
	var err1, err2 error
	i.Min, err1 = r.number(from)
	i.Max, err2 = r.number(to)
	return i, err1 == nil && err2 == nil && i.Min <= i.Max
}

// lengths are bounds of the length in bytes. Numbers in a list without a unit, or those
// of a String with a unit of its own, are values of the text and no lengths.
func lengths(d *object.ResourceDefinition, all []object.Interval, unit string) []object.Interval {
	own := unitNamed(strings.ToLower(d.Unit))
	if unit == "" && (own == octet || own == bit) {
		unit = own
	}
	if d.Type == lwm2m.TypeString && unit == "" && (len(all) > 1 || d.Unit != "") || unit != "" && unit != octet && unit != bit {
		return nil
	}
	for i := range all {
		if all[i].Min < 0 {
			return nil
		}
		if unit == bit {
			all[i] = object.Interval{Min: math.Ceil(all[i].Min / 8), Max: math.Ceil(all[i].Max / 8)}
		}
	}
	return all
}
