package lwm2mserver

import (
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store"
)

// maxSecret is the size of a file with a secret, in bytes.
const maxSecret = 16 << 10

func settingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "address", Usage: "the `URL` of its API; of a psk-file or command the absolute path, on the machine of lwbs serve"},
		&cli.StringSliceFlag{Name: "argument", Usage: "an `ARGUMENT` of the program; may be repeated"},
		&cli.StringFlag{Name: "user", Usage: "log in as `USER`, with the password in --secret-file"},
		&cli.StringFlag{Name: "domain", Usage: "make devices in `DOMAIN` of Coiote, such as /meters/, and leave those outside of it alone"},
		&cli.StringFlag{Name: "secret-file", Usage: "the password, the API key or, as whsec_…, what a webhook signs with, in `FILE`; - for standard input"},
		&cli.StringSliceFlag{Name: "header-file", Usage: "send a header with each request whose value is in a file, `NAME=FILE`; an empty FILE removes it; may be repeated"},
		&cli.StringFlag{Name: "ca", Usage: "trust certificates that a CA in `FILE`, PEM, issued, in place of those that the system trusts; none for these again"},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `TIME`, tries again included, up to 2m", DefaultText: "8s"},
		&cli.BoolFlag{Name: "allow-link-local", Usage: "permit addresses of the link and of the metadata services of clouds"},
		&cli.StringFlag{Name: "device-uri", Usage: "give devices that are assigned to it this `URI`, such as coaps://dm-1.example.com:5684, where the account has none"},
		&cli.IntFlag{Name: "weight", Usage: "have a share of `N`, 1 to 1000, of the devices of an account with several servers", DefaultText: "1"},
		&cli.IntFlag{Name: "rate", Usage: "let at most `N` devices a second go to it, the others wait for their turn; 0 for no limit", DefaultText: "no limit"},
		&cli.StringFlag{Name: "on-delete", Usage: "`tell` it to forget a device that is deleted, is disabled or does not use it any more, or let it keep the device", DefaultText: "tell"},
		&cli.StringSliceFlag{Name: "event", Usage: "tell it of events of `TYPE`, such as device.bootstrapped (a webhook or a command); may be repeated; none for none again"},
		&cli.StringFlag{Name: "note", Usage: "a `TEXT` for whoever reads the record"},
		command.JSONFlag(),
	}
}

// settings are what the options say.
func settings(c *cli.Context, kind store.LwM2MServerKind) (set admin.LwM2MServerSettings, err error) {
	for option, to := range map[string]**string{"address": &set.Address, "user": &set.User, "domain": &set.Domain, "device-uri": &set.DeviceURI, "note": &set.Note} {
		if c.IsSet(option) {
			*to = new(c.String(option))
		}
	}
	for option, to := range map[string]**int{"weight": &set.Weight, "rate": &set.Rate} {
		if c.IsSet(option) {
			*to = new(c.Int(option))
		}
	}
	if set.Weight != nil && *set.Weight == 0 {
		return set, command.Usagef("--weight 0: lwbs lwm2m-server drain takes all devices from it")
	}
	if c.IsSet("argument") {
		set.Arguments = new(c.StringSlice("argument"))
	}
	if c.IsSet("timeout") {
		set.Timeout = new(store.Duration(c.Duration("timeout")))
	}
	if c.IsSet("allow-link-local") {
		set.AllowLinkLocal = new(c.Bool("allow-link-local"))
	}
	switch text := c.String("on-delete"); {
	case !c.IsSet("on-delete"):
	case text == "tell" || text == "keep":
		set.KeepOnDelete = new(text == "keep")
	default:
		return set, command.Usagef("--on-delete %q is not tell or keep", text)
	}
	if c.IsSet("event") {
		set.Events = &[]store.EventType{}
		for _, text := range c.StringSlice("event") {
			if text != "none" || len(c.StringSlice("event")) > 1 {
				*set.Events = append(*set.Events, store.EventType(text))
			}
		}
	}
	if set.Secret, err = secret(c, kind); err != nil {
		return set, err
	}
	if set.Headers, err = headers(c); err != nil {
		return set, err
	}
	set.CAs, err = certificates(c)
	return set, err
}

// secret reads the file of --secret-file.
func secret(c *cli.Context, kind store.LwM2MServerKind) ([]byte, error) {
	if !c.IsSet("secret-file") {
		return nil, nil
	}
	text, err := line(c, "the secret", c.String("secret-file"))
	if err != nil || kind != store.KindWebhook {
		return []byte(text), err
	}
	s, err := store.ParseWebhookSecret(text)
	return s.Reveal(), err
}

// headers reads the files of --header-file.
func headers(c *cli.Context) (map[string]*string, error) {
	files, err := command.Assignments(c, "header-file", "NAME=FILE")
	if err != nil || len(files) == 0 {
		return nil, err
	}
	out := make(map[string]*string, len(files))
	for name, file := range files {
		if out[name] = nil; file == "" {
			continue
		}
		value, err := line(c, "header "+name, file)
		if err != nil {
			return nil, err
		}
		out[name] = &value
	}
	return out, nil
}

// line reads a file of one line.
func line(c *cli.Context, what, file string) (string, error) {
	b, shown, err := input.Read(c.Context, c.App.Reader, what, file, maxSecret)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(b), "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return "", command.Usagef("%s in %s: it must be one line that is not empty", what, shown)
	}
	return text, nil
}

// certificates reads the file of --ca.
func certificates(c *cli.Context) (*[][]byte, error) {
	switch file := c.String("ca"); {
	case !c.IsSet("ca"):
		return nil, nil
	case file == "none":
		return &[][]byte{}, nil
	default:
		all, err := input.Certificates(c.Context, file)
		if err != nil {
			return nil, err
		}
		ders := make([][]byte, len(all))
		for i, ca := range all {
			ders[i] = ca.Raw
		}
		return &ders, nil
	}
}
