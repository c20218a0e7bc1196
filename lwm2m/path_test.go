package lwm2m_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"lwbs/lwm2m"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		in   string
		want lwm2m.Path
	}{
		{"/", lwm2m.Root},
		{"/0", lwm2m.ObjectPath(0)},
		{"/0/1", lwm2m.InstancePath(0, 1)},
		{"/3/0/13", lwm2m.ResourcePath(3, 0, 13)},
		{"/0/1/16/65534", lwm2m.NewPath(0, 1, 16, 65534)},
	}
	for _, tt := range tests {
		got, err := lwm2m.ParsePath(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParsePath(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
		if got.String() != tt.in {
			t.Errorf("%q prints as %q", tt.in, got)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, in := range []string{"", "0", "0/1", "//", "/0/", "/0//1", "/00", "/-1", "/+1", "/65535", "/65536", "/a", "/0/1/2/3/4", "/ 1", "/١"} {
		if got, err := lwm2m.ParsePath(in); !errors.Is(err, lwm2m.ErrPath) || got != lwm2m.Root {
			t.Errorf("ParsePath(%q) = %v, %v, want %v", in, got, err, lwm2m.ErrPath)
		}
	}
}

func TestPathParts(t *testing.T) {
	p := lwm2m.NewPath(0, 1, 16, 2)
	if p.Object() != 0 || p.Instance() != 1 || p.Resource() != 16 || p.ResourceInstance() != 2 || p.Depth() != 4 {
		t.Errorf("the parts of %v are %v %v %v %v at depth %d", p, p.Object(), p.Instance(), p.Resource(), p.ResourceInstance(), p.Depth())
	}
	if got := lwm2m.ResourcePath(0, 1, 16).Append(2); got != p {
		t.Errorf("Append = %v, want %v", got, p)
	}
	if got := p.IDs(); !reflect.DeepEqual(got, []uint16{0, 1, 16, 2}) {
		t.Errorf("IDs = %v", got)
	}
	if got := lwm2m.Root.IDs(); len(got) != 0 {
		t.Errorf("IDs of the root = %v", got)
	}
}

func TestPathContains(t *testing.T) {
	tests := []struct {
		outer, inner string
		want         bool
	}{
		{"/", "/", true},
		{"/", "/0/1/2/3", true},
		{"/1", "/1/0", true},
		{"/1", "/10", false},
		{"/1", "/10/0", false},
		{"/1/0", "/1", false},
		{"/0", "/", false}, // the identifiers of the root are not zeros
		{"/0/0", "/0", false},
		{"/0/1", "/0/1", true},
		{"/0/1/2", "/0/1/3", false},
	}
	for _, tt := range tests {
		if got := path(t, tt.outer).Contains(path(t, tt.inner)); got != tt.want {
			t.Errorf("%s contains %s: %v, want %v", tt.outer, tt.inner, got, tt.want)
		}
	}
}

func TestPathCompare(t *testing.T) {
	sorted := []string{"/", "/0", "/0/0", "/0/0/5", "/0/1", "/0/10", "/1", "/1/0", "/10", "/65534"}
	for i, a := range sorted {
		for j, b := range sorted {
			got := path(t, a).Compare(path(t, b))
			if (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("Compare(%s, %s) = %d", a, b, got)
			}
		}
	}
	paths := []lwm2m.Path{path(t, "/1"), path(t, "/0/10"), lwm2m.Root, path(t, "/0/2")}
	slices.SortFunc(paths, lwm2m.Path.Compare)
	if want := []lwm2m.Path{lwm2m.Root, path(t, "/0/2"), path(t, "/0/10"), path(t, "/1")}; !slices.Equal(paths, want) {
		t.Errorf("sorted %v, want %v", paths, want)
	}
}

func TestPathInJSON(t *testing.T) {
	in := map[string]lwm2m.Path{"a": path(t, "/0/1")}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"a":"/0/1"}` {
		t.Fatalf("Marshal = %s, %v", b, err)
	}
	var out map[string]lwm2m.Path
	if err := json.Unmarshal(b, &out); err != nil || !reflect.DeepEqual(out, in) {
		t.Errorf("Unmarshal = %v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"a":"0/1"}`), &out); !errors.Is(err, lwm2m.ErrPath) {
		t.Errorf("a path without its slash: error %v, want %v", err, lwm2m.ErrPath)
	}
}

func TestNewPathPanicsOnFiveIdentifiers(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
	}()
	lwm2m.NewPath(1, 2, 3, 4, 5)
}

func path(t testing.TB, s string) lwm2m.Path {
	t.Helper()
	p, err := lwm2m.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
