package main

import (
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

func TestPendingCredentialIsShown(t *testing.T) {
	var out strings.Builder
	d := admin.Device{Endpoint: "dev", Credentials: []admin.Credential{
		{Kind: store.CredentialPSK, Identity: "old", KeyLength: 16},
		{Kind: store.CredentialPSK, Identity: "new", KeyLength: 16, Pending: true, Replaces: "old"},
		{Kind: store.CredentialPSK, Identity: "first", KeyLength: 16, Pending: true},
	}}
	if err := printDevice(&out, d); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`identity "old", key of 16 bytes` + "\n", `identity "new", key of 16 bytes, pending: replaces "old" once`, `identity "first", key of 16 bytes, pending` + "\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
