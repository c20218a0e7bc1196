package main

import (
	"fmt"
	"regexp"
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

func TestMasterSecrets(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		const oscore = "name: %s\naccounts:\n  - name: main\n    uri: coap://lwm2m.example.com\n    shortServerID: 101\n    oscore: {senderID: c, recipientID: s, masterSecret: %s}\n"
		sh.write("made.yaml", fmt.Sprintf(oscore, "made", "generate"))
		sh.write("given.yaml", fmt.Sprintf(oscore, "given", "supplied"))
		sh.ok("profile apply -f $D/made.yaml")
		sh.ok("profile apply -f $D/given.yaml")
		out := sh.ok("device add dev-1 --profile made --psk generate")
		shown := regexp.MustCompile(`for OSCORE:\n  master secret  ([0-9a-f]{32}) `).FindStringSubmatch(out)
		if shown == nil {
			t.Fatalf("add shows no master secret:\n%s", out)
		}
		lacks(t, "get", sh.ok("device get dev-1"), shown[1])
		contains(t, "get --reveal", sh.ok("device get --reveal dev-1"), shown[1])
		if status, _, errs := sh.run("device add dev-2 --profile given --psk generate"); status != exitFailed {
			t.Errorf("a device without a master secret: status %d, %s", status, errs)
		} else {
			contains(t, "add", errs, "--account-master-secret-file main=FILE")
		}
		sh.ok("device add dev-2 --profile given --psk generate --account-master-secret-file main=$D/key.hex")
		contains(t, "get --reveal", sh.ok("device get --reveal dev-2"), "OSCORE master secret 00112233445566778899aabbccddeeff")
	})
}

// Tags are added and removed one by one, and the others stay.
func TestTagsOneByOne(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add a --profile meter --no-sec --tag one --tag two")
		sh.ok("device set a --add-tag three --add-tag one --remove-tag two --remove-tag four")
		contains(t, "the tags", sh.ok("device get a"), "one, three")
		contains(t, "what is listed by a tag", sh.ok("device list --tag three"), "a ")
		lacks(t, "what is listed by a tag that was removed", sh.ok("device list --tag two"), "a ")
		sh.ok("device set a --tag only --add-tag more")
		contains(t, "the tags", sh.ok("device get a"), "only, more")
	})
}
