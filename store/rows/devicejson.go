package rows

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// The JSON of a device's row is written by hand: imports write millions of them, and encoding/json takes
// five times as long. A test compares the two.

// A jsonObject is the JSON of an object that is being written.
type jsonObject struct {
	b   []byte
	err error
}

// key begins a member. The names that it is used with need no escape.
func (o *jsonObject) key(name string) {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), `":`...)
}

// name begins a member of any name.
func (o *jsonObject) name(name string) {
	if last := o.b[len(o.b)-1]; last != '{' {
		o.b = append(o.b, ',')
	}
	o.text(name)
	o.b = append(o.b, ':')
}

func (o *jsonObject) begin() { o.b = append(o.b, '{') }

// end ends the object with the members that this release does not know.
func (o *jsonObject) end(unknown string) {
	if len(unknown) > len("{}") {
		if o.b[len(o.b)-1] != '{' {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, unknown[1:]...)
		return
	}
	o.b = append(o.b, '}')
}

// text appends a string.
func (o *jsonObject) text(s string) {
	plain := func(c byte) bool {
		return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	for i := range len(s) {
		if !plain(s[i]) {
			quoted, err := json.Marshal(s)
			o.fail(err)
			o.b = append(o.b, quoted...)
			return
		}
	}
	o.b = append(append(append(o.b, '"'), s...), '"')
}

// bytes appends Base64; null for nil.
func (o *jsonObject) bytes(b []byte) {
	if b == nil {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(base64.StdEncoding.AppendEncode(append(o.b, '"'), b), '"')
}

func (o *jsonObject) time(t time.Time) {
	b, err := t.AppendText(append(o.b, '"'))
	o.fail(err)
	o.b = append(b, '"')
}

func (o *jsonObject) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// Members that are left out where they are empty.

func (o *jsonObject) optionalText(name, s string) {
	if s != "" {
		o.key(name)
		o.text(s)
	}
}

func (o *jsonObject) optionalBytes(name string, b []byte) {
	if len(b) > 0 {
		o.key(name)
		o.bytes(b)
	}
}

func (o *jsonObject) optionalTime(name string, t time.Time) {
	if !t.IsZero() {
		o.key(name)
		o.time(t)
	}
}

func (o *jsonObject) optionalTrue(name string, is bool) {
	if is {
		o.key(name)
		o.b = append(o.b, "true"...)
	}
}

// appendJSON appends the row.
func (r deviceRow) appendJSON(b []byte) ([]byte, error) {
	o := &jsonObject{b: b}
	o.begin()
	o.key("endpoint")
	o.text(string(r.Endpoint))
	o.key("revision")
	o.b = strconv.AppendUint(o.b, uint64(r.Revision), 10)
	o.key("profile")
	o.text(r.Profile)
	o.optionalText("group", r.Group)
	o.optionalTrue("disabled", r.Disabled)
	o.optionalTrue("noSec", r.NoSec)
	r.credentials(o)
	r.maps(o)
	if len(r.Tags) > 0 {
		o.key("tags")
		o.b = append(o.b, '[')
		for i, tag := range r.Tags {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.text(tag)
		}
		o.b = append(o.b, ']')
	}
	if r.Format != 0 {
		o.optionalText("format", r.Format.String())
	}
	o.optionalText("note", r.Note)
	if r.Written != nil {
		o.key("written")
		written, err := json.Marshal(r.Written)
		o.fail(err)
		o.b = append(o.b, written...)
	}
	if r.Settings != 0 {
		o.key("settings")
		o.b = strconv.AppendUint(o.b, r.Settings, 10)
	}
	if r.Holds != nil {
		o.key("holds")
		holds, err := json.Marshal(r.Holds)
		o.fail(err)
		o.b = append(o.b, holds...)
	}
	if len(r.HandedOver) > 0 {
		o.key("handedOver")
		handedOver, err := json.Marshal(r.HandedOver)
		o.fail(err)
		o.b = append(o.b, handedOver...)
	}
	o.key("created")
	o.time(r.Created)
	o.key("updated")
	o.time(r.Updated)
	o.end(r.unknown)
	return o.b, o.err
}

func (r deviceRow) credentials(o *jsonObject) {
	if len(r.Credentials) == 0 {
		return
	}
	o.key("credentials")
	o.b = append(o.b, '[')
	for i, c := range r.Credentials {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.begin()
		o.key("kind")
		o.text(string(c.Kind))
		o.key("identity")
		o.bytes(c.Identity)
		o.key("key")
		o.bytes(c.Key)
		o.optionalText("group", c.Group)
		if c.GroupKey != 0 {
			o.key("groupKey")
			o.b = strconv.AppendInt(o.b, int64(c.GroupKey), 10)
		}
		o.key("created")
		o.time(c.Created)
		o.optionalTrue("pending", c.Pending)
		o.optionalBytes("replaces", c.Replaces)
		o.optionalText("uri", c.URI)
		o.optionalTime("rotate", c.Rotate)
		o.optionalTime("expires", c.Expires)
		o.end(c.unknown)
	}
	o.b = append(o.b, ']')
}

func (r deviceRow) maps(o *jsonObject) {
	if len(r.Accounts) > 0 {
		o.key("accounts")
		o.begin()
		for _, name := range slices.Sorted(maps.Keys(r.Accounts)) {
			o.name(name)
			r.Accounts[name].appendTo(o)
		}
		o.end("")
	}
	if len(r.Secrets) > 0 {
		o.key("secrets")
		o.begin()
		byText := func(a, b lwm2m.Path) int { return strings.Compare(a.String(), b.String()) }
		for _, path := range slices.SortedFunc(maps.Keys(r.Secrets), byText) {
			o.name(path.String())
			o.bytes(r.Secrets[path])
		}
		o.end("")
	}
	if len(r.Vars) > 0 {
		o.key("vars")
		o.begin()
		for _, name := range slices.Sorted(maps.Keys(r.Vars)) {
			o.name(name)
			o.text(r.Vars[name])
		}
		o.end("")
	}
}

func (a accountRow) appendTo(o *jsonObject) {
	o.begin()
	o.optionalText("identity", a.Identity)
	o.optionalBytes("certificate", a.Certificate)
	o.optionalBytes("key", a.Key)
	o.optionalTime("keyMade", a.KeyMade)
	o.optionalBytes("pending", a.Pending)
	o.optionalTime("pendingMade", a.PendingMade)
	o.optionalBytes("masterSecret", a.Master)
	o.optionalBytes("pendingMaster", a.PendingMaster)
	o.optionalTime("delivered", a.Delivered)
	o.optionalTime("rotate", a.Rotate)
	o.optionalBytes("handedOver", a.HandedOver)
	o.end(a.unknown)
}
