package main

import (
	"encoding/json"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
)

// Users are added, listed, changed and deleted, with a server and without; their passwords come from a file, standard
// input or the generator, and are not repeated.
func TestUserCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("password", "a right long password\n")
		for line, want := range map[string]string{
			"user add ada --role admin --password-file $D/password":           "added user ada, admin\n",
			"user add ops@example.com --role viewer --password-file -":        "added user ops@example.com, viewer\n",
			"user add cert --role engineer --no-password --note by-smartcard": "added user cert, engineer (without a password)\n",
		} {
			if out := sh.ok(line); out != want {
				t.Errorf("%s: %q", line, out)
			}
		}
		generated := sh.ok("user add bob --role engineer --generate-password")
		contains(t, "generated", generated, "added user bob, engineer\npassword: ")
		list := sh.ok("user list")
		contains(t, "list", list, "ada", "ops@example.com", "without a password", "by-smartcard")
		lacks(t, "list", list, "right")
		contains(t, "list --json", sh.ok("user list --json"), `"hasPassword": true`)
		lacks(t, "list --json", sh.ok("user list --json"), "argon2")

		contains(t, "set", sh.ok("user set ada --role viewer --disable"), "changed user ada, viewer (disabled)")
		contains(t, "set", sh.ok("user set ada --enable --generate-password"), "password: ")
		contains(t, "delete", sh.ok("user delete bob"), "deleted user bob")

		sh.write("short", "short\n")
		sh.write("two", "a right long password\nand another\n")
		sh.write("empty", "\n")
		for line, told := range map[string]string{
			"user add x":                           "--role is missing: want viewer, engineer, admin",
			"user add x --role root --no-password": `--role: "root" is no role`,
			"user add x --role admin":              "use --password-file FILE, --generate-password or --no-password",
			"user add x --role admin --generate-password --no-password": "exclude each other",
			"user add x --role admin --password-file $D/short":          "has 5 characters, 10 are needed",
			"user add x --role admin --password-file $D/two":            "a password is one line",
			"user add x --role admin --password-file $D/empty":          "is empty",
			"user add x --role admin --password-file $D/nosuch":         "nosuch",
			"user add x --role admin --password secret-password":        "--password",
			"user add Ada --role admin --no-password":                   "lower-case letters",
			"user add ada --role admin --no-password":                   "exists already",
			"user add a/b --role admin --no-password":                   "cannot be the name of a user",
			"user set ada":                                      "no option says what to change",
			"user set ada --enable --disable":                   "exclude each other",
			"user set adda --enable":                            `did you mean "ada"?`,
			"user set ada --role viewer --revision 1":           "changed meanwhile",
			"user delete bob":                                   "not found",
			"user remove ada":                                   "unknown command",
			"token create ci":                                   "--role is missing",
			"token create ci --role viewer --expires yesterday": "--expires",
			"token create ci --role viewer --user adda":         `did you mean "ada"?`,
			"token create c_i --role viewer":                    "cannot be the name of a token",
			"token revoke nope":                                 "not found",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) {
				t.Errorf("%s: status %d: %s", line, status, errs)
			}
		}
	})
}

// A token is the only line that is printed, and is listed without its text.
func TestTokenCommands(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("user add ada --role engineer --no-password")
		text := sh.ok("token create ci --role viewer --expires 30d --user ada --note nightly")
		if !strings.HasPrefix(text, "lwbs_ci_") || strings.Count(text, "\n") != 1 {
			t.Errorf("printed is %q", text)
		}
		sh.ok("token create forever --role admin --expires never")
		list := sh.ok("token list")
		contains(t, "list", list, "ci", "ada", "nightly", "expires on ", "never expires")
		lacks(t, "list", list, strings.TrimSpace(text))
		var made admin.Token
		if err := json.Unmarshal([]byte(sh.ok("token create other --role viewer --json")), &made); err != nil || !strings.HasPrefix(made.Token, "lwbs_other_") || made.Expires.IsZero() {
			t.Errorf("it is %+v, %v", made, err)
		}
		contains(t, "revoke", sh.ok("token revoke other"), "revoked token other")
		if out := sh.ok("user delete ada"); out != "deleted user ada\n" {
			t.Error(out)
		}
		if list := sh.ok("token list"); strings.Contains(list, "nightly") {
			t.Errorf("the token of a deleted user is listed: %s", list)
		}
	})
}

// The first user can be made before there is a database.
func TestFirstUserMakesTheDatabase(t *testing.T) {
	sh := newShell(t)
	if _, _, errs := sh.run("user list"); !strings.Contains(errs, "does not exist") {
		t.Error(errs)
	}
	contains(t, "add", sh.ok("user add ada --role admin --generate-password"), "password: ")
	contains(t, "list", sh.ok("user list"), "ada")
}
