package settings

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// width is how long a line of a comment is, in characters.
const width = 100

// byDefault is the note about the default in a usage.
var byDefault = regexp.MustCompile(` \(default: ([^()]*(?:\([^()]*\)[^()]*)*)\)$`)

// Example writes a configuration file with every key and what it does; each is a comment.
func Example(w io.Writer, keys []Key) error {
	var b strings.Builder
	b.WriteString(`# The configuration of lwbs serve: lwbs serve --config FILE.
#
# Each key is an option of lwbs serve, and means the same. A variable of the environment goes before this file, and an
# option before both. lwbs config check FILE finds mistakes, lwbs config show tells what is in force and why. Secrets are
# never in this file, only names of files.
`)
	for _, k := range keys {
		b.WriteString("\n")
		usage, fallback := byDefault.ReplaceAllString(k.Usage, ""), k.fallback()
		usage = strings.ReplaceAll(usage, "; may be repeated", "; a list, or one")
		if fallback != "" {
			usage += ". Default: " + strings.Trim(fallback, `"`)
		}
		for _, line := range folded(strings.ToUpper(usage[:1]) + usage[1:] + ".") {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "#%s: %s\n", k.Name, k.sample())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fallback is what holds without the key, as --help tells it.
func (k Key) fallback() string {
	if m := byDefault.FindStringSubmatch(k.Usage); m != nil {
		return m[1]
	}
	return k.Default
}

// sample is a value that the key can have.
func (k Key) sample() string {
	value := map[string]string{
		"db": "/var/lib/lwbs/lwbs.db", "key-file": "/etc/lwbs/sealing.key", "db-password-file": "/etc/lwbs/db.password", "admin": "unix:/run/lwbs/lwbs.sock", "objects": "/etc/lwbs/objects",
		"coaps": `[":5684"]`, "coap": `[":5683"]`, "metrics": "127.0.0.1:9684", "web": "127.0.0.1:8443", "leshan-api": "127.0.0.1:8081",
		"unknown-devices": "[reject]", "unknown-devices-plain": "[reject]", "tls-endpoint-from": "san-dns,san-uri,cn", "replica-id": "1",
	}[k.Name]
	if value != "" {
		return value
	}
	switch f := k.flag.(type) {
	case *cli.BoolFlag:
		return "true"
	case *cli.DurationFlag:
		return shortest(f.Value.String())
	case *cli.IntFlag, *cli.UintFlag, *cli.Int64Flag, *cli.Uint64Flag:
		if digits := strings.ReplaceAll(k.Default, ",", ""); digits != "" && strings.Trim(digits, "0123456789") == "" {
			return digits
		}
		return "1000"
	case *cli.StringFlag:
		if f.Value != "" {
			return f.Value
		}
	}
	text := "/etc/lwbs/" + k.Name
	if !k.NamesFile() {
		text = strings.ToUpper(k.Value)
	}
	if k.Many() {
		return "[" + text + "]"
	}
	return text
}

// shortest is a duration without what is zero: 1m in place of 1m0s.
func shortest(d string) string {
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(d, zero) {
			d = d[:len(d)-2]
		}
	}
	return d
}

// folded returns a text in lines.
func folded(text string) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
