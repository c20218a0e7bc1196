package oidcfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
)

// read writes files into a folder and reads the first one.
func read(t *testing.T, text string, others ...string) (warned []string, c configOrError) {
	t.Helper()
	dir := t.TempDir()
	for i, content := range append([]string{text}, others...) {
		if err := os.WriteFile(filepath.Join(dir, []string{"oidc.yaml", "secret"}[i]), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(t.Context(), filepath.Join(dir, "oidc.yaml"), func(w string) { warned = append(warned, w) })
	return warned, configOrError{got.Issuer, string(got.ClientSecret.Reveal()), got.Roles, got.SessionLimit, got.Domains, err}
}

// configOrError is what came of a file.
type configOrError struct {
	issuer, secret string
	roles          map[string]access.Role
	limit          time.Duration
	domains        []string
	err            error
}

const good = `issuer: https://idp.example/realms/x
clientID: lwbs
clientSecretFile: secret
roles: {lwbs-admins: admin, "lwbs viewers": viewer}
domains: [example.com]
sessionLimit: 8h
`

// A file is read as YAML or JSON, with the secret beside it.
func TestRead(t *testing.T) {
	warned, c := read(t, good, "s3cret\n")
	if c.err != nil || c.issuer != "https://idp.example/realms/x" || c.secret != "s3cret" || c.roles["lwbs viewers"] != access.Viewer || c.limit != 8*time.Hour || len(c.domains) != 1 || len(warned) != 0 {
		t.Errorf("%+v, %v", c, warned)
	}
	if _, c := read(t, `{"issuer": "https://idp.example", "clientID": "lwbs", "roles": {"a": "engineer"}}`); c.err != nil || c.roles["a"] != access.Engineer {
		t.Errorf("%+v", c)
	}
}

// A secret that others can read is told of.
func TestSecretThatOthersCanRead(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "s")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte(strings.Replace(good, "File: secret", "File: "+secret, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	told := ""
	if _, err := Read(t.Context(), file, func(w string) { told = w }); err != nil || !strings.Contains(told, "chmod 600") {
		t.Errorf("%q, %v", told, err)
	}
}

// Each mistake is one line that names the file, and has nothing of the secret.
func TestMistakes(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, tt := range map[string]struct{ text, want string }{
		"an unknown key":        {change("domains:", "domain:"), `line 5: unknown field "domain"`},
		"a key twice":           {good + "clientID: x\n", "line 7: "},
		"no YAML":               {"issuer: [", "line 1"},
		"a list":                {"- a\n", "oidc.yaml: "},
		"a text for a list":     {change("[example.com]", "{a: b}"), "oidc.yaml: "},
		"empty":                 {"", "oidc.yaml: "},
		"no issuer":             {change("issuer: https://idp.example/realms/x", "name: x"), "issuer: the URL is missing"},
		"an issuer without TLS": {change("https://idp", "http://idp"), "is not https"},
		"no role":               {change("admin,", "root,"), `"root" is no role`},
		"no roles":              {change(`{lwbs-admins: admin, "lwbs viewers": viewer}`, "{}"), "roles is empty"},
		"a limit":               {change("8h", "8"), "sessionLimit"},
		"a limit that is long":  {change("8h", "80h"), "sessionLimit"},
		"no secret":             {change("File: secret", "File: nosuch"), "clientSecretFile"},
		"brackets":              {strings.Repeat("[", 15<<10), "oidc.yaml: line 1: there are too many lists"},
		"dashes":                {strings.Repeat("- ", 7<<10), "oidc.yaml: line 1: there are too many lists"},
		"a huge file":           {strings.Repeat("#", 17<<10), "bytes"},
		"aliases":               {"a: &a [x,x]\nscopes: [*a,*a]\n", "oidc.yaml: "},
		"not UTF-8":             {"\xff\xfe\x00", "oidc.yaml: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := read(t, tt.text, "s3cret\n")
			if c.err == nil || !strings.Contains(c.err.Error(), tt.want) || strings.Contains(c.err.Error(), "s3cret") || len(c.err.Error()) > 600 {
				t.Fatalf("%v, want %q", c.err, tt.want)
			}
			if name != "no issuer" && strings.Count(c.err.Error(), "\n") > 0 {
				t.Errorf("it has several lines: %q", c.err)
			}
		})
	}
}
