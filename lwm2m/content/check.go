package content

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// checkContent reports why objects are not the content of the path at.
func checkContent(at lwm2m.Path, objects []lwm2m.Object) error {
	if at.Depth() > 0 && (len(objects) != 1 || objects[0].ID != at.Object()) {
		return fmt.Errorf("it is not Object %d alone", at.Object())
	}
	if err := checkIDs(lwm2m.Root, objects, func(o lwm2m.Object) uint16 { return uint16(o.ID) }); err != nil {
		return err
	}
	for _, o := range objects {
		if at.Depth() > 1 && (len(o.Instances) != 1 || o.Instances[0].ID != at.Instance()) {
			return fmt.Errorf("it is not Instance %d alone", at.Instance())
		}
		if err := checkInstances(at, o); err != nil {
			return err
		}
	}
	return nil
}

func checkInstances(at lwm2m.Path, o lwm2m.Object) error {
	p := lwm2m.ObjectPath(o.ID)
	if err := checkIDs(p, o.Instances, func(in lwm2m.Instance) uint16 { return uint16(in.ID) }); err != nil {
		return err
	}
	for _, in := range o.Instances {
		if at.Depth() > 2 && (len(in.Resources) != 1 || in.Resources[0].ID != at.Resource()) {
			return fmt.Errorf("it is not Resource %d alone", at.Resource())
		}
		p := lwm2m.InstancePath(o.ID, in.ID)
		if err := checkIDs(p, in.Resources, func(r lwm2m.Resource) uint16 { return uint16(r.ID) }); err != nil {
			return err
		}
		for _, r := range in.Resources {
			if err := checkResource(p.Append(uint16(r.ID)), r); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkResource(p lwm2m.Path, r lwm2m.Resource) error {
	if !r.Multiple {
		if len(r.Instances) > 0 {
			return fmt.Errorf("%v: a single Resource has instances", p)
		}
		return checkValue(p, r.Value)
	}
	if !r.Value.Equal(lwm2m.Value{}) {
		return fmt.Errorf("%v: a multiple-instance Resource has a value of its own", p)
	}
	if err := checkIDs(p, r.Instances, func(ri lwm2m.ResourceInstance) uint16 { return uint16(ri.ID) }); err != nil {
		return err
	}
	for _, ri := range r.Instances {
		if err := checkValue(p.Append(uint16(ri.ID)), ri.Value); err != nil {
			return err
		}
	}
	return nil
}

var (
	errNoValue = errors.New("it has no value")
	errUTF8    = errors.New("the text is not UTF-8")
)

func checkValue(p lwm2m.Path, v lwm2m.Value) error {
	switch v.Type() {
	case lwm2m.TypeNone:
		return fmt.Errorf("%v: %w", p, errNoValue)
	case lwm2m.TypeString, lwm2m.TypeCoreLink:
		if !utf8.ValidString(v.Text()) {
			return fmt.Errorf("%v: %w", p, errUTF8)
		}
	}
	return nil
}

// checkIDs reports an identifier below p that is reserved or there twice.
func checkIDs[T any](p lwm2m.Path, items []T, id func(T) uint16) error {
	for i, item := range items {
		if id(item) == lwm2m.MaxID {
			return fmt.Errorf("%v: %w", p.Append(lwm2m.MaxID), errReserved)
		}
		for _, earlier := range items[:i] {
			if id(earlier) == id(item) {
				return fmt.Errorf("%v: %w", p.Append(id(item)), errTwice)
			}
		}
	}
	return nil
}
