package device

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
	if err := printDevice(&out, d, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`identity "old", key of 16 bytes` + "\n", `identity "new", key of 16 bytes, pending: replaces "old" once`, `identity "first", key of 16 bytes, pending` + "\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestAccountText(t *testing.T) {
	tests := []struct {
		account admin.Account
		want    string
	}{
		{admin.Account{KeyLength: 16}, "key of 16 bytes"},
		{admin.Account{}, "key of 0 bytes"},
		{admin.Account{MasterSecretLength: 16}, "OSCORE master secret of 16 bytes"},
		{admin.Account{KeyLength: 2, Key: "0102", MasterSecretLength: 1, MasterSecret: "03"}, "key 0102 (hexadecimal, 2 bytes), OSCORE master secret 03 (hexadecimal, 1 bytes)"},
	}
	for _, tt := range tests {
		if got := accountText(tt.account); got != tt.want {
			t.Errorf("%+v is shown as %q, want %q", tt.account, got, tt.want)
		}
	}
}
