package importer

import (
	"bufio"
	"errors"
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

// Limits of an INI file: of a line in bytes, and of the lines of a section that are kept.
const (
	maxLine  = 1 << 20
	maxPairs = 10_000
)

// eachSection reads the form of Wakaama's examples/bootstrap_server, and calls do with each section:
// comment lines begin with # or ;, and spaces around [, keys and values are ignored. Lines before the first
// section are in one without a name.
func (f File) eachSection(do func(section)) error {
	in, _ := f.text()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	var s *section
	n := 0
	end := func() {
		if s != nil {
			do(*s)
		}
	}
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			end()
			name, _, ok := strings.Cut(line[1:], "]")
			s = &section{name: strings.ToLower(strings.TrimSpace(name)), line: n}
			if !ok {
				s.err = wrong("line %d: [ without ]", n)
			}
			continue
		case s == nil:
			s = &section{line: n}
		}
		s.add(n, line)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = wrong("line %d has more than %d bytes", n+1, maxLine)
		}
		return err
	}
	end()
	return nil
}

// add adds a line.
func (s *section) add(n int, line string) {
	key, value, ok := strings.Cut(line, "=")
	key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
	switch {
	case len(s.pairs) == maxPairs:
		if s.err == nil {
			s.err = wrong("line %d: the section has more than %d lines", n, maxPairs)
		}
		return
	case (!ok || key == "" || value == "") && s.err == nil:
		s.err = wrong("line %d is not KEY=VALUE", n)
	}
	s.pairs = append(s.pairs, pair{key, value, n})
}
