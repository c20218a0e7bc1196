package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// settingFlags are the options of both add and set.
func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Usage: "give it the profile `NAME`"},
		&cli.StringFlag{Name: "group", Usage: "put it into the enrolment group `NAME`, with whose keys and certificates it may come then; none takes it out"},
		&cli.StringFlag{Name: "psk", Usage: "`generate` makes a key of 16 random bytes and prints it once; none removes its key"},
		&cli.StringFlag{Name: "psk-key-file", Usage: "read its key from `FILE`, - for standard input"},
		&cli.StringFlag{Name: "psk-key-format", Usage: "the key is written in `FORMAT`: hex, base64, text (its last line end is dropped) or binary; required with --psk-key-file"},
		&cli.StringFlag{Name: "psk-identity", Usage: "its PSK identity is `ID` (default: the endpoint name)"},
		&cli.StringSliceFlag{Name: "certificate", Usage: "it may authenticate with the X.509 certificate in `FILE`, PEM or DER; may be repeated; replaces those it has"},
		&cli.StringSliceFlag{Name: "certificate-fingerprint", Usage: "it may authenticate with the certificate whose SHA-256 fingerprint is `HEX`; may be repeated; none removes those it has"},
		&cli.StringSliceFlag{Name: "certificate-name", Usage: "it may authenticate with any certificate that a trusted CA issued for `NAME`; may be repeated; none removes those it has"},
		&cli.StringSliceFlag{Name: "account-key-file", Usage: "give it the key in `ACCOUNT=FILE` for an account; - for standard input; a private key is PKCS#8, SEC1 or PKCS#1, in PEM or as --account-key-format says"},
		&cli.StringSliceFlag{Name: "account-certificate-file", Usage: "give it the X.509 certificate or raw public key in `ACCOUNT=FILE` for an account, PEM or DER; an empty FILE removes it"},
		&cli.StringFlag{Name: "account-key-format", Value: "hex", Usage: "account keys are written in `FORMAT`: hex, base64, text (its last line end is dropped) or binary"},
		&cli.StringSliceFlag{Name: "account-master-secret-file", Usage: "give it the master secret in `ACCOUNT=FILE` for an account with OSCORE, written as --account-key-format says"},
		&cli.StringSliceFlag{Name: "secret-file", Usage: "give it the value in `PATH=FILE` for a Resource that its profile marks supplied, such as /11/0/6=FILE; - for standard input; text with its last line end dropped, bytes as --account-key-format says; an empty FILE removes it"},
		&cli.StringSliceFlag{Name: "account-identity", Usage: "give it a PSK identity for an account, `ACCOUNT=ID`"},
		&cli.StringSliceFlag{Name: "forget-account", Usage: "remove the keys of an `ACCOUNT` that its profile no longer has"},
		&cli.StringSliceFlag{Name: "var", Usage: "set a variable for the profile's templates, `NAME=VALUE`; an empty VALUE removes it"},
		&cli.StringSliceFlag{Name: "tag", Usage: "a `TAG` for lists; may be repeated; replaces those it has; none removes them"},
		&cli.StringSliceFlag{Name: "add-tag", Usage: "add the `TAG` to those it has; may be repeated"},
		&cli.StringSliceFlag{Name: "remove-tag", Usage: "remove the `TAG` from those it has; may be repeated"},
		&cli.StringFlag{Name: "format", Usage: "write in the content `FORMAT`: tlv, senml-json, senml-cbor, lwm2m-cbor, or none for the profile's"},
		&cli.BoolFlag{Name: "no-sec", Usage: "permit it to bootstrap over plain CoAP, without authentication"},
		&cli.StringFlag{Name: "note", Usage: "free `TEXT`"},
	}
}

// settings reads the options of settingFlags.
func settings(c *cli.Context) (set admin.DeviceSettings, err error) {
	if err := command.NoneEmpty(c, "profile", "group", "psk", "psk-key-file", "psk-identity", "format"); err != nil {
		return set, err
	}
	if err := readsOnce(c); err != nil {
		return set, err
	}
	for format, files := range map[string][]string{
		"psk-key-format":     {"psk-key-file"},
		"account-key-format": {"account-key-file", "account-master-secret-file", "secret-file"},
	} {
		if c.IsSet(format) && !slices.ContainsFunc(files, c.IsSet) {
			return set, command.Usagef("--%s says how a file is written: it needs --%s", format, strings.Join(files, " or --"))
		}
	}
	given := func(name string, field **string) {
		if c.IsSet(name) {
			*field = new(c.String(name))
		}
	}
	given("profile", &set.Profile)
	if given("group", &set.Group); set.Group != nil && *set.Group == command.None {
		set.Group = new("")
	}
	given("note", &set.Note)
	if c.IsSet("no-sec") {
		set.NoSec = new(c.Bool("no-sec"))
	}
	if tags, err := command.ListOrNone(c, "tag"); err != nil {
		return set, err
	} else if tags != nil {
		set.Tags = &tags
	}
	set.AddTags, set.RemoveTags = c.StringSlice("add-tag"), c.StringSlice("remove-tag")
	if c.IsSet("format") {
		set.Format = new(lwm2m.Format)
		if err := set.Format.UnmarshalText([]byte(c.String("format"))); err != nil || *set.Format != 0 && !content.Writable(*set.Format) {
			return set, command.Usagef("--format %q is not tlv, senml-json, senml-cbor, lwm2m-cbor or none", c.String("format"))
		}
	}
	if set.NoPSK = c.String("psk") == command.None; !set.NoPSK {
		if set.PSK, err = pskOf(c); err != nil {
			return set, err
		}
		if set.PSK == nil {
			given("psk-identity", &set.PSKIdentity)
		}
	}
	if set.Certificates, set.CertificateExpiries, err = fingerprints(c); err != nil {
		return set, err
	}
	if names, err := command.ListOrNone(c, "certificate-name"); err != nil {
		return set, err
	} else if names != nil {
		set.CertificateNames = &names
	}
	if set.Vars, err = command.Assignments(c, "var", "NAME=VALUE"); err != nil {
		return set, err
	}
	if set.AccountIdentities, err = command.Assignments(c, "account-identity", "ACCOUNT=ID"); err != nil {
		return set, err
	}
	if set.AccountKeys, err = accountSecrets(c, "account-key-file", "key"); err != nil {
		return set, err
	}
	if set.AccountCertificates, err = accountCertificates(c); err != nil {
		return set, err
	}
	if set.AccountMasterSecrets, err = accountSecrets(c, "account-master-secret-file", "master secret"); err != nil {
		return set, err
	}
	set.ForgetAccounts = c.StringSlice("forget-account")
	set.Secrets, err = resourceSecrets(c)
	return set, err
}

// readsOnce reports several options that would read standard input.
func readsOnce(c *cli.Context) error {
	var from []string
	if c.String("psk-key-file") == "-" {
		from = append(from, "--psk-key-file -")
	}
	for _, option := range []string{"account-key-file", "account-certificate-file", "account-master-secret-file", "secret-file"} {
		for _, text := range c.StringSlice(option) {
			if strings.HasSuffix(text, "=-") {
				from = append(from, "--"+option+" "+text)
			}
		}
	}
	if len(from) > 1 {
		return command.Usagef("%s: standard input can be read once", strings.Join(from, " and "))
	}
	return nil
}

// accountSecrets reads the files that a repeated option ACCOUNT=FILE names.
func accountSecrets(c *cli.Context, option, what string) (map[string][]byte, error) {
	files, err := command.Assignments(c, option, "ACCOUNT=FILE")
	if err != nil {
		return nil, err
	}
	var out map[string][]byte
	for account, file := range files {
		if file == "" {
			return nil, command.Usagef("--%s %s= names no file", option, account)
		}
		read := command.ReadKey
		if option == "account-key-file" {
			read = command.ReadAccountKey
		}
		secret, err := read(c, what+" of account "+account, file, command.FormOf(c, "account-key-format"))
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = make(map[string][]byte)
		}
		out[account] = secret
		fmt.Fprintf(c.App.ErrWriter, "read the %s of account %s: %d bytes\n", what, account, len(secret))
	}
	return out, nil
}

// accountCertificates reads the files of --account-certificate-file.
func accountCertificates(c *cli.Context) (map[string][]byte, error) {
	files, err := command.Assignments(c, "account-certificate-file", "ACCOUNT=FILE")
	if err != nil || files == nil {
		return nil, err
	}
	out := make(map[string][]byte, len(files))
	for account, file := range files {
		if out[account] = []byte{}; file == "" {
			continue
		}
		b, shown, err := input.Read(c.Context, c.App.Reader, "certificate of account "+account, file, input.MaxKey)
		switch {
		case err != nil:
			return nil, err
		case len(b) == 0:
			return nil, fmt.Errorf("certificate of account %s in %s is empty", account, output.Text(shown))
		}
		if plain, ok := input.PEMText(b); ok {
			b = plain
		}
		out[account] = b
	}
	return out, nil
}

// pskOf returns the key to bootstrap with, from the options; nil where none is given.
func pskOf(c *cli.Context) (*admin.PSK, error) {
	psk := &admin.PSK{Identity: c.String("psk-identity")}
	switch {
	case c.IsSet("psk") && c.IsSet("psk-key-file"):
		return nil, command.Usagef("--psk generate and --psk-key-file exclude each other")
	case c.IsSet("psk"):
		if c.String("psk") != "generate" {
			return nil, command.Usagef("--psk is generate or none: other users could read a key on the command line; put it into a file for --psk-key-file, or pipe it to --psk-key-file -")
		}
		return psk, nil
	case c.IsSet("psk-key-file"):
		if !c.IsSet("psk-key-format") {
			return nil, command.Usagef("--psk-key-file needs --psk-key-format hex, base64, text or binary: the form of a key is not guessed")
		}
		key, err := command.ReadKey(c, "key", c.String("psk-key-file"), command.FormOf(c, "psk-key-format"))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.App.ErrWriter, "read the key: %d bytes\n", len(key))
		psk.Key = key
		return psk, nil
	}
	return nil, nil
}
