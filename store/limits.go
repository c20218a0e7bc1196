package store

import (
	"fmt"
	"unicode/utf8"
)

// Limits of a device record. It is read at each bootstrap of its device, and cached.
const (
	MaxCredentials = 16
	MaxAccounts    = 64 // of a profile, too
	MaxSecrets     = 64
	MaxTags        = 64
	MaxVars        = 256
	MaxValue       = 16 << 10 // bytes of the value of a variable
	MaxNote        = 4 << 10  // bytes
	MaxTexts       = 64 << 10 // bytes of all variables, identities, tags, secrets and certificates together, and the note
)

// Limits of a profile.
const (
	MaxObjects       = 256 // Object Instances beside the accounts
	MaxAccessControl = 256
	MaxDelete        = 256       // paths to be deleted
	MaxProfile       = 256 << 10 // bytes of it in JSON

	MaxFormerProfiles = 20 // revisions of a profile that are kept beside the one that it has
)

// AtMost returns an error that wraps ErrInvalid where have is more than limit. What says what is counted.
func AtMost(have int, what string, limit int) error {
	if have <= limit {
		return nil
	}
	return fmt.Errorf("%w: %d %s, at most %d are possible", ErrInvalid, have, what, limit)
}

// limited reports the first limit that d exceeds.
func (d Device) limited() error {
	texts := len(d.Note)
	for _, c := range d.Credentials {
		texts += len(c.Identity)
	}
	for name, a := range d.Accounts {
		texts += len(name) + len(a.Identity) + a.Key.Len() + a.MasterSecret.Len() + len(a.Certificate)
	}
	for _, s := range d.Secrets {
		texts += s.Len()
	}
	for _, tag := range d.Tags {
		texts += len(tag)
	}
	for name, value := range d.Vars {
		texts += len(name) + len(value)
	}
	for _, l := range []struct {
		have  int
		what  string
		limit int
	}{
		{len(d.Credentials), "credentials", MaxCredentials},
		{len(d.Accounts), "accounts", MaxAccounts},
		{len(d.Secrets), "secrets", MaxSecrets},
		{len(d.Tags), "tags", MaxTags},
		{len(d.Vars), "variables", MaxVars},
		{len(d.HandedOver), "LwM2M Servers that were told of it", MaxHandedOver},
		{len(d.Note), "bytes of note", MaxNote},
		{texts, "bytes of texts, keys and certificates", MaxTexts},
	} {
		if err := AtMost(l.have, l.what, l.limit); err != nil {
			return err
		}
	}
	return nil
}

// limited reports the first limit that p exceeds; EncodeProfile checks its size.
func (p Profile) limited() error {
	for _, l := range []struct {
		have  int
		what  string
		limit int
	}{
		{len(p.Accounts), "accounts", MaxAccounts},
		{len(p.AccessControl), "entries of access control", MaxAccessControl},
		{len(p.Objects), "other Object Instances", MaxObjects},
		{len(p.Delete.Paths), "paths to delete", MaxDelete},
	} {
		if err := AtMost(l.have, l.what, l.limit); err != nil {
			return err
		}
	}
	return nil
}

// validVariable reports what is wrong with a variable.
func validVariable(name, value string) error {
	switch {
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		return fmt.Errorf("%w: name or value of variable %.100q is not UTF-8", ErrInvalid, name)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: variable %.100q has %d bytes, at most %d are possible", ErrInvalid, name, len(value), MaxValue)
	}
	return validName("name of a variable", name)
}
