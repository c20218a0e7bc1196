package object

import (
	"fmt"
	"math"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// ParseText returns the value that text stands for in a Resource of this definition, as
// [lwm2m.ParseValue] has it, checked against its range.
func (d ResourceDefinition) ParseText(text string) (lwm2m.Value, error) {
	if d.Type == lwm2m.TypeNone {
		return lwm2m.Value{}, d.noValue()
	}
	v, err := lwm2m.ParseValue(d.Type, text)
	if err != nil {
		return lwm2m.Value{}, fmt.Errorf("%s: %w", d.Name, err)
	}
	return v, d.Check(v)
}

// Check reports why v cannot be a value of the Resource.
func (d ResourceDefinition) Check(v lwm2m.Value) error {
	if v.Type() != d.Type {
		return fmt.Errorf("%s is %v, not %v", d.Name, d.Type, v.Type())
	}
	if d.Type == lwm2m.TypeString && !utf8.ValidString(v.Text()) {
		return fmt.Errorf("%s is not valid UTF-8", d.Name)
	}
	what, n := "", 0.0
	switch d.Type {
	case lwm2m.TypeString, lwm2m.TypeOpaque:
		what, n = "length ", float64(v.Len())
	case lwm2m.TypeInteger:
		n = float64(v.Int())
	case lwm2m.TypeUnsigned:
		n = float64(v.Uint())
	case lwm2m.TypeFloat:
		if n = v.Float(); math.IsNaN(n) || math.IsInf(n, 0) {
			return fmt.Errorf("%s: %v is no number that every content format has", d.Name, n)
		}
	default:
		return nil
	}
	if !d.allows(n) {
		return fmt.Errorf("%s: %s%s is not within %s", d.Name, what, decimal(n), d.Range())
	}
	return nil
}

// noValue is why nothing is written to a Resource without a type.
func (d ResourceDefinition) noValue() error {
	if d.Operations&Executable == 0 {
		return fmt.Errorf("%s has no type in its definition", d.Name)
	}
	return fmt.Errorf("%s is executed, not written", d.Name)
}

// CheckResource reports why r cannot be the Resource in a Bootstrap-Write.
func (d ResourceDefinition) CheckResource(r lwm2m.Resource) error {
	switch {
	case d.Type == lwm2m.TypeNone:
		return d.noValue()
	case d.Kept:
		return fmt.Errorf("%s is kept by the client itself, and not written", d.Name)
	case d.Multiple && !r.Multiple:
		return fmt.Errorf("%s has instances: give a list", d.Name)
	case !d.Multiple && r.Multiple:
		return fmt.Errorf("%s has one value, not a list", d.Name)
	case !r.Multiple:
		return d.Check(r.Value)
	}
	for _, in := range r.Instances {
		if err := d.Check(in.Value); err != nil {
			return err
		}
	}
	return nil
}
