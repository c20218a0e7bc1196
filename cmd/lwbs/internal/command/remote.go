package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin/client"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/login"
	"lwbs/lwm2m"
)

// RemoteFlags are the options of every command for a server that is asked over HTTPS.
func RemoteFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "token-file", EnvVars: []string{"LWBS_TOKEN_FILE"}, Usage: "authenticate to --admin https://... with the token in `FILE` (lwbs token create); - for standard input"},
		&cli.StringFlag{Name: "ca-file", EnvVars: []string{"LWBS_CA_FILE"}, Usage: "the certificate of --admin https://... is issued by a CA in `FILE`, PEM (default: those of the system)"},
		&cli.StringFlag{Name: "client-cert", EnvVars: []string{"LWBS_CLIENT_CERT"}, Usage: "authenticate to --admin https://... with the certificate in `FILE`, PEM"},
		&cli.StringFlag{Name: "client-key", EnvVars: []string{"LWBS_CLIENT_KEY"}, Usage: "the key of --client-cert, in `FILE`, PEM"},
	}
}

// isRemote reports whether --admin names a server that is asked over HTTPS.
func isRemote(where string) bool {
	return strings.HasPrefix(where, "https:") || strings.HasPrefix(where, "http:")
}

// RemoteOf reads the options about the server at a URL, and what lwbs login has saved of it.
func RemoteOf(c *cli.Context, url string) (r client.Remote, err error) {
	u, err := client.ParseURL(url)
	if err != nil {
		return r, Usagef("--admin %s: %v", hidden(url), err)
	}
	r.URL = u.String()
	saved, err := login.Load()
	if err != nil {
		return r, err
	}
	known := saved.URL == r.URL
	cert, key := c.String("client-cert"), c.String("client-key")
	if (cert == "") != (key == "") {
		return r, Usagef("--client-cert and --client-key belong together")
	}
	if cert != "" {
		pair, err := input.Pair(c.Context, cert, key)
		if err != nil {
			return r, err
		}
		r.Certificate = &pair
	}
	switch file := c.String("token-file"); {
	case file != "":
		if r.Token, err = ReadToken(c, file); err != nil {
			return r, err
		}
	case known && cert == "":
		r.Token = saved.Token
	}
	switch file := c.String("ca-file"); {
	case file != "":
		r.CAs, err = input.CAs(c.Context, file)
	case known:
		r.CAs, err = saved.Authorities()
	}
	if err == nil && r.Token.Len() == 0 && r.Certificate == nil {
		err = Usagef("--admin %s needs --token-file FILE, or --client-cert and --client-key, or lwbs login %s", r.URL, r.URL)
	}
	return r, err
}

// hidden is a URL without a user and a password.
func hidden(url string) string {
	if scheme, rest, ok := strings.Cut(url, "://"); ok {
		if _, host, ok := strings.Cut(rest, "@"); ok {
			return scheme + "://…@" + host
		}
	}
	return url
}

// ReadToken reads a token from a file, or from standard input for "-".
func ReadToken(c *cli.Context, file string) (lwm2m.Secret, error) {
	text, err := input.Password(c.Context, c.App.Reader, file)
	if err != nil {
		return lwm2m.Secret{}, fmt.Errorf("token: %w", err)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(c.App.ErrWriter, "warning: other users can read the token in %s: chmod 600 it\n", file)
	}
	return lwm2m.NewSecret([]byte(strings.TrimSpace(text))), nil
}

// dialRemote returns a client of the server at a URL.
func dialRemote(c *cli.Context, url string) (*client.Client, error) {
	r, err := RemoteOf(c, url)
	if err != nil {
		return nil, err
	}
	return client.DialRemote(c.Context, r)
}
