package profilefile

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// leadingZero is a number that is octal to YAML 1.1 and decimal to YAML 1.2.
var leadingZero = regexp.MustCompile(`^[+-]?0[0-9_]`)

// quoteIt is the way to say that a word is text, whatever it looks like.
const quoteIt = `quote it ("%s") if it is text`

// exactNumber is a number of YAML, which has more forms than JSON, as a number of JSON
// with the same value: 0x1F is 31, 1_000 is 1000, +5 is 5. One that is of JSON too stays
// as it was written. Its error says how to write one that does not mean one thing.
func exactNumber(written string) (json.Number, error) {
	switch {
	case json.Valid([]byte(written)):
		return json.Number(written), nil
	case leadingZero.MatchString(written):
		return "", fmt.Errorf("%s begins with a zero, which some take for octal: write the number without, or "+quoteIt, written, written)
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
	return "", fmt.Errorf("%s is no number that can be written here: "+quoteIt, written, written)
}
