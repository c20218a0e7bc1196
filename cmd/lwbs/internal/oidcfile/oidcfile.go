// Package oidcfile reads the file of lwbs serve --oidc: which issuer of OpenID Connect is trusted, and for what.
package oidcfile

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
)

// Limits of a file. The reader of YAML takes time that grows with the square of how deep values are nested.
const (
	maxFile     = 16 << 10 // bytes
	maxBrackets = 200      // of lists and mappings that begin
	maxDashes   = 8        // of lists that begin in one line
)

// A file is what is in one.
type file struct {
	Issuer           string            `yaml:"issuer"`
	Name             string            `yaml:"name"`
	ClientID         string            `yaml:"clientID"`
	ClientSecretFile string            `yaml:"clientSecretFile"`
	RedirectURL      string            `yaml:"redirectURL"`
	Scopes           []string          `yaml:"scopes"`
	RoleClaim        string            `yaml:"roleClaim"`
	Roles            map[string]string `yaml:"roles"`
	NameClaim        string            `yaml:"nameClaim"`
	Domains          []string          `yaml:"domains"`
	Subjects         []string          `yaml:"subjects"`
	SessionLimit     string            `yaml:"sessionLimit"`
	CAFile           string            `yaml:"caFile"`
}

// Read reads a file, YAML or JSON, and the files that it names, whose paths are relative to its own folder. Warn is
// told what is not forbidden but unwise.
func Read(ctx context.Context, path string, warn func(string)) (c openid.Config, err error) {
	text, err := input.ReadFile(ctx, "settings of OIDC", path, maxFile)
	if err != nil {
		return c, err
	}
	if err := checkDepth(text); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	var f file
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f); err != nil {
		return c, fmt.Errorf("%s: %s", path, oneLine(err))
	}
	c = openid.Config{
		Issuer: f.Issuer, Name: f.Name, ClientID: f.ClientID, RedirectURL: f.RedirectURL, Scopes: f.Scopes,
		RoleClaim: f.RoleClaim, NameClaim: f.NameClaim, Domains: f.Domains, Subjects: f.Subjects, Roles: make(map[string]access.Role),
	}
	for value, name := range f.Roles {
		if c.Roles[value], err = access.ParseRole(name); err != nil {
			return c, fmt.Errorf("%s: roles: %s: %w", path, value, err)
		}
	}
	if f.SessionLimit != "" {
		if c.SessionLimit, err = time.ParseDuration(f.SessionLimit); err != nil || c.SessionLimit <= 0 {
			return c, fmt.Errorf("%s: sessionLimit: %.40q is not a time such as 8h", path, f.SessionLimit)
		}
	}
	beside := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	if f.ClientSecretFile != "" {
		name := beside(f.ClientSecretFile)
		secret, err := input.Password(ctx, nil, name)
		if err != nil {
			return c, fmt.Errorf("%s: clientSecretFile: %w", path, err)
		}
		c.ClientSecret = lwm2m.NewSecret([]byte(strings.TrimSpace(secret)))
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			warn(fmt.Sprintf("other users can read the client secret in %s: chmod 600 it", name))
		}
	}
	if f.CAFile != "" {
		cas, err := input.CAs(ctx, beside(f.CAFile))
		if err != nil {
			return c, fmt.Errorf("%s: caFile: %w", path, err)
		}
		c.CAs = x509.NewCertPool()
		for _, ca := range cas {
			c.CAs.AddCert(ca)
		}
	}
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// checkDepth reports that a text has more lists and mappings than these settings can need.
func checkDepth(text []byte) error {
	n := 0
	for i, line := range bytes.Split(text, []byte("\n")) {
		n += bytes.Count(line, []byte("[")) + bytes.Count(line, []byte("{"))
		if n > maxBrackets || bytes.Count(line, []byte("- ")) > maxDashes {
			return fmt.Errorf("line %d: there are too many lists in it", i+1)
		}
	}
	return nil
}

// place is where the reader of YAML found a mistake.
var place = regexp.MustCompile(`^\[(\d+):\d+\] `)

// oneLine is an error of the reader of YAML in one line, which has nothing of the file but names of keys.
func oneLine(err error) string {
	text, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	if at := place.FindStringSubmatch(text); at != nil {
		text = "line " + at[1] + ": " + text[len(at[0]):]
	}
	return fmt.Sprintf("%.300s", text)
}
