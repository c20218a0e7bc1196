package lwm2m

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Numbers as people write them. A number that cannot be stored exactly is refused.

// ParseNumber returns the value of a decimal number whose Resource has no known type: an
// Integer, an Unsigned Integer from 2^63 on, or a Float where it has a fraction or an
// exponent.
func ParseNumber(text string) (Value, error) {
	if strings.ContainsAny(text, ".eE") {
		f, err := parseFloat(text)
		return FloatValue(f), err
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return IntegerValue(i), nil
	}
	u, err := strconv.ParseUint(text, 10, 64)
	return UnsignedValue(u), wholeNumberError(err, "a whole number", text)
}

// parseUnsigned reads a decimal number, leading zeros ignored, or a hexadecimal one, as cipher suites
// are written.
func parseUnsigned(text string) (uint64, error) {
	u, err := strconv.ParseUint(text, 10, 64)
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		u, err = strconv.ParseUint(digits, 16, 64)
	}
	return u, wholeNumberError(err, "a whole number, not negative", text)
}

func parseInteger(text string) (int64, error) {
	i, err := strconv.ParseInt(text, 10, 64)
	return i, wholeNumberError(err, "a whole number", text)
}

// wholeNumberError rewrites an error of package strconv.
func wholeNumberError(err error, what, text string) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s does not fit into 64 bits", text)
	}
	return wanted(err, what, text)
}

// decimalNumber is a number in decimal digits: not "NaN", "Inf", "0x1p4" or "1_0", which package
// strconv accepts too.
var decimalNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// maxNumberText is longer than any number that a float holds exactly, in bytes.
const maxNumberText = 1100

// parseFloat refuses a number that a float of 64 bits does not hold: too many digits, too large, or
// too close to zero.
func parseFloat(text string) (float64, error) {
	if len(text) > maxNumberText {
		return 0, fmt.Errorf("a number of %d digits is more than a float holds", len(text))
	}
	if !decimalNumber.MatchString(text) {
		return 0, fmt.Errorf("want a number, not %q", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s does not fit into a float of 64 bits", text)
	}
	const exact = 766 // digits behind the first of any float
	written, shortest := newDecimal(text), strconv.FormatFloat(f, 'e', -1, 64)
	if written != newDecimal(shortest) && written != newDecimal(strconv.FormatFloat(f, 'e', exact, 64)) {
		return 0, fmt.Errorf("%s has more digits than a float of 64 bits holds: the nearest is %s", text, shortest)
	}
	return f, nil
}

// A decimalForm is a number as digits, without zeros at either end, times a power of
// ten; numbers are equal if their forms are. The sign of zero does not count.
type decimalForm struct {
	negative bool
	digits   string
	exponent int
}

// newDecimal is the form of a text that decimalNumber matches.
func newDecimal(text string) decimalForm {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(strings.TrimLeft(mantissa, "+-"), ".")
	var d decimalForm
	d.negative = strings.HasPrefix(mantissa, "-")
	d.exponent, _ = strconv.Atoi(exponent) // one that does not fit makes no float either
	d.exponent -= len(fraction)
	digits := whole + fraction
	d.digits = strings.TrimRight(digits, "0")
	d.exponent += len(digits) - len(d.digits)
	if d.digits = strings.TrimLeft(d.digits, "0"); d.digits == "" {
		return decimalForm{}
	}
	return d
}
