package importer

import (
	"bytes"
	"strings"
)

// A section is a part of an INI file under one [Name].
type section struct {
	name  string // lower case
	line  int
	pairs []pair
	err   error // the first line in it that cannot be read
}

// A pair is a line KEY=VALUE. Keys are in lower case, without spaces around.
type pair struct {
	key, value string
	line       int
}

// plain returns the value without a comment behind it, for values that cannot contain a space and a
// comment sign. Wakaama itself has no such comments.
func (p pair) plain() string {
	for _, sign := range []string{" ;", " #", "\t;", "\t#"} {
		if before, _, ok := strings.Cut(p.value, sign); ok {
			p.value = before
		}
	}
	return strings.TrimSpace(p.value)
}

// last returns the value of the last line with that key.
func (s section) last(key string) (value string, ok bool) {
	for _, p := range s.pairs {
		if p.key == key {
			value, ok = p.value, true
		}
	}
	return value, ok
}

// sections reads the form of Wakaama's examples/bootstrap_server: comment lines begin with # or ;, and
// spaces around [, keys and values are ignored. Lines before the first section are in one without a
// name.
func sections(text []byte) []section {
	var out []section
	n := 0
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		n++
		line := strings.TrimSpace(string(raw))
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			name, _, ok := strings.Cut(line[1:], "]")
			s := section{name: strings.ToLower(strings.TrimSpace(name)), line: n}
			if !ok {
				s.err = wrong("line %d: [ without ]", n)
			}
			out = append(out, s)
			continue
		case len(out) == 0:
			out = append(out, section{line: n})
		}
		s := &out[len(out)-1]
		key, value, ok := strings.Cut(line, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if (!ok || key == "" || value == "") && s.err == nil {
			s.err = wrong("line %d is not KEY=VALUE", n)
		}
		s.pairs = append(s.pairs, pair{key, value, n})
	}
	return out
}
