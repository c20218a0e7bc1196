package importer_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"lwbs/store"
	"lwbs/store/importer"
)

// The name of a profile follows from its content, not from how a store writes what is empty.
func TestContentName(t *testing.T) {
	p := store.Profile{Accounts: []store.Account{{Name: "a", URI: "coaps://host.example:5684", ShortServerID: 1}}}
	name := importer.ContentName(p)
	same := p.Clone()
	same.Name, same.Revision, same.AccessControl, same.Accounts[0].RenamedFrom = "x", 7, []store.AccessControl{}, []string{}
	if got := importer.ContentName(same); got != name || !strings.HasPrefix(name, "leshan-host.example-") {
		t.Errorf("%s and %s", name, got)
	}
	other := p.Clone()
	other.Accounts[0].ShortServerID = 2
	if got := importer.ContentName(other); got == name {
		t.Errorf("another profile has the same name %s", got)
	}
}

// Whatever a body has, it is refused with one line that repeats nothing secret, or gives a profile whose name is that of
// the one that a store gives back.
func FuzzLeshanConfiguration(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"security":[],"servers":[{}]}`, `{"security":{"1":null},"servers":{"0":null}}`, `{"acls":{"0":{"acls":{"x":1}}}}`,
		`{"servers":{"0":{"shortId":1}},"security":{"1":{"uri":"coaps://a","serverId":1,"securityMode":"PSK","publicKeyOrId":[1],"secretKey":[1]}},"acls":{"0":{"objectId":1,"acls":{}}}}`,
		`{"servers":{"0":{"shortId":1}},"security":{"1":{"uri":"{{","serverId":1,"securityMode":"NO_SEC","oscoreSecurityMode":0}},"oscore":{"0":{"oscoreMasterSecret":[1]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, d, _, err := importer.LeshanConfiguration("dev", body)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") && !strings.ContainsAny(string(body), "\r\n") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back store.Profile
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if a, b := importer.ContentName(p), importer.ContentName(back); a != b {
			t.Errorf("%s and %s", a, b)
		}
		again, other, _, err := importer.LeshanConfiguration("dev", body)
		if err != nil || !reflect.DeepEqual(again, p) || len(other.Accounts) != len(d.Accounts) {
			t.Errorf("read again it is %+v, %v; was %+v", again, err, p)
		}
	})
}

// The same for what a client authenticates with.
func FuzzLeshanCredential(f *testing.F) {
	for _, seed := range []string{
		`{"endpoint":"dev","tls":{"mode":"psk","details":{"identity":"a","key":"00"}}}`, `{"endpoint":"dev","psk":{"identity":"a","key":"00"}}`,
		`{"endpoint":"dev","x509":true}`, `{"endpoint":"dev","tls":null}`, `{"tls":{"mode":"psk"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, _, err := importer.LeshanCredential(body)
		if err == nil && (d.Endpoint.Validate() != nil || len(d.Credentials) != 1) {
			t.Errorf("%q gives %+v", body, d)
		}
	})
}
