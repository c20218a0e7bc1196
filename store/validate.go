package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// ErrInvalid is wrapped by the errors of the Validate methods, and returned by a
// Store for a record that breaks their rules.
var ErrInvalid = errors.New("invalid")

// MaxName is the longest name of a profile, in bytes.
const MaxName = 128

// MaxSecret is the longest secret of a Resource, in bytes: more than any COSE key has.
const MaxSecret = 4096

// Validate reports why d cannot be stored, whatever its profile: it checks the rules that indexes and
// limits need.
func (d Device) Validate() error {
	if err := d.Endpoint.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if d.Profile == "" {
		return fmt.Errorf("%w: a device needs a profile", ErrInvalid)
	}
	if err := errors.Join(d.limited(), d.Written.validate()); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, c := range d.Credentials {
		id := string(c.Kind) + "\x00" + c.Identity
		if err := c.validate(); err != nil {
			return err
		}
		if c.Group != "" && c.Group != d.Group {
			return fmt.Errorf("%w: a credential of group %q, and the device is not in that group", ErrInvalid, c.Group)
		}
		if seen[id] {
			return fmt.Errorf("%w: two credentials with the identity %q", ErrInvalid, c.Identity)
		}
		seen[id] = true
	}
	for _, tag := range d.Tags {
		if err := validName("tag", tag); err != nil {
			return err
		}
	}
	if d.Group != "" {
		if err := validName("name of a group", d.Group); err != nil {
			return err
		}
	}
	if err := d.validSecrets(); err != nil {
		return err
	}
	return d.validTexts()
}

// validSecrets reports a secret that is not of a Resource, or is of an account's Object.
func (d Device) validSecrets() error {
	for path, s := range d.Secrets {
		switch o := path.Object(); {
		case path.Depth() != 3:
			return fmt.Errorf("%w: secret of %v, which is not the path of a Resource, such as /11/0/6", ErrInvalid, path)
		case o == lwm2m.ObjectSecurity || o == lwm2m.ObjectOSCORE:
			return fmt.Errorf("%w: secret of %v: those of Objects %d and %d belong to accounts", ErrInvalid, path, lwm2m.ObjectSecurity, lwm2m.ObjectOSCORE)
		case s.Len() == 0 || s.Len() > MaxSecret:
			return fmt.Errorf("%w: secret of %v has %d bytes, 1 to %d are possible", ErrInvalid, path, s.Len(), MaxSecret)
		}
	}
	return nil
}

// validate reports what is wrong with c, without regard to other credentials.
func (c Credential) validate() error {
	longest, isText := MaxIdentity, false
	switch c.Kind {
	case CredentialPSK:
	case CredentialCertificate:
		if len(c.Identity) != 2*sha256.Size || strings.Trim(c.Identity, "0123456789abcdef") != "" {
			return fmt.Errorf("%w: fingerprint %q is not SHA-256 in %d lower-case hexadecimal digits", ErrInvalid, c.Identity, 2*sha256.Size)
		}
	case CredentialCertificateName:
		longest, isText = MaxCertificateName, true
	default:
		return c.validateUnknown()
	}
	switch {
	case len(c.Identity) == 0 || len(c.Identity) > longest:
		return fmt.Errorf("%w: identity has %d bytes, 1 to %d are possible", ErrInvalid, len(c.Identity), longest)
	case isText && strings.ContainsFunc(c.Identity, unprintable):
		return fmt.Errorf("%w: name %q in a certificate has a control character or is not UTF-8", ErrInvalid, c.Identity)
	case c.Kind != CredentialPSK && !c.Key.IsZero():
		return fmt.Errorf("%w: a certificate credential has a pre-shared key", ErrInvalid)
	case c.Group != "" && c.Kind == CredentialCertificate:
		return fmt.Errorf("%w: one certificate that is of a group", ErrInvalid)
	case c.Group != "" && !c.Key.IsZero():
		return fmt.Errorf("%w: a credential of a group has a key of its own", ErrInvalid)
	case c.Group != "":
	case c.Kind == CredentialPSK && (c.Key.Len() == 0 || c.Key.Len() > MaxKey):
		return fmt.Errorf("%w: key has %d bytes, 1 to %d are possible", ErrInvalid, c.Key.Len(), MaxKey)
	}
	return nil
}

// validateUnknown checks a credential of an unknown kind for what the indexes need. A newer lwbs may
// have written it, and an edit keeps it.
func (c Credential) validateUnknown() error {
	if err := validName("credential kind", string(c.Kind)); err != nil {
		return err
	}
	if len(c.Identity) == 0 || len(c.Identity) > MaxSecret {
		return fmt.Errorf("%w: identity has %d bytes, 1 to %d are possible", ErrInvalid, len(c.Identity), MaxSecret)
	}
	return nil
}

// unprintable reports characters that no name may have. U+FFFD stands for bytes that are not UTF-8.
func unprintable(r rune) bool { return r < ' ' || r == 0x7f || r == '\ufffd' }

// validTexts reports a text that is not UTF-8. JSON would replace some of its bytes, and keys that
// are sealed for an account of that name could not be opened.
func (d Device) validTexts() error {
	notText := func(what string) error { return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, what) }
	if !utf8.ValidString(d.Note) {
		return notText("note")
	}
	for name, a := range d.Accounts {
		if !utf8.ValidString(name) || !utf8.ValidString(a.Identity) {
			return notText(fmt.Sprintf("name or identity of account %.100q", name))
		}
		if err := validName("name of an account", name); err != nil {
			return err
		}
		for what, s := range map[string]lwm2m.Secret{"key": a.Key, "master secret": a.MasterSecret} {
			if s.Len() > MaxSecret {
				return fmt.Errorf("%w: %s of account %q has %d bytes, at most %d are possible", ErrInvalid, what, name, s.Len(), MaxSecret)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Vars)) {
		if err := validVariable(name, d.Vars[name]); err != nil {
			return err
		}
	}
	return nil
}

// Validate reports why p cannot be stored. The Bootstrap-Server checks whether it makes sense.
func (p Profile) Validate() error {
	if err := validName("profile name", p.Name); err != nil {
		return err
	}
	for _, a := range p.Accounts {
		if a.Name == "" {
			continue // the Bootstrap-Server reports it, with the place
		}
		if err := validName("name of an account", a.Name); err != nil {
			return err
		}
	}
	return p.limited()
}

func validName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: %s is empty", ErrInvalid, what)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %s has %d bytes, at most %d are possible", ErrInvalid, what, len(name), MaxName)
	case strings.ContainsFunc(name, unprintable):
		return fmt.Errorf("%w: %s %.100q has a control character or is not UTF-8", ErrInvalid, what, name)
	}
	return nil
}
