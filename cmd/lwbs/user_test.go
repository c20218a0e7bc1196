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

// A user's own password is changed for the old one, with a server and without.
func TestUserPassword(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		for name, text := range map[string]string{"old": "an old long password\n", "new": "a new long password\n", "short": "short\n"} {
			sh.write(name, text)
		}
		sh.ok("user add ada --role viewer --password-file $D/old")
		const from = " --old-password-file $D/old --password-file $D/new"
		for line, told := range map[string]string{
			"user password" + from:      "whose password is to be changed?",
			"user password a b" + from:  "expected one NAME at most",
			"user password $E" + from:   "NAME is empty",
			"user password nope" + from: "the old password is wrong",
			"user password ada":         "there is no terminal to ask for a password",
			"user password ada --old-password-file $D/new --password-file $D/new":   "is the old one",
			"user password ada --old-password-file $D/old --password-file $D/short": "has 5 characters",
			"user password ada --old-password-file - --password-file $D/new":        "is a file",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) {
				t.Errorf("%s: status %d: %s", line, status, errs)
			}
		}
		contains(t, "password", sh.ok("user password ada"+from), "changed the password of user ada")
		if status, _, errs := sh.run("user password ada" + from); status != exitFailed || !strings.Contains(errs, "the old password is wrong") {
			t.Errorf("status %d: %s", status, errs)
		}
		contains(t, "audit", sh.ok("audit list"), "user password")
	})
}

// On another machine it is that of the user whose token is used, and of no one else.
func TestUserPasswordOnAnotherMachine(t *testing.T) {
	r := newRemote(t)
	r.write("old", "an old long password\n")
	r.write("new", "a new long password\n")
	r.at.ok("user add ada --role viewer --password-file " + r.path("old"))
	r.at.ok("user add bob --role viewer --password-file " + r.path("old"))
	r.write("ada", r.at.ok("token create laptop --role viewer --user ada"))
	as := func(token string) string { return strings.Replace(r.options, "$D/admin", "$D/"+token, 1) }
	const from = " --old-password-file $D/old --password-file $D/new"
	for line, told := range map[string]string{
		as("admin") + "user password" + from:   "is no user with a password here",
		as("ada") + "user password bob" + from: "ada changes an own password only",
	} {
		if status, _, errs := r.run(line); status != exitFailed || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d: %s", line, status, errs)
		}
	}
	contains(t, "password", r.ok(as("ada")+"user password"+from), "changed the password of user ada")
	contains(t, "audit", r.at.ok("audit list --json --action user"), `"name":"ada"`, `"way":"token laptop"`, `"action":"user password"`)
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
