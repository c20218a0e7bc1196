package store_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"lwbs/store"
)

func TestLiteralJSON(t *testing.T) {
	for in, want := range map[string]string{
		`"text"`: `"text"`, `-2.50`: `-2.50`, `12345678901234567890`: `12345678901234567890`, `true`: `true`,
		`[]`: `{}`, `[1,"a"]`: `{"0":1,"1":"a"}`, `{"7":false}`: `{"7":false}`,
	} {
		var l store.Literal
		if err := json.Unmarshal([]byte(in), &l); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if out, err := json.Marshal(l); err != nil || string(out) != want {
			t.Errorf("%s became %s, %v; want %s", in, out, err, want)
		}
	}
	for _, in := range []string{`null`, `{"x":1}`, `[null]`, `{"70000":1}`, `[` + strings.Repeat(`1,`, 65535) + `1]`} {
		var l store.Literal
		if err := json.Unmarshal([]byte(in), &l); err == nil {
			t.Errorf("%s is accepted as %d values", in[:min(len(in), 20)], len(l.Instances))
		}
	}
}

func TestDurationJSON(t *testing.T) {
	for in, want := range map[string]time.Duration{`"24h"`: 24 * time.Hour, `90`: 90 * time.Second, `"1m30s"`: 90 * time.Second} {
		var d store.Duration
		if err := json.Unmarshal([]byte(in), &d); err != nil || time.Duration(d) != want {
			t.Errorf("%s is %v, %v; want %v", in, time.Duration(d), err, want)
		}
	}
	for _, in := range []string{`"soon"`, `true`, `1.5`} {
		var d store.Duration
		if err := json.Unmarshal([]byte(in), &d); err == nil {
			t.Errorf("%s is accepted as %v", in, time.Duration(d))
		}
	}
}

func TestDurationKeepsItsValue(t *testing.T) {
	for _, want := range []store.Duration{0, 1, store.Duration(90 * time.Second), store.Duration(-time.Hour)} {
		b, err := json.Marshal(want)
		var got store.Duration
		if err = errors.Join(err, json.Unmarshal(b, &got)); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", b, time.Duration(got), err, time.Duration(want))
		}
	}
}

func TestEmptyLiteralIsNotWritten(t *testing.T) {
	if b, err := json.Marshal(store.Literal{}); err == nil {
		t.Errorf("it became %s", b)
	}
}
