package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

func deviceCommand() *cli.Command {
	return group("device", "who may bootstrap", deviceAddCommand(), deviceGetCommand(), deviceListCommand(), deviceSetCommand(),
		deviceRenameCommand(), deviceDeleteCommand(), deviceSwitchCommand("enable", false), deviceSwitchCommand("disable", true))
}

// settingFlags are the options that add and set have in common.
func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Usage: "what it is given: the `NAME` of a profile"},
		&cli.StringFlag{Name: "psk", Usage: "`generate` makes a key of 16 random bytes and shows it once; none removes the one it has"},
		&cli.StringFlag{Name: "psk-key-file", Usage: "read its key from `FILE`, - for standard input"},
		&cli.StringFlag{Name: "psk-key-format", Usage: "how the key is written: `FORMAT` hex, base64, text (but for one line end behind it) or binary; required with --psk-key-file"},
		&cli.StringFlag{Name: "psk-identity", Usage: "its PSK identity `ID`; default the endpoint name"},
		&cli.StringSliceFlag{Name: "certificate", Usage: "it may come with the X.509 certificate in `FILE`, PEM or DER; several replace those it has"},
		&cli.StringSliceFlag{Name: "certificate-fingerprint", Usage: "the same by its SHA-256 fingerprint, `HEX`; none removes those it has"},
		&cli.StringSliceFlag{Name: "certificate-name", Usage: "it may come with any certificate that a CA of the server has issued for `NAME`; none removes those it has"},
		&cli.StringSliceFlag{Name: "account-key-file", Usage: "the key that it is given for an account, `ACCOUNT=FILE`; - for standard input; a private key is PKCS#8, SEC1 or PKCS#1, in PEM or as --account-key-format says"},
		&cli.StringSliceFlag{Name: "account-certificate-file", Usage: "the X.509 certificate that it is given for an account, or its raw public key, `ACCOUNT=FILE`, PEM or DER; without a file it is removed"},
		&cli.StringFlag{Name: "account-key-format", Value: "hex", Usage: "how account keys are written: `FORMAT` hex, base64, text (but for one line end behind it) or binary"},
		&cli.StringSliceFlag{Name: "account-master-secret-file", Usage: "the master secret that it is given for an account with OSCORE, `ACCOUNT=FILE`, written as --account-key-format says"},
		&cli.StringSliceFlag{Name: "secret-file", Usage: "the value of a secret Resource that its profile has as supplied, `PATH=FILE`, such as /11/0/6=FILE; - for standard input; text as it is, but for one line end behind it; bytes written as --account-key-format says; without a file it is removed"},
		&cli.StringSliceFlag{Name: "account-identity", Usage: "the PSK identity that it is given for an account, `ACCOUNT=ID`"},
		&cli.StringSliceFlag{Name: "forget-account", Usage: "drop what its record has of an `ACCOUNT` that its profile does not have any more"},
		&cli.StringSliceFlag{Name: "var", Usage: "a value for the profile's templates, `NAME=VALUE`; without a value it is removed"},
		&cli.StringSliceFlag{Name: "tag", Usage: "a `TAG` for lists; several replace those it has; none removes those it has"},
		&cli.StringFlag{Name: "format", Usage: "the content `FORMAT` of writes: tlv, senml-json, senml-cbor, lwm2m-cbor, or none to leave it to the profile"},
		&cli.BoolFlag{Name: "no-sec", Usage: "permit it to come over plain CoAP, where nothing proves who it is"},
		&cli.StringFlag{Name: "note", Usage: "free `TEXT`"},
	}
}

// settings reads the options of settingFlags.
func settings(c *cli.Context) (set admin.DeviceSettings, err error) {
	if err := noneEmpty(c, "profile", "psk", "psk-key-file", "psk-identity"); err != nil {
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
			return set, usagef("--%s says how a file is written: it needs --%s", format, strings.Join(files, " or --"))
		}
	}
	given := func(name string, field **string) {
		if c.IsSet(name) {
			*field = new(c.String(name))
		}
	}
	given("profile", &set.Profile)
	given("note", &set.Note)
	if c.IsSet("no-sec") {
		set.NoSec = new(c.Bool("no-sec"))
	}
	if tags, err := listOrNone(c, "tag"); err != nil {
		return set, err
	} else if tags != nil {
		set.Tags = &tags
	}
	if c.IsSet("format") {
		set.Format = new(lwm2m.Format)
		if err := set.Format.UnmarshalText([]byte(c.String("format"))); err != nil || *set.Format != 0 && !set.Format.Writable() {
			return set, usagef("--format %q is not tlv, senml-json, senml-cbor, lwm2m-cbor or none", c.String("format"))
		}
	}
	if set.NoPSK = c.String("psk") == none; !set.NoPSK {
		if set.PSK, err = pskOf(c); err != nil {
			return set, err
		}
		if set.PSK == nil {
			given("psk-identity", &set.PSKIdentity)
		}
	}
	if set.Certificates, err = fingerprints(c); err != nil {
		return set, err
	}
	if names, err := listOrNone(c, "certificate-name"); err != nil {
		return set, err
	} else if names != nil {
		set.CertificateNames = &names
	}
	if set.Vars, err = assignments(c, "var", "NAME=VALUE"); err != nil {
		return set, err
	}
	if set.AccountIdentities, err = assignments(c, "account-identity", "ACCOUNT=ID"); err != nil {
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

// readsOnce reports that several secrets are to come from standard input, which has but one.
func readsOnce(c *cli.Context) error {
	var from []string
	if c.String("psk-key-file") == "-" {
		from = append(from, "--psk-key-file -")
	}
	for _, option := range []string{"account-key-file", "account-master-secret-file", "secret-file"} {
		for _, text := range c.StringSlice(option) {
			if strings.HasSuffix(text, "=-") {
				from = append(from, "--"+option+" "+text)
			}
		}
	}
	if len(from) > 1 {
		return usagef("%s: standard input can be read once", strings.Join(from, " and "))
	}
	return nil
}

// accountSecrets reads the files that a repeated option ACCOUNT=FILE names.
func accountSecrets(c *cli.Context, option, what string) (map[string][]byte, error) {
	files, err := assignments(c, option, "ACCOUNT=FILE")
	if err != nil {
		return nil, err
	}
	var out map[string][]byte
	for account, file := range files {
		if file == "" {
			return nil, usagef("--%s %s= names no file", option, account)
		}
		read := readKey
		if option == "account-key-file" {
			read = readAccountKey
		}
		secret, err := read(c, what+" of account "+account, file, formOf(c, "account-key-format"))
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
	files, err := assignments(c, "account-certificate-file", "ACCOUNT=FILE")
	if err != nil || files == nil {
		return nil, err
	}
	out := make(map[string][]byte, len(files))
	for account, file := range files {
		if out[account] = []byte{}; file == "" {
			continue
		}
		b, shown, err := readInput(c, "certificate of account "+account, file, maxKeyFile)
		switch {
		case err != nil:
			return nil, err
		case len(b) == 0:
			return nil, fmt.Errorf("certificate of account %s in %s is empty", account, text(shown))
		}
		out[account] = b
	}
	return out, nil
}

// pskOf reads the options about the key to bootstrap with; nil where there are none.
func pskOf(c *cli.Context) (*admin.PSK, error) {
	psk := &admin.PSK{Identity: c.String("psk-identity")}
	switch {
	case c.IsSet("psk") && c.IsSet("psk-key-file"):
		return nil, usagef("--psk generate and --psk-key-file exclude each other")
	case c.IsSet("psk"):
		if c.String("psk") != "generate" {
			return nil, usagef("--psk takes the words generate and none only: a key on the command line could be read by others; put it into a file for --psk-key-file, or pipe it to --psk-key-file -")
		}
		return psk, nil
	case c.IsSet("psk-key-file"):
		if !c.IsSet("psk-key-format") {
			return nil, usagef("--psk-key-file needs --psk-key-format hex, base64, text or binary: the form of a key is not guessed")
		}
		key, err := readKey(c, "key", c.String("psk-key-file"), formOf(c, "psk-key-format"))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(c.App.ErrWriter, "read the key: %d bytes\n", len(key))
		psk.Key = key
		return psk, nil
	}
	return nil, nil
}

// assignments reads a repeated option of this form, such as NAME=VALUE.
func assignments(c *cli.Context, name, form string) (map[string]string, error) {
	var out map[string]string
	for _, text := range c.StringSlice(name) {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usagef("--%s %q is not %s", name, text, form)
		}
		if _, twice := out[key]; twice {
			return nil, usagef("--%s %s is given twice", name, key)
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[key] = value
	}
	return out, nil
}

func deviceAddCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add a device", ArgsUsage: "ENDPOINT",
		Description: "ENDPOINT is the name that the device gives itself, such as urn:imei:490154203237518. Put the\nprinted identity and key into the device; the key is not shown again unless you ask with\nlwbs device get --reveal. A device with a certificate needs no key here.",
		Flags:       append(settingFlags(), jsonFlag()),
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			if !c.IsSet("profile") {
				return usagef("--profile is missing: lwbs profile list shows those there are")
			}
			set, err := settings(c)
			if err == nil && set.PSKIdentity != nil {
				err = usagef("--psk-identity needs --psk generate or --psk-key-file: an identity goes with a key")
			}
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				d, err := api.AddDevice(ctx, lwm2m.EndpointName(args[0]), set)
				if err != nil {
					return nearProfile(ctx, api, c.String("profile"), err)
				}
				warnName(c, d.Endpoint)
				return edited(c, "added", d)
			})
		},
	}
}

// warnName warns of a name that is probably not what the device gives: a space at its ends,
// or something in it that cannot be seen.
func warnName(c *cli.Context, ep lwm2m.EndpointName) {
	s := string(ep)
	switch _, odd := escaped(s, ""); {
	case s != strings.TrimSpace(s):
		fmt.Fprintf(c.App.ErrWriter, "warning: the name %s begins or ends with a space: the device must give it with that\n", name(ep))
	case odd:
		fmt.Fprintf(c.App.ErrWriter, "warning: the name %s has characters that cannot be seen: the device must give it with those\n", name(ep))
	}
}

func deviceSetCommand() *cli.Command {
	return &cli.Command{
		Name: "set", Usage: "change a device", ArgsUsage: "ENDPOINT",
		Description: "What is not named stays as it is. A new key replaces the one that the device bootstraps with,\nand new certificates replace certificates; --psk none takes the key from a device that has moved to\ncertificates. --psk-identity alone gives the key that it has another identity.",
		Flags:       append(settingFlags(), revisionFlag(), jsonFlag()),
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "ENDPOINT")
			if err != nil {
				return err
			}
			set, err := settings(c)
			if err != nil {
				return err
			}
			if reflect.DeepEqual(set, admin.DeviceSettings{}) {
				return usagef("no option says what to change: lwbs device set --help lists them")
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				d, err := api.SetDevice(ctx, lwm2m.EndpointName(args[0]), store.Revision(c.Uint64("revision")), set)
				if err != nil {
					return nearProfile(ctx, api, c.String("profile"), err)
				}
				return edited(c, "changed", d)
			})
		},
	}
}

func revisionFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "revision", Usage: "only if this is still its `REVISION`", DefaultText: "0: any"}
}

// edited tells of an edit, with the keys that it made.
func edited(c *cli.Context, did string, d admin.Device) error {
	if c.Bool("json") { // the warnings are in it
		return printJSON(c.App.Writer, d)
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
	}
	w := c.App.Writer
	fmt.Fprintf(w, "%s %s (profile %s, revision %d)\n", did, name(d.Endpoint), name(d.Profile), d.Revision)
	for _, cr := range d.Credentials {
		if cr.Key != "" {
			fmt.Fprintf(w, "\nput into the device, for the Bootstrap-Server:\n  identity  %s\n  key       %s   (hexadecimal, %d bytes)\n", text(cr.Identity), cr.Key, cr.KeyLength)
		}
	}
	for _, account := range slices.Sorted(maps.Keys(d.Accounts)) {
		a := d.Accounts[account]
		if a.Key != "" {
			fmt.Fprintf(w, "\nput into the LwM2M Server of account %s:\n  identity  %s\n  key       %s   (hexadecimal, %d bytes)\n", name(account), text(a.Identity), a.Key, a.KeyLength)
		}
		if a.MasterSecret != "" {
			fmt.Fprintf(w, "\nput into the LwM2M Server of account %s, for OSCORE:\n  master secret  %s   (hexadecimal, %d bytes)\n", name(account), a.MasterSecret, a.MasterSecretLength)
		}
	}
	return nil
}

func deviceGetCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show a device", ArgsUsage: "ENDPOINT",
		Flags: []cli.Flag{jsonFlag(), &cli.BoolFlag{Name: "reveal", Usage: "show its keys too; a server logs who asked"}},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.Device(ctx, lwm2m.EndpointName(args[0]), c.Bool("reveal"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c.App.Writer, d)
			}
			return printDevice(c.App.Writer, d)
		}, "ENDPOINT"),
	}
}

func printDevice(out io.Writer, d admin.Device) error {
	t := &table{out: out}
	row := func(key, format string, args ...any) { t.row(key, fmt.Sprintf(format, args...)) }
	row("endpoint", "%s", name(d.Endpoint))
	row("profile", "%s", name(d.Profile))
	row("revision", "%d, of %s", d.Revision, clock(d.Updated))
	row("state", "%s", stateOf(d))
	row("plain CoAP", "%s", map[bool]string{true: "permitted", false: "refused"}[d.NoSec])
	for _, cr := range d.Credentials {
		row("bootstraps with", "%s", credentialText(cr))
	}
	for _, account := range slices.Sorted(maps.Keys(d.Accounts)) {
		a := d.Accounts[account]
		delivered := "not delivered yet"
		if !a.Delivered.IsZero() {
			delivered = "delivered " + clock(a.Delivered)
		}
		row("account "+name(account), "%s, %s", accountText(a), delivered)
	}
	for _, path := range slices.SortedFunc(maps.Keys(d.Secrets), lwm2m.Path.Compare) {
		row("secret "+path.String(), "%s", secretText(path, d.Secrets[path]))
	}
	for _, variable := range slices.Sorted(maps.Keys(d.Vars)) {
		row("variable "+name(variable), "%s", text(d.Vars[variable]))
	}
	if len(d.Tags) > 0 {
		row("tags", "%s", names(d.Tags))
	}
	if d.Format != 0 {
		row("format", "%v", d.Format)
	}
	if d.Note != "" {
		row("note", "%s", text(d.Note))
	}
	if len(d.Written) > 0 {
		row("holds", "%s", writtenText(d.Written))
	}
	if d.Running != nil {
		row("running", "%s", runningOf(*d.Running))
	}
	row("last session", "%s", lastOf(d))
	if d.Unproved != nil {
		row("under its name", "%s", unprovedOf(d))
	}
	return t.flush()
}

// credentialText is what a device may come with.
func credentialText(c admin.Credential) string {
	switch c.Kind {
	case store.CredentialCertificate:
		return "certificate " + c.Identity + " (SHA-256)"
	case store.CredentialCertificateName:
		return fmt.Sprintf("any certificate of a trusted CA for %q", c.Identity)
	}
	return fmt.Sprintf("%s identity %q, key %s%s", c.Kind, c.Identity, keyText(c.Key, c.KeyLength), pendingText(c))
}

// accountText is what an account is given.
func accountText(a admin.Account) string {
	var parts []string
	if a.Identity != "" {
		parts = append(parts, fmt.Sprintf("identity %q", a.Identity))
	}
	if len(a.Certificate) > 0 {
		parts = append(parts, fmt.Sprintf("certificate or public key %s (SHA-256)", store.Fingerprint(a.Certificate)))
	}
	if a.KeyLength > 0 || a.MasterSecretLength == 0 {
		parts = append(parts, "key "+keyText(a.Key, a.KeyLength))
	}
	if a.MasterSecretLength > 0 {
		parts = append(parts, "OSCORE master secret "+keyText(a.MasterSecret, a.MasterSecretLength))
	}
	return strings.Join(parts, ", ")
}

// writtenText is what a device was given and holds, as far as is known.
func writtenText(written []store.WrittenInstance) string {
	parts := make([]string, len(written))
	for i, w := range written {
		parts[i] = w.Path.String()
		if w.Account != "" {
			parts[i] += " of " + name(w.Account)
		}
		if w.Unconfirmed {
			parts[i] += " (perhaps)"
		}
	}
	return strings.Join(parts, ", ")
}

// pendingText tells that the device has not come with a credential yet.
func pendingText(c admin.Credential) string {
	switch {
	case !c.Pending:
		return ""
	case c.Replaces == "":
		return ", pending"
	}
	return fmt.Sprintf(", pending: replaces %q once the device comes with it", c.Replaces)
}

func keyText(key string, length int) string {
	if key == "" {
		return fmt.Sprintf("of %d bytes", length)
	}
	return fmt.Sprintf("%s (hexadecimal, %d bytes)", key, length)
}

func stateOf(d admin.Device) string {
	if d.Disabled {
		return "disabled"
	}
	return "enabled"
}

// lastOf is what is known of the state of a device.
func lastOf(d admin.Device) string {
	switch {
	case d.Last != nil:
		return fmt.Sprintf("%s %s", clock(d.Last.Started), d.Last.Cause)
	case d.Running != nil:
		return "none before"
	case d.Unproved != nil:
		return "none with its credential"
	}
	return "never seen by this database"
}

// runningOf is how far a session is.
func runningOf(s store.Session) string {
	return fmt.Sprintf("since %s, for %s: %s", clock(s.Started), age(s), bootstrap.Explain(s).Stage)
}

// age is how long a session has been running, in whole seconds.
func age(s store.Session) time.Duration { return time.Since(s.Started).Truncate(time.Second) }

// unprovedOf is the last attempt under the name of a device that is not known to be its own.
func unprovedOf(d admin.Device) string {
	s := *d.Unproved
	who := "nothing proves that it was the device"
	if s.Endpoint != d.Endpoint {
		who = fmt.Sprintf("by %s", name(s.Endpoint))
	}
	return fmt.Sprintf("%s %s, %s", clock(whenOf(s)), s.Cause, who)
}

// stateNow is the last that is known of a device, for lists.
func stateNow(d admin.Device) string {
	switch {
	case d.Running != nil:
		return "running: " + bootstrap.Explain(*d.Running).Stage
	case d.Last == nil && d.Unproved != nil:
		return fmt.Sprintf("%s %s (not proved)", clock(whenOf(*d.Unproved)), d.Unproved.Cause)
	case d.Last == nil:
		return "never seen"
	}
	return lastOf(d)
}

func deviceListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list devices by name, with the outcome of their last session",
		Flags: []cli.Flag{
			jsonFlag(), limitFlag("all"),
			&cli.StringFlag{Name: "after", Usage: "start behind this `ENDPOINT`"},
			&cli.StringFlag{Name: "prefix", Usage: "only names that begin with `TEXT`"},
			&cli.StringFlag{Name: "profile", Usage: "only those with the profile `NAME`"},
			&cli.StringFlag{Name: "tag", Usage: "only those with the `TAG`"},
		},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			n, err := limitOf(c, 0)
			if err == nil {
				err = noneEmpty(c, "after", "prefix", "profile", "tag")
			}
			if err != nil {
				return err
			}
			return with(c, false, func(ctx context.Context, api admin.API) error {
				if err := noteProfile(ctx, c, api); err != nil {
					return err
				}
				return listing[admin.Device]{
					limit: n, behind: c.String("after"), option: "--after",
					next: func(ctx context.Context, n int, behind string) ([]admin.Device, error) {
						return api.Devices(ctx, store.DeviceQuery{After: lwm2m.EndpointName(behind), Limit: n, Prefix: c.String("prefix"), Profile: c.String("profile"), Tag: c.String("tag")})
					},
					key:      func(d admin.Device) string { return string(d.Endpoint) },
					headings: []string{"ENDPOINT", "PROFILE", "STATE", "LAST SESSION"},
					cells: func(d admin.Device) []string {
						return []string{name(d.Endpoint), name(d.Profile), stateOf(d), stateNow(d)}
					},
				}.print(ctx, c)
			})
		},
	}
}

func deviceRenameCommand() *cli.Command {
	return &cli.Command{
		Name: "rename", Usage: "give a device another name; its keys, identities and history stay", ArgsUsage: "ENDPOINT NAME",
		Description: "For a device that calls itself otherwise than its record. What it is given by templates over\n.Endpoint changes with the name, such as its identity towards LwM2M Servers, which is warned of.",
		Flags:       []cli.Flag{revisionFlag(), jsonFlag()},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.RenameDevice(ctx, lwm2m.EndpointName(args[0]), lwm2m.EndpointName(args[1]), store.Revision(c.Uint64("revision")))
			if err != nil {
				return err
			}
			warnName(c, d.Endpoint)
			return edited(c, "renamed "+name(args[0])+" to", d)
		}, "ENDPOINT", "NAME"),
	}
}

// noteProfile tells that a list is empty since there is no profile of the name that was
// asked for.
func noteProfile(ctx context.Context, c *cli.Context, api admin.API) error {
	wanted := c.String("profile")
	if wanted == "" {
		return nil
	}
	_, err := api.Profile(ctx, wanted)
	if errors.Is(err, store.ErrNotFound) {
		fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", nearProfile(ctx, api, wanted, err))
		return nil
	}
	return err
}

func deviceDeleteCommand() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "remove a device; its history stays", ArgsUsage: "ENDPOINT",
		Flags: []cli.Flag{revisionFlag()},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			if err := api.DeleteDevice(ctx, lwm2m.EndpointName(args[0]), store.Revision(c.Uint64("revision"))); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "deleted %s\n", name(args[0]))
			return nil
		}, "ENDPOINT"),
	}
}

// deviceSwitchCommand is enable or disable.
func deviceSwitchCommand(verb string, disabled bool) *cli.Command {
	return &cli.Command{
		Name: verb, Usage: verb + " a device: a disabled one is refused, and its history says so", ArgsUsage: "ENDPOINT",
		Flags: []cli.Flag{revisionFlag()},
		Action: onRecords(func(ctx context.Context, c *cli.Context, api admin.API, args []string) error {
			d, err := api.SetDevice(ctx, lwm2m.EndpointName(args[0]), store.Revision(c.Uint64("revision")), admin.DeviceSettings{Disabled: &disabled})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "%sd %s (revision %d)\n", verb, name(d.Endpoint), d.Revision)
			return nil
		}, "ENDPOINT"),
	}
}
