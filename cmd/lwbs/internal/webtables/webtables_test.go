package webtables

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

func newAPI(t *testing.T) *admin.Local {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := &admin.Local{Store: db}
	t.Cleanup(func() { api.Close() })
	if _, err := api.ApplyProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7}}}, admin.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	return api
}

const key = "000102030405060708090a0b0c0d0e0f"

// A file is tried, which changes nothing, and imported; what is refused is told by line, and kept to be mended.
func TestImportOfAPage(t *testing.T) {
	api := newAPI(t)
	table := "IMEI;psk key;Colour\nd1;" + key + ";red\nd2;xyz;blue\n=evil;xyz;green\n"
	o := web.TableOptions{Format: "csv", Keys: "hex", Map: []string{"IMEI=endpoint"}, Profile: "p", Tags: []string{"lot7"}, DryRun: true}
	for _, dry := range []bool{true, false} {
		o.DryRun = dry
		r, err := Tables{}.Import(t.Context(), api, strings.NewReader(table), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Rows != 3 || r.Added != 1 || r.Refused != 2 || len(r.Wrong) != 2 || r.Wrong[0].Line != 3 || r.Wrong[0].Endpoint != "d2" {
			t.Errorf("%+v", r)
		}
		if want := "IMEI;psk key;Colour;line;error\nd2;xyz;blue;3;"; !strings.HasPrefix(string(r.Rejects), want) || !strings.Contains(string(r.Rejects), "\n'=evil;") {
			t.Errorf("the refused rows are %q", r.Rejects)
		}
		if len(r.Columns) != 3 || r.Columns[0] != (web.TableColumn{Heading: "IMEI", As: "endpoint"}) || r.Columns[2] != (web.TableColumn{Heading: "Colour"}) {
			t.Errorf("%+v", r.Columns)
		}
		_, err = api.Device(t.Context(), "d1", false)
		if missing := errors.Is(err, store.ErrNotFound); missing != dry {
			t.Errorf("dry %v: %v", dry, err)
		}
	}
}

// Each format is read, and names are made of columns.
func TestFormatsOfAPage(t *testing.T) {
	api := newAPI(t)
	for file, o := range map[string]web.TableOptions{
		"a:" + key + "\n":                             {Format: "psk-file", Keys: "hex", Profile: "p"},
		`{"endpoint": "b", "noSec": true}`:            {Format: "jsonl", Profile: "p"},
		"IMEI,psk-key\n490154203237518," + key + "\n": {Format: "csv", Keys: "hex", Profile: "p", Endpoint: "urn:imei:{{.IMEI}}"},
	} {
		if r, err := (Tables{}).Import(t.Context(), api, strings.NewReader(file), o); err != nil || r.Added != 1 {
			t.Errorf("%s: %+v, %v", o.Format, r, err)
		}
	}
	if _, err := api.Device(t.Context(), "urn:imei:490154203237518", false); err != nil {
		t.Error(err)
	}
}

// What cannot be read is told in the words of the page.
func TestImportThatCannotBeRead(t *testing.T) {
	api := newAPI(t)
	for file, o := range map[string]web.TableOptions{
		"endpoint,psk-key\nd," + key + "\n": {Format: "csv"},
		"colour\nred\n":                     {Format: "csv", Keys: "hex"},
		"":                                  {Format: "csv", Keys: "hex"},
		"endpoint\nx\n":                     {Format: "xml"},
		"endpoint\ny\n":                     {Format: "csv", Map: []string{"nonsense"}},
		"PK\x03\x04\x14\x00":                {Format: "csv", Keys: "hex"},
	} {
		o.DryRun = true
		r, err := Tables{}.Import(t.Context(), api, strings.NewReader(file), o)
		if err == nil && r.Refused == r.Rows && r.Rows > 0 {
			continue // told by row
		}
		if !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "--") {
			t.Errorf("%q, %+v: %+v, %v", file, o, r, err)
		}
	}
}
