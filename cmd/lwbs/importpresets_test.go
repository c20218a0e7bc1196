package main

import (
	"strings"
	"testing"
)

// The table of Cumulocity becomes devices with what they authenticate with, here and to the LwM2M Server;
// what is refused is refused with the reason, and a second time changes nothing.
func TestImportCumulocity(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign("cumulocity-lwm2m.csv")
		line := "import cumulocity $D/cumulocity-lwm2m.csv --profile meter"
		_, out, _ := sh.run(line + " --dry-run")
		contains(t, "dry run", out, "8 rows: 3 would be added, 0 would be changed, 0 the same, 5 refused")

		_, out, errs := sh.run(line + " --rejects $D/mend.csv")
		contains(t, "import", out,
			"csv:4: urn:imei:350123450000084: refused: bootstrapSecurityMode is NO_SEC: --no-sec permits",
			"csv:5: urn:imei:350123450000092: refused: bootstrapSecurityMode is PSK_GENERATED: the key is not in the file",
			"csv:6: urn:imei:356938035643809: refused: bootstrapSecurityMode is RPK",
			`csv:7: urn:imei:352099001761481: refused: "lwm2m server uri" is "coaps://other.example.com", and profile "meter" says`,
			`csv:8: urn:imei:490154203237534: refused: "lwm2mShortServerId" is "102"`,
			`csv:2: warning: "registrationLifetime" is "300", and profile "meter" says "86400", which is given`,
			"8 rows: 3 added, 0 changed, 0 the same, 5 refused")
		lacks(t, "the report", out, "00112233445566778899aabbccddee")
		contains(t, "import", errs, "not read: x509CertificateUsage, ", "5 of 8 rows refused: they are in ")
		contains(t, "a device with keys", sh.ok("device get urn:imei:490154203237518 --reveal"),
			"bs-1", "00112233445566778899aabbccddee02", "dm-1", "00112233445566778899aabbccddee01")
		contains(t, "a device with a certificate", sh.ok("device get urn:imei:490154203237542"), `any certificate of a trusted CA for "urn:imei:490154203237542"`)
		_, out, _ = sh.run(line)
		contains(t, "a second time", out, "8 rows: 0 added, 0 changed, 3 the same, 5 refused")

		_, out, _ = sh.run(strings.Replace(line, "cumulocity-lwm2m.csv", "mend.csv", 1) + " --no-sec --ignore lwm2mShortServerId")
		contains(t, "the rejects", out, "5 rows: 2 added", "mend.csv:5: urn:imei:352099001761481: refused: \"lwm2m server uri\"")
		contains(t, "a device without security", sh.ok("device get urn:imei:350123450000084"), "permitted")
	})
}

// Without a profile it is not known which account a key is of; of several accounts one must be named.
func TestImportPresetFindsAccount(t *testing.T) {
	sh := newShell(t)
	sh.foreign("cumulocity-lwm2m.csv")
	sh.write("two.yaml", "name: two\naccounts:\n  - {name: a, uri: \"coaps://a.example\", shortServerID: 1}\n  - {name: b, uri: \"coaps://lwm2m.example.com\", shortServerID: 101}\naccessControl: none\n")
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("profile apply -f $D/two.yaml")
	_, out, _ := sh.run("import cumulocity $D/cumulocity-lwm2m.csv")
	contains(t, "no profile", out, "it is not known which account its key for the LwM2M Server belongs to: say --profile, or --account")
	_, out, _ = sh.run("import cumulocity $D/cumulocity-lwm2m.csv --profile two")
	contains(t, "two accounts", out, `profile "two" has 2 accounts: say with --account which of them`)
	_, out, _ = sh.run("import cumulocity $D/cumulocity-lwm2m.csv --profile two --account b")
	contains(t, "one of two accounts", out, "8 rows: 2 added, 0 changed, 1 the same")
	contains(t, "the record", sh.ok("device get urn:imei:490154203237518 --json"), "dm-1")
}

// In a table for ThingsBoard the credentials of the client stand in for those that are not there.
func TestImportThingsBoard(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign("thingsboard-bulk.csv")
		_, out, errs := sh.run("import thingsboard $D/thingsboard-bulk.csv --profile meter")
		contains(t, "import", out,
			"csv:4: tb-3: refused: LWM2M_BOOTSTRAP_SERVER_SECURITY_MODE is NO_SEC: --no-sec permits",
			"csv:5: tb-4: refused: LWM2M_CLIENT_SECURITY_CONFIG_MODE is RPK",
			`csv:6: tb-5: refused: LWM2M_BOOTSTRAP_SERVER_SECURITY_MODE "Guess" is not known: PSK, X509 and NO_SEC are`,
			`csv:3: warning: its key of account "main" is its key to bootstrap with, too`,
			"5 rows: 2 added, 0 changed, 0 the same, 3 refused")
		contains(t, "import", errs, "not read: NAME, TYPE")
		contains(t, "one with all", sh.ok("device get tb-1 --reveal"), "tb-1-bs", "00112233445566778899aabbccddee12", "tb-1-dm", "00112233445566778899aabbccddee13", "lot7", "in the cellar")
		contains(t, "one with those of the client", sh.ok("device get tb-2 --reveal"), "tb-2-client", "00112233445566778899aabbccddee21")

		sh.write("own.csv", "Serial,Key\ntb-9,00112233445566778899aabbccddee91\n")
		contains(t, "headings of its own", sh.ok("import thingsboard $D/own.csv --profile meter --map Serial=LWM2M_CLIENT_ENDPOINT,Key=LWM2M_CLIENT_KEY"), "1 row: 1 added")
		_, _, errs = sh.run("import thingsboard $D/own.csv --profile meter --map Serial=LWM2M_CLIENT_NAME")
		contains(t, "a name that is none", errs, "a column can be for", "LWM2M_CLIENT_KEY")
	})
}

// A list of enrolments, as it is for a bulk operation, and as an array alone.
func TestImportDPS(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.foreign("dps-enrollments.json")
		_, out, _ := sh.run("import dps $D/dps-enrollments.json --profile meter --rejects $D/mend.csv --column note={{.deviceId}}")
		contains(t, "import", out,
			"json:33: dps-4: refused: it authenticates with the endorsement key of a TPM",
			"json:34: dps-5: refused: it has no primaryKey: lists leave keys out",
			"5 rows: 3 added, 0 changed, 0 the same, 2 refused")
		contains(t, "a device with a key", sh.ok("device get dps-1 --reveal"), "00112233445566778899aabbccddee0100112233445566778899aabbccddee01", "meter-1")
		contains(t, "a disabled device", sh.ok("device get dps-2"), "disabled")
		contains(t, "a device with a certificate", sh.ok("device get dps-3"), "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")
		_, out, _ = sh.run("import dps $D/mend.csv --profile meter")
		contains(t, "the rejects", out, "mend.csv:2: dps-4: refused: it authenticates", "2 rows: 0 added")

		const one = `{"registrationId":"dps-9","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"ABEiM0RVZneImaq7zN3uCQ=="}}}`
		sh.write("array.json", "["+one+"]")
		contains(t, "an array", sh.ok("import dps $D/array.json --profile meter --endpoint urn:dev:ops:{{.registrationId}}"), "1 row: 1 added")
		contains(t, "a made name", sh.ok("device get urn:dev:ops:dps-9"), "dps-9")
		for text, want := range map[string]string{
			`{"mode":"delete","enrollments":[` + one + `]}`: "its mode is delete",
			`{"enrollments":[` + one + `],"mode":"delete"}`: "its mode is delete",
			`{"enrollments":{}}`:                            "it is no list of enrolments",
			`{"other":[]}`:                                  "it is no list of enrolments",
			"endpoint,psk-key\n":                            "it is no list of enrolments",
			"[" + one + ",\n" + one[:20]:                    "it is not JSON from here on",
			"[" + one + "] x":                               "line 1: something follows the list",
			`[{"registrationId":7}]`:                        "refused: it is no enrolment: a member holds something else",
			`[{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"}}]`: `refused: enrollment group "g" is no device`,
			`[{"registrationId":"x"}]`: "refused: it has no attestation with a type",
			`[{"registrationId":"x","attestation":{"type":"x509","x509":{"signingCertificates":{}}}}]`: "certificates of a CA are not imported",
			"": "it is empty",
		} {
			sh.write("odd.json", text)
			status, out, errs := sh.run("import dps $D/odd.json --profile meter --dry-run")
			if contains(t, text, out+errs, want); status == exitDone {
				t.Errorf("%s: status %d", text, status)
			}
		}
	})
}
