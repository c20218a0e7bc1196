package ddf

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"

	"lwbs/lwm2m"
)

// interval is a range as the registry writes it: "0..255", in older files "0-255"; or one
// number. A fraction has digits on both sides.
var interval = regexp.MustCompile(`^([+-]?\d+(?:\.\d+)?)(?: *(?:\.{2,3}|-) *([+-]?\d+(?:\.\d+)?))?$`)

// labelled is a value of an enumeration with what it means: "0: disabled".
var labelled = regexp.MustCompile(`^([+-]?\d+) *[:=] *\S`)

// separators are those between the values of an enumeration.
var separators = regexp.MustCompile(`[,;\n]+`)

// limit bounds the values of d as text says. The registry has much there that is for
// people to read: of that nothing follows, nor of one number alone, which may be the
// value, the greatest or the length.
func limit(d *lwm2m.ResourceDefinition, text string) {
	length := d.Type == lwm2m.TypeString || d.Type == lwm2m.TypeOpaque
	if !length && d.Type != lwm2m.TypeInteger && d.Type != lwm2m.TypeUnsigned && d.Type != lwm2m.TypeFloat {
		return
	}
	all := intervals(strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), " bytes"))
	for _, i := range all {
		if length && i.Min < 0 {
			return
		}
	}
	switch {
	case len(all) == 1 && all[0].Min == all[0].Max:
	case len(all) == 1 && whole(all[0]):
		d.Min, d.Max = int64(all[0].Min), int64(all[0].Max)
	default:
		d.Allowed = all
	}
}

// whole reports whether the ends of i are whole numbers that a float64 tells exactly.
func whole(i lwm2m.Interval) bool {
	const exact = 1 << 53
	return -exact <= i.Min && i.Max <= exact && i.Min == math.Trunc(i.Min) && i.Max == math.Trunc(i.Max)
}

// intervals are those that text lists; none where any of it is something else.
func intervals(text string) (all []lwm2m.Interval) {
	for _, part := range separators.Split(text, -1) {
		i, ok := parseInterval(strings.TrimSpace(part))
		if !ok {
			return nil
		}
		all = append(all, i)
	}
	return all
}

func parseInterval(text string) (i lwm2m.Interval, ok bool) {
	m := interval.FindStringSubmatch(text)
	if l := labelled.FindStringSubmatch(text); l != nil {
		m = append(l, "")
	}
	if m == nil {
		return i, false
	}
	var err1, err2 error
	i.Min, err1 = strconv.ParseFloat(m[1], 64)
	i.Max, err2 = strconv.ParseFloat(cmp.Or(m[2], m[1]), 64)
	return i, err1 == nil && err2 == nil && i.Min <= i.Max
}
