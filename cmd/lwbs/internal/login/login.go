// Package login keeps what lwbs login saves: which server is asked where there is no other, and with which token.
package login

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lwbs/lwm2m"
)

// A Saved login is of one server; the zero one is none.
type Saved struct {
	URL   string
	Token lwm2m.Secret
	CAs   string // PEM; empty for those of the system
}

// stored is the form in the file.
type stored struct {
	URL   string `json:"url"`
	Token string `json:"token,omitempty"`
	CAs   string `json:"cas,omitempty"`
}

// maxFile is the largest file of a login, in bytes.
const maxFile = 1 << 20

// File is where it is: login.json in the folder lwbs of the user's configuration. Empty where there is no such folder.
func File() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "lwbs", "login.json")
}

// Load reads what was saved. That there is nothing is no error.
func Load() (Saved, error) {
	file := File()
	if file == "" {
		return Saved{}, nil
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Saved{}, nil
	case err != nil:
		return Saved{}, fmt.Errorf("saved login: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return Saved{}, fmt.Errorf("saved login %s: other users can read it, mode %o: chmod 600 it, or lwbs logout", file, info.Mode().Perm())
	case info.Size() > maxFile:
		return Saved{}, fmt.Errorf("saved login %s has %d bytes: lwbs logout removes it", file, info.Size())
	}
	text, err := os.ReadFile(file)
	var s stored
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return Saved{}, fmt.Errorf("saved login %s cannot be read: lwbs logout removes it", file)
	}
	return Saved{s.URL, lwm2m.NewSecret([]byte(s.Token)), s.CAs}, nil
}

// Save saves a login in place of the one before, for its owner only.
func (s Saved) Save() error {
	file := File()
	if file == "" {
		return errors.New("the login cannot be saved: neither XDG_CONFIG_HOME nor HOME is set")
	}
	text, err := json.Marshal(stored{s.URL, string(s.Token.Reveal()), s.CAs})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err != nil {
		return fmt.Errorf("save login: %w", err)
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), ".login-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save login: %w", err)
	}
	_, err = fresh.Write(text)
	if err = errors.Join(err, fresh.Sync(), fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("save login: %w", errors.Join(err, os.Remove(fresh.Name())))
	}
	return nil
}

// Remove removes what was saved, and reports whether there was anything.
func Remove() (bool, error) {
	err := os.Remove(File())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Authorities are the CAs that were saved.
func (s Saved) Authorities() (cas []*x509.Certificate, err error) {
	for rest := []byte(s.CAs); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return cas, nil
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("saved login: a CA cannot be read: lwbs login again")
		}
		cas = append(cas, c)
	}
}
