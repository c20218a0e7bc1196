package main

import (
	"fmt"
	"regexp"
	"testing"
)

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
