package yamltree

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// leadingZero is a number that is octal in YAML 1.1 and decimal in YAML 1.2.
var leadingZero = regexp.MustCompile(`^[+-]?0[0-9_]`)

// QuoteIt is the advice for a word that is meant as text.
const QuoteIt = `quote it ("%s") if it is text`

// BeginsWithZero reports whether a number is octal in YAML 1.1 and decimal in YAML 1.2.
func BeginsWithZero(written string) bool { return leadingZero.MatchString(written) }

// ExactNumber converts a number of YAML, which has more forms than JSON, to a number of JSON with the
// same value: 0x1F to 31, 1_000 to 1000, +5 to 5. One that is valid JSON stays as it was written. The
// error for an ambiguous number says how to write it.
func ExactNumber(written string) (json.Number, error) {
	switch {
	case json.Valid([]byte(written)):
		return json.Number(written), nil
	case leadingZero.MatchString(written):
		return "", fmt.Errorf("%s begins with a zero, which YAML 1.1 reads as octal: write the number without it, or "+QuoteIt, written, written)
	}
	if i, ok := new(big.Int).SetString(written, 0); ok {
		return json.Number(i.String()), nil
	}
	decimal := strings.ReplaceAll(strings.TrimPrefix(written, "+"), "_", "")
	sign, digits := "", decimal
	if rest, negative := strings.CutPrefix(decimal, "-"); negative {
		sign, digits = "-", rest
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	digits = strings.TrimSuffix(digits, ".")
	if n := sign + digits; json.Valid([]byte(n)) {
		return json.Number(n), nil
	}
	return "", fmt.Errorf("%s is not a number that this file can have: "+QuoteIt, written, written)
}
