package rows

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// FuzzRowJSON sets every field of a row.
func TestRowJSONHasAllFields(t *testing.T) {
	for row, fields := range map[reflect.Type]int{reflect.TypeFor[deviceRow](): 20, reflect.TypeFor[credentialRow](): 12, reflect.TypeFor[accountRow](): 12} {
		if row.NumField() != fields {
			t.Errorf("%v has %d fields, and FuzzRowJSON sets %d: let it set the others, and rowjson.go write them", row, row.NumField(), fields)
		}
	}
}

// FuzzRowJSON compares the JSON of a device's row with that of encoding/json.
func FuzzRowJSON(f *testing.F) {
	f.Add("urn:dev:ops:1", "meter", "a note", []byte("id"), []byte("key"), int64(1), uint16(0xffff))
	f.Add("dev <\"\\> \u2028", "\xff", "line\nline\x7f\u00e4", []byte(nil), []byte{}, int64(-1), uint16(0))
	f.Add("", "", "{", []byte{0}, []byte{0xff}, int64(1<<40), uint16(0x5555))
	f.Fuzz(func(t *testing.T, endpoint, profile, note string, identity, key []byte, at int64, has uint16) {
		bit := func(i int) bool { return has>>i&1 == 1 }
		when := time.Unix(at%(1<<36), at%1e9).UTC()
		row := deviceRow{Endpoint: lwm2m.EndpointName(endpoint), Revision: store.Revision(at), Profile: profile, Group: note, Disabled: bit(0), NoSec: bit(1), Created: when, Updated: when}
		if bit(2) {
			row.Credentials = []credentialRow{{Kind: store.CredentialPSK, Identity: identity, Key: key, Created: when, Pending: bit(3), Replaces: key, URI: note, Group: profile, GroupKey: int(has), Rotate: when, Expires: when}, {Kind: store.CredentialKind(note)}}
		}
		if bit(4) {
			row.Accounts = map[string]accountRow{profile: {Identity: note, Certificate: identity, Key: key, Pending: identity, Master: key, Delivered: when, HandedOver: key, KeyMade: when, PendingMade: when, PendingMaster: identity, Rotate: when}, "b": {}, "a": {Key: key}}
		}
		if bit(5) {
			row.Secrets = map[lwm2m.Path][]byte{lwm2m.ResourcePath(11, 0, 6): key, lwm2m.ResourcePath(2, 1, 1): identity}
		}
		if bit(6) {
			row.Vars = map[string]string{"x": note, endpoint: profile}
		}
		if bit(7) {
			row.Tags = []string{note, profile}
		}
		if bit(8) {
			row.Format = lwm2m.FormatSenMLCBOR
		}
		if bit(9) {
			row.Note = note
		}
		if bit(10) {
			row.Settings, row.Holds = uint64(has), &store.Holding{Profile: profile, Revision: store.Revision(at), Content: note, Settings: uint64(has), Since: when}
			row.Written = &writtenRow{Instances: []store.WrittenInstance{{Path: lwm2m.InstancePath(0, 1), Account: note}}}
		}
		if bit(11) {
			row.HandedOver = []handedOverRow{{Server: note, Account: profile, Endpoint: row.Endpoint, Identity: identity, Digest: key, At: when}, {}}
		}
		want, err := json.Marshal(row)
		got, gotErr := row.appendJSON(nil)
		if (err == nil) != (gotErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("%s, error %v\nwant %s, error %v", got, gotErr, want, err)
		}
	})
}

// Every member of a row is written: one that is added to the type and forgotten here would be lost.
func TestRowJSONHasEveryMember(t *testing.T) {
	var row deviceRow
	fill(reflect.ValueOf(&row).Elem())
	want, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := row.appendJSON(nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s, error %v\nwant %s", got, err, want)
	}
}

// fill gives each field a value that is not its zero.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
		return
	case lwm2m.Format:
		v.Set(reflect.ValueOf(lwm2m.FormatTLV))
		return
	case lwm2m.Path:
		v.Set(reflect.ValueOf(lwm2m.ResourcePath(11, 0, 6)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(7)
	}
}
