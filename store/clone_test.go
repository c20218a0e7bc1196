package store_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Whoever changes a copy does not change the original, whatever is in it.
func TestClone(t *testing.T) {
	t.Run("Profile", func(t *testing.T) { testClone(t, store.Profile.Clone) })
	t.Run("Group", func(t *testing.T) { testClone(t, store.Group.Clone) })
	t.Run("Device", func(t *testing.T) { testClone(t, store.Device.Clone) })
}

func testClone[T any](t *testing.T, clone func(T) T) {
	var original T
	fill(t, reflect.ValueOf(&original).Elem(), 0)
	made := clone(original)
	if !reflect.DeepEqual(made, original) {
		t.Errorf("the copy is %+v, want %+v", made, original)
	}
	mustShareNothing(t, reflect.TypeFor[T]().Name(), reflect.ValueOf(made), reflect.ValueOf(original))
}

// fill gives v and everything in it a value, with one element for each list and map. A type
// that holds itself ends at some depth.
func fill(t *testing.T, v reflect.Value, depth int) {
	const deepest = 12
	switch at := v.Addr().Interface().(type) {
	case *lwm2m.Secret:
		*at = lwm2m.NewSecret([]byte("key"))
		return
	case *lwm2m.Path:
		*at = lwm2m.ObjectPath(3)
		return
	case *time.Time:
		*at = time.Unix(1, 0)
		return
	case *json.Number:
		*at = "1"
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), depth+1)
	case reflect.Map:
		if depth > deepest {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, depth+1)
		fill(t, value, depth+1)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	default:
		t.Fatalf("there is a %v, which this test does not know", v.Type())
	}
}

// mustShareNothing fails where a and b, which are equal, have anything in common that can
// be changed.
func mustShareNothing(t *testing.T, name string, a, b reflect.Value) {
	t.Helper()
	switch a.Kind() {
	case reflect.Struct:
		if _, opaque := a.Interface().(lwm2m.Secret); opaque || a.Type() == reflect.TypeFor[time.Time]() {
			return // neither can be changed
		}
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				mustShareNothing(t, name+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if a.IsNil() {
			return
		}
		if a.Pointer() == b.Pointer() {
			t.Errorf("%s is shared", name)
		}
		switch a.Kind() {
		case reflect.Pointer:
			mustShareNothing(t, name, a.Elem(), b.Elem())
		case reflect.Slice:
			for i := range a.Len() {
				mustShareNothing(t, name+"[]", a.Index(i), b.Index(i))
			}
		case reflect.Map:
			for _, key := range a.MapKeys() {
				mustShareNothing(t, name+"[]", a.MapIndex(key), b.MapIndex(key))
			}
		}
	}
}
