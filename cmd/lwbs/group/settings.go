package group

import (
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// settingFlags are the options of both add and set. Example is not empty for add.
func settingFlags(example string) []cli.Flag {
	key := "`generate` makes a key of 32 random bytes and prints it once"
	if example != "" {
		key += " (default, unless --ca is given)"
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Usage: "its devices get the profile `NAME`"},
		&cli.StringSliceFlag{Name: "match", Usage: "it enrols devices whose names match the `PATTERN`, such as 'urn:imei:35*'; may be repeated; replaces those it has"},
		&cli.StringFlag{Name: "group-key", Usage: key},
		&cli.StringFlag{Name: "group-key-out", Usage: "write the key that is made to the new `FILE`, in hexadecimal digits, in place of printing it"},
		&cli.StringFlag{Name: "group-key-file", Usage: "read its key, of 16 to 128 bytes, from `FILE`, - for standard input"},
		&cli.StringFlag{Name: "group-key-format", Usage: "the key is written in `FORMAT`: hex, base64, text or binary; required with --group-key-file"},
		&cli.StringFlag{Name: "derivation", Usage: "keys of devices follow from it by `HOW`: hkdf-sha256, or azure-dps as in Azure's Device Provisioning Service", DefaultText: "hkdf-sha256"},
		&cli.IntFlag{Name: "device-key-length", Usage: "keys of devices have so many `BYTES`, 16 to 64; with hkdf-sha256", DefaultText: "16"},
		&cli.StringSliceFlag{Name: "ca", Usage: "it takes certificates of the CA in `FILE`, PEM or DER; may be repeated; replaces those it has; none removes them"},
		&cli.StringSliceFlag{Name: "crl", Usage: "lists of revoked certificates of these CAs in `FILE`, PEM or DER; may be repeated; replaces those it has; none removes them"},
		&cli.IntFlag{Name: "max-devices", Usage: "it has at most so many `DEVICES`; 0 is no limit", DefaultText: "no limit"},
		&cli.StringFlag{Name: "until", Usage: "it enrols until the `TIME`, such as 2027-01-31 or 2027-01-31T12:00:00Z, or for so long from now, such as 90d; none removes the end", DefaultText: "no end"},
		&cli.BoolFlag{Name: "approve", Usage: "let its devices wait for lwbs pending approve, and enrol none before that; --approve=false enrols them at once"},
		&cli.StringSliceFlag{Name: "tag", Usage: "its devices get the `TAG`; may be repeated; replaces those it has; none removes them"},
		&cli.StringFlag{Name: "note", Usage: "free `TEXT`"},
	}
}

// settings reads the options of settingFlags.
func settings(c *cli.Context) (set admin.GroupSettings, err error) {
	if err := command.NoneEmpty(c, "profile", "group-key", "group-key-out", "group-key-file", "derivation", "until"); err != nil {
		return set, err
	}
	if c.Args().First() == command.None {
		return set, command.Usagef("a group cannot be called none: lwbs device set --group none takes a device out of its group")
	}
	if c.IsSet("profile") {
		set.Profile = new(c.String("profile"))
	}
	if c.IsSet("note") {
		set.Note = new(c.String("note"))
	}
	if c.IsSet("match") {
		set.Match = new(c.StringSlice("match"))
	}
	if tags, err := command.ListOrNone(c, "tag"); err != nil {
		return set, err
	} else if tags != nil {
		set.Tags = &tags
	}
	if c.IsSet("derivation") {
		how := store.Derivation(c.String("derivation"))
		if how != store.DerivationHKDF && how != store.DerivationAzure {
			return set, command.Usagef("--derivation %s is not %s or %s", how, store.DerivationHKDF, store.DerivationAzure)
		}
		set.Derivation = &how
	}
	if c.IsSet("approve") {
		set.Approve = new(c.Bool("approve"))
	}
	if c.IsSet("device-key-length") {
		set.DeviceKeyLength = new(c.Int("device-key-length"))
	}
	if c.IsSet("max-devices") {
		set.MaxDevices = new(c.Int("max-devices"))
	}
	if c.IsSet("until") {
		end, err := endOf(c.String("until"), time.Now())
		if err != nil {
			return set, err
		}
		set.Until = &end
	}
	if err := keyOf(c, &set); err != nil {
		return set, err
	}
	if err := certificates(c, &set); err != nil {
		return set, err
	}
	return set, keyOutOf(c, set)
}

// keyOutOf refuses --group-key-out where no key will be made, or there is a file of the name, before anything
// is changed.
func keyOutOf(c *cli.Context, set admin.GroupSettings) error {
	if !c.IsSet("group-key-out") {
		return nil
	}
	byDefault := c.Command.Name == "add" && set.Key == nil && set.CAs == nil
	if !set.GenerateKey && !byDefault {
		return command.Usagef("--group-key-out is for a key that is made: it needs --group-key generate")
	}
	if _, err := os.Lstat(c.String("group-key-out")); err == nil {
		return fmt.Errorf("%s exists, and is not replaced: give --group-key-out another name", output.Text(c.String("group-key-out")))
	}
	return nil
}

// endOf reads a time: of a day its end, by the clock of this machine.
func endOf(text string, now time.Time) (time.Time, error) {
	if text == command.None {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	d, err := command.Span(text)
	if err != nil {
		return time.Time{}, command.Usagef("--until %s: want a day such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, a span such as 90d, or none", text)
	}
	return now.Add(d), nil
}

// keyOf reads the options about the key.
func keyOf(c *cli.Context, set *admin.GroupSettings) error {
	switch {
	case c.IsSet("group-key") && c.IsSet("group-key-file"):
		return command.Usagef("--group-key generate and --group-key-file exclude each other")
	case c.IsSet("group-key-format") && !c.IsSet("group-key-file"):
		return command.Usagef("--group-key-format says how a file is written: it needs --group-key-file")
	case c.IsSet("group-key"):
		if c.String("group-key") != "generate" {
			return command.Usagef("--group-key is generate: other users could read a key on the command line; put it into a file for --group-key-file, or pipe it to --group-key-file -")
		}
		set.GenerateKey = true
	case c.IsSet("group-key-file"):
		if !c.IsSet("group-key-format") {
			return command.Usagef("--group-key-file needs --group-key-format hex, base64, text or binary: the form of a key is not guessed")
		}
		key, err := command.ReadKey(c, "key of the group", c.String("group-key-file"), command.FormOf(c, "group-key-format"))
		if err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "read the key of the group: %d bytes\n", len(key))
		set.Key = key
	}
	return nil
}

// certificates reads the options about CAs.
func certificates(c *cli.Context, set *admin.GroupSettings) error {
	files, err := command.ListOrNone(c, "ca")
	if err != nil {
		return err
	}
	if files != nil {
		set.CAs = new([][]byte{})
	}
	for _, file := range files {
		cas, err := input.CAs(c.Context, file)
		if err != nil {
			return err
		}
		for _, ca := range cas {
			*set.CAs = append(*set.CAs, ca.Raw)
			fmt.Fprintf(c.App.ErrWriter, "read the certificate of %s, valid until %s\n", output.Text(ca.Subject.String()), output.Clock(ca.NotAfter))
		}
	}
	if files, err = command.ListOrNone(c, "crl"); err != nil {
		return err
	}
	if files != nil {
		set.RevocationLists = new([][]byte{})
	}
	for _, file := range files {
		lists, err := input.RevocationLists(c.Context, file, store.MaxGroup)
		if err != nil {
			return err
		}
		for _, list := range lists {
			*set.RevocationLists = append(*set.RevocationLists, list.Raw)
			fmt.Fprintf(c.App.ErrWriter, "read the list of %s: %s\n", output.Text(list.Issuer.String()), output.Counted(len(list.RevokedCertificateEntries), "revoked certificate", "revoked certificates"))
		}
	}
	return nil
}
