package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// A Literal is the value of a Resource as a person wrote it, before the type of the Resource is
// known: a string, a number, a boolean, or several of them by Resource Instance ID. Numbers keep
// their digits.
type Literal struct {
	// Exactly one of these is set.
	Text      *string
	Number    *json.Number
	Boolean   *bool
	Instances map[lwm2m.ResourceInstanceID]Literal
}

// Empty reports whether l has no value.
func (l Literal) Empty() bool {
	return l.Text == nil && l.Number == nil && l.Boolean == nil && l.Instances == nil
}

// MarshalJSON writes the plain JSON value; instances become an object keyed by ID.
func (l Literal) MarshalJSON() ([]byte, error) {
	switch {
	case l.Text != nil:
		return json.Marshal(*l.Text)
	case l.Number != nil:
		return json.Marshal(*l.Number)
	case l.Boolean != nil:
		return json.Marshal(*l.Boolean)
	case l.Instances != nil:
		return json.Marshal(l.Instances)
	}
	return nil, fmt.Errorf("a value is neither text, number, boolean nor a list")
}

// UnmarshalJSON reads a string, a number, a boolean, an array (instances 0, 1, 2…)
// or an object keyed by Resource Instance ID.
func (l *Literal) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	var out Literal
	var err error
	switch {
	case len(b) == 0 || string(b) == "null":
		return fmt.Errorf("a value is missing")
	case b[0] == '"':
		out.Text = new(string)
		err = json.Unmarshal(b, out.Text)
	case b[0] == 't' || b[0] == 'f':
		out.Boolean = new(bool)
		err = json.Unmarshal(b, out.Boolean)
	case b[0] == '{':
		err = json.Unmarshal(b, &out.Instances)
	case b[0] == '[':
		var list []Literal
		if err = json.Unmarshal(b, &list); err == nil && len(list) > lwm2m.MaxID {
			err = fmt.Errorf("a list of %d values, at most %d are possible", len(list), lwm2m.MaxID)
		}
		if err == nil {
			out.Instances = make(map[lwm2m.ResourceInstanceID]Literal, len(list))
			for i, item := range list {
				out.Instances[lwm2m.ResourceInstanceID(i)] = item
			}
		}
	default:
		out.Number = new(json.Number)
		err = json.Unmarshal(b, out.Number)
	}
	if err == nil {
		*l = out
	}
	return err
}

// A Duration is a [time.Duration] whose JSON form is text such as "24h", or a number
// of seconds.
type Duration time.Duration

// MarshalJSON writes the form of [time.Duration.String].
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads text such as "24h", or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		v, err := ParseDuration(s)
		*d = v
		return err
	}
	v, err := ParseDuration(string(b))
	*d = v
	return err
}

// maxDays is how many days a Duration holds.
const maxDays = int64(1<<63-1) / int64(24*time.Hour)

// ParseDuration reads text such as "24h" or "365d", or a number of seconds.
func ParseDuration(s string) (Duration, error) {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return Duration(time.Duration(n) * time.Second), nil
	}
	if days, is := strings.CutSuffix(s, "d"); is {
		if n, err := strconv.ParseInt(days, 10, 32); err == nil && n >= 0 && n <= maxDays {
			return Duration(time.Duration(n) * 24 * time.Hour), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 24h, 90s, 365d or a number of seconds", s)
	}
	return Duration(d), nil
}
