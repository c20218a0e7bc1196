package seal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/store"
	"lwbs/store/seal"
)

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if _, err := seal.LoadKeyring(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if _, err := seal.KeyringFor(file, false); !errors.Is(err, store.ErrNoKey) {
		t.Errorf("of a database that exists: %v, want %v", err, store.ErrNoKey)
	}
	k, err := seal.KeyringFor(file, true)
	if err != nil {
		t.Fatalf("of a new database: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if err := keyring(t).Save(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over it: %v, want %v", err, fs.ErrExist)
	}
	again, err := seal.KeyringFor(file, true)
	if err != nil {
		t.Fatalf("a second time: %v", err)
	}
	if b, err := again.Open(k.Seal([]byte("secret"), "place"), "place"); err != nil || string(b) != "secret" {
		t.Errorf("the key read again opens %q, %v", b, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadKeyring(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
}

// What editors and shells do to a text changes nothing about the key in it.
func TestKeyFileSpellings(t *testing.T) {
	key := strings.Repeat("A", 43)
	for name, text := range map[string]string{
		"as it is written":  "lwbs-keys 1\n1 t " + key + "=\n",
		"byte order mark":   "\ufefflwbs-keys 1\n1 t " + key + "=\n",
		"Windows line ends": "lwbs-keys 1\r\n1 t " + key + "=\r\n",
		"no last line end":  "lwbs-keys 1\n1 t " + key + "=",
		"no padding":        "lwbs-keys 1\n1 t " + key,
		"zero byte":         "lwbs-keys 1\n1 t " + key + "=\n\x00",
		"blanks":            "lwbs-keys 1 \n\n  1   t\t" + key + "=  \n",
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.LoadKeyring(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadKeyFiles(t *testing.T) {
	good := strings.Repeat("A", 43) + "="
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "no key"},
		"something else": {"hello\n", "line 1"},
		"no key":         {"lwbs-keys 1\n# nothing\n", "no key"},
		"only blanks":    {" \r\n", "it is empty"},
		"UTF-16":         {"\xff\xfel\x00w\x00", "it is UTF-16: save it as UTF-8"},
		"short key":      {"lwbs-keys 1\n1 2026-01-01T00:00:00Z AAAA\n", "line 2: the key has 3 bytes, not 32"},
		"cut key":        {"lwbs-keys 1\n1 t " + good[:42] + "\n", "line 2: the key has 31 bytes, not 32"},
		"odd key":        {"lwbs-keys 1\n1 t " + good[:41] + "\n", "line 2: the key is not Base64"},
		"same ID":        {"lwbs-keys 1\n1 t " + good + "\n1 t " + good + "\n", "line 3"},
		"words swapped":  {"lwbs-keys 1\n# note\n" + good + " t 1\n", "line 3"},
		"ID zero":        {"lwbs-keys 1\n0 t " + good + "\n", "line 2"},
		"ID too large":   {"lwbs-keys 1\n65536 t " + good + "\n", "line 2"},
		"long line":      {"lwbs-keys 1\n#" + strings.Repeat("x", 1<<17) + "\n", "too long"},
		"words missing":  {"lwbs-keys 1\n1 " + good + "\n", "line 2"},
	} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := seal.LoadKeyring(file)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), good) {
			t.Errorf("%s: error %v, want %q in it and no key", name, err, tt.want)
		}
	}
}

func TestSealedBytesStayWhereTheyBelong(t *testing.T) {
	k := keyring(t)
	sealed := k.Seal([]byte("secret"), "here")
	for name, tt := range map[string]struct {
		k     *seal.Keyring
		b     []byte
		place string
		want  error
	}{
		"another place": {k, sealed, "there", store.ErrCorrupt},
		"another key":   {keyring(t), sealed, "here", store.ErrCorrupt},
		"changed":       {k, append(sealed[:len(sealed)-1:len(sealed)-1], sealed[len(sealed)-1]^1), "here", store.ErrCorrupt},
		"cut":           {k, sealed[:10], "here", store.ErrCorrupt},
		"unknown key":   {k, append([]byte{1, 9, 9}, sealed[3:]...), "here", store.ErrNoKey},
		"unknown form":  {k, append([]byte{7}, sealed[1:]...), "here", store.ErrCorrupt},
	} {
		if b, err := tt.k.Open(tt.b, tt.place); !errors.Is(err, tt.want) || b != nil {
			t.Errorf("%s: %q, %v; want %v", name, b, err, tt.want)
		}
	}
	if string(k.Seal([]byte("secret"), "here")) == string(sealed) {
		t.Error("sealing twice gives the same bytes")
	}
}

// After a rotation the last key seals, and the others open what they sealed.
func TestSeveralKeys(t *testing.T) {
	line := func(id int, letter string) string {
		return fmt.Sprintf("%d 2026-01-01T00:00:00Z %s=\n", id, strings.Repeat(letter, 42)+"A")
	}
	load := func(lines ...string) *seal.Keyring {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte("lwbs-keys 1\n"+strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := seal.LoadKeyring(file)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	first, both, second := load(line(1, "A")), load(line(1, "A"), line(2, "B")), load(line(2, "B"))
	if b, err := both.Open(first.Seal([]byte("old"), "p"), "p"); err != nil || string(b) != "old" {
		t.Errorf("what the first key sealed opens as %q, %v", b, err)
	}
	sealed := both.Seal([]byte("new"), "p")
	if b, err := second.Open(sealed, "p"); err != nil || string(b) != "new" {
		t.Errorf("what both seal opens with the second as %q, %v", b, err)
	}
	if _, err := first.Open(sealed, "p"); !errors.Is(err, store.ErrNoKey) {
		t.Errorf("without the second key: %v, want %v", err, store.ErrNoKey)
	}
}

func TestNothingSealsToNothing(t *testing.T) {
	k := keyring(t)
	if sealed := k.Seal(nil, "p"); sealed != nil {
		t.Errorf("nothing seals to %x", sealed)
	}
	if b, err := k.Open(nil, "p"); b != nil || err != nil {
		t.Errorf("nothing opens to %x, %v", b, err)
	}
}

func TestKeyringPrintsNoKey(t *testing.T) {
	k := keyring(t)
	file := filepath.Join(t.TempDir(), "key")
	if err := k.Save(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	digits := strings.Trim(fmt.Sprint(text), "[]") // as fmt prints bytes
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if out := fmt.Sprintf(verb, k); strings.Contains(out, digits) || strings.Contains(out, "lwbs-keys") {
			t.Errorf("%s shows the key file", verb)
		}
	}
}
