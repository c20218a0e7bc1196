package command

import (
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/certtest"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
)

// A private key for an account is taken however tools and editors write it, and refused
// exactly.
func TestPrivateKeysOfAccounts(t *testing.T) {
	ca := certtest.NewAuthority(t, "Root")
	_, file := certtest.WriteFiles(t, ca.Client(t, "device"))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	in := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := cli.NewContext(&cli.App{Reader: strings.NewReader(""), ErrWriter: io.Discard}, nil, nil)
	c.Context = t.Context()
	form := input.KeyForm{Format: "hex", Option: "--account-key-format"}
	for name, as := range map[string]string{
		"PEM": string(text), "Windows": strings.ReplaceAll(string(text), "\n", "\r\n"), "byte order mark": "\ufeff" + string(text),
		"UTF-16": clitest.UTF16(string(text), true), "DER": string(block.Bytes),
	} {
		write(as)
		got, err := ReadAccountKey(c, "key", in, form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if der, err := lwm2m.PrivateKeyDER(got); err != nil || !bytes.Equal(der, block.Bytes) {
			t.Errorf("%s: another key, %v", name, err)
		}
	}
	for as, want := range map[string]string{
		string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes})): "it is encrypted",
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})):           "it has CERTIFICATE, and no private key",
		string(text[:len(text)-20]): "the block of PEM in it is damaged",
	} {
		write(as)
		if _, err := ReadAccountKey(c, "key", in, form); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
