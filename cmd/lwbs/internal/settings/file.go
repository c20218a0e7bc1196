package settings

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store/profilefile"
	"lwbs/store/yamltree"
)

// A File is a configuration file that was read.
type File struct {
	Name   string
	values map[string]value
	wrong  []string // keys whose value has a mistake
}

// A value is what a file says of a key.
type value struct {
	line  int
	lines []int // of the items of a list
	texts []string
}

// Read reads a configuration file. Its error has every mistake in the form of the file, one a line: a key that there is
// not, one that is there twice, a value of another type. Where the file could be read, it has the other values.
func Read(ctx context.Context, name string, keys []Key) (*File, error) {
	text, err := input.ReadFile(ctx, "configuration", name, yamltree.MaxSize)
	if err != nil {
		return nil, err
	}
	if text, err = input.Text(text, "a configuration file in YAML"); err != nil {
		return nil, &yamltree.Problem{File: name, Line: 1, Message: err.Error()}
	}
	return Parse(name, text, keys)
}

const (
	// settles is how long a file must not have changed before it is read again.
	settles = 100 * time.Millisecond

	// settleTries is how often that is tried.
	settleTries = 20
)

// ReadAgain is [Read] for a file that was changed just now: it waits until no more is written to it, for a few
// seconds at most, and refuses a file without a byte in it, which somebody has begun to write.
func ReadAgain(ctx context.Context, name string, keys []Key) (*File, error) {
	stamp := func() (s [2]int64) {
		if info, err := os.Stat(name); err == nil {
			s = [2]int64{info.ModTime().UnixNano(), info.Size()}
		}
		return s
	}
	for range settleTries {
		before := stamp()
		f, err := Read(ctx, name, keys)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(settles):
		}
		if before == stamp() {
			if err != nil {
				return nil, err
			}
			if before[1] == 0 {
				return nil, fmt.Errorf("%s is empty", name)
			}
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s is still being written", name)
}

// Parse is [Read] for a text.
func Parse(name string, text []byte, keys []Key) (*File, error) {
	r := reader{file: &File{Name: name, values: make(map[string]value)}, keys: keys}
	docs, problems := yamltree.Parse(name, text)
	r.problems = problems
	switch {
	case len(docs) > 1:
		r.fail(docs[1].Line, "a second document: a configuration file has one")
	case len(docs) == 1 && docs[0].Kind == yamltree.Null: // nothing but comments
	case len(docs) == 1 && docs[0].Kind != yamltree.Mapping:
		r.fail(docs[0].Line, "want keys and values, such as log: info, not %v", docs[0].Kind)
	case len(docs) == 1:
		for _, e := range docs[0].Entries {
			r.entry(e)
		}
	}
	if len(r.problems) > 0 {
		return r.file, yamltree.Joined(r.problems)
	}
	return r.file, nil
}

// OfWrong reports whether a mistake is about a key that has one already: in the form of its value.
func (f *File) OfWrong(err error) bool {
	p := new(yamltree.Problem)
	return errors.As(err, &p) && slices.ContainsFunc(f.wrong, func(name string) bool {
		return slices.Contains(strings.FieldsFunc(p.Message, func(r rune) bool { return r == ' ' || r == ',' || r == ':' }), name)
	})
}

// A reader reads the values of a file.
type reader struct {
	file     *File
	keys     []Key
	problems []*yamltree.Problem
}

func (r *reader) fail(line int, format string, args ...any) {
	r.problems = append(r.problems, &yamltree.Problem{File: r.file.Name, Line: line, Message: fmt.Sprintf(format, args...)})
}

// secretWords are parts of keys under which people try to give a secret itself.
var secretWords = regexp.MustCompile(`(?i)password|passwd|secret|token|psk|private|sealing|credential|^key$`)

const noSecretsHere = "a secret does not belong in a configuration file, only the name of a file that has it"

func (r *reader) entry(e yamltree.Entry) {
	i := slices.IndexFunc(r.keys, func(k Key) bool { return k.Name == e.Key })
	if i < 0 {
		names := make([]string, len(r.keys))
		for i, k := range r.keys {
			names[i] = k.Name
		}
		near := profilefile.DidYouMean(e.Key, names)
		switch {
		case e.Key == ConfigOption:
			r.fail(e.Line, "config: a configuration file does not name another")
		case near != "":
			r.fail(e.Line, "unknown key %q%s", e.Key, near)
		case secretWords.MatchString(e.Key):
			r.fail(e.Line, "unknown key %q: %s", e.Key, noSecretsHere)
		default:
			r.fail(e.Line, "unknown key %q: lwbs config example lists them", e.Key)
		}
		return
	}
	k, n := r.keys[i], e.Value
	v := value{line: e.Line}
	r.file.wrong = append(r.file.wrong, k.Name)
	switch {
	case n.Kind == yamltree.Null:
		r.fail(e.Line, "%s has no value: leave the key out for the default%s", k.Name, parenthesis(k.fallback()))
		return
	case !k.Many() || n.Kind != yamltree.List:
		n.Line = e.Line // that of a text of several lines may be its last
		n = yamltree.Node{Kind: yamltree.List, Line: n.Line, Items: []yamltree.Node{n}}
	case len(n.Items) == 0:
		r.fail(e.Line, "%s is an empty list: leave the key out for the default%s", k.Name, parenthesis(k.fallback()))
		return
	}
	for _, item := range n.Items {
		text, err := scalar(k, item)
		if err != nil {
			r.fail(item.Line, "%s: %v", k.Name, err)
			return
		}
		v.texts, v.lines = append(v.texts, text), append(v.lines, item.Line)
	}
	r.file.values[k.Name] = v
	r.file.wrong = r.file.wrong[:len(r.file.wrong)-1]
}

func parenthesis(byDefault string) string {
	if byDefault == "" {
		return ""
	}
	return " (" + byDefault + ")"
}

// withPassword is a URL, or words for a database, with a password in it.
var withPassword = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*://[^/@]*:[^/@]+@|[?&\s]password=|^password=`)

// scalar returns the text of a value, as an option takes it. Errors repeat nothing that may be a secret.
func scalar(k Key, n yamltree.Node) (string, error) {
	switch k.flag.(type) {
	case *cli.BoolFlag:
		if n.Kind != yamltree.Boolean {
			return "", fmt.Errorf("want true or false, not %v", n.Kind)
		}
		return strings.ToLower(n.Scalar), nil
	case *cli.DurationFlag:
		if n.Kind != yamltree.Text && n.Kind != yamltree.Number {
			return "", fmt.Errorf("want a time such as 30s or 5m, not %v", n.Kind)
		}
		if _, err := time.ParseDuration(n.Scalar); err != nil {
			return "", fmt.Errorf("%s is not a time such as 30s or 5m", quoted(n.Scalar))
		}
		return n.Scalar, nil
	case *cli.IntFlag, *cli.Int64Flag:
		return whole(n, math.MinInt64)
	case *cli.UintFlag, *cli.Uint64Flag:
		return whole(n, 0)
	}
	if n.Kind != yamltree.Text && n.Kind != yamltree.Number {
		if n.Kind == yamltree.Boolean {
			return "", fmt.Errorf(`want text, not true or false: quote it ("%s") if it is text`, n.Scalar)
		}
		return "", fmt.Errorf("want text, not %v", n.Kind)
	}
	switch {
	case n.Scalar == "":
		return "", errors.New("it is empty: leave the key out for the default")
	case strings.ContainsFunc(n.Scalar, unicode.IsControl):
		return "", fmt.Errorf("the value has several lines or invisible characters: %s", noSecretsHere)
	case withPassword.MatchString(n.Scalar):
		return "", fmt.Errorf("there is a password in the value: %s", noSecretsHere)
	}
	return n.Scalar, nil
}

// quoted is a short value as messages repeat it.
func quoted(text string) string {
	const longest = 40
	if len(text) > longest {
		return fmt.Sprintf("a text of %d bytes", len(text))
	}
	return strconv.Quote(text)
}

func whole(n yamltree.Node, lowest int64) (string, error) {
	if n.Kind != yamltree.Number {
		return "", fmt.Errorf("want a whole number, not %v", n.Kind)
	}
	exact, err := yamltree.ExactNumber(n.Scalar)
	if err != nil {
		return "", err
	}
	i, err := strconv.ParseInt(exact.String(), 10, strconv.IntSize)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s is not a whole number that fits", quoted(n.Scalar))
	case i < lowest:
		return "", fmt.Errorf("%d is not a whole number of %d or more", i, lowest)
	}
	return strconv.FormatInt(i, 10), nil
}
