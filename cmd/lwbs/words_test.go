package main

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// privateWords are words and phrases that an engineer of the field would not search for, with what
// to write in their place. docs/glossary.md has the words of the project.
var privateWords = map[string]string{
	"as good as":    "equal to, or what it is",
	"desk":          "request queue",
	"doubted":       "unvalidated",
	"garbled":       "block-wise error",
	"lest":          "so that ... not",
	"lobby":         "handshake queue",
	"looping":       "rate-limited",
	"newcomer":      "new peer",
	"newcomers":     "new peers",
	"nobody":        "no one, or who is meant: an unauthenticated peer, an unknown device",
	"none but":      "only",
	"says it again": "repeats it, or retransmits it",
	"stranger":      "new peer, unauthenticated peer or unknown device",
	"strangers":     "new peers, unauthenticated peers or unknown devices",
	"pace":          "rate, or load",
	"streak":        "coalesced failures",
	"streaks":       "coalesced failures",
	"toll":          "reservation",
	"visitor":       "pending client",
	"visitors":      "pending clients",
}

// formerNames are the files in which a word may stand, since it is a name of before.
var formerNames = map[string][]string{
	"store/cause.go":      {"looping", "garbled"},
	"store/cause_test.go": {"looping", "garbled"},
	"store/bolt/db.go":    {"stranger", "strangers"}, // stored
	"store/bolt/doc.go":   {"stranger", "strangers"},
}

// The code, its comments, messages, tests and pages use the words of the field. Exempt are this file
// and what tells of the past: docs/decisions and the list of renamed names in CHANGELOG.md.
func TestWordsOfTheField(t *testing.T) {
	checked := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("../..", path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case d.IsDir() && slices.Contains([]string{".git", "bin", "dist", "testdata", "docs/decisions"}, name):
			return fs.SkipDir
		case d.IsDir() || !hasWords(name):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checked++
		for _, found := range privateWordsIn(name, string(text)) {
			t.Error(found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 300 {
		t.Errorf("only %d files were checked", checked)
	}
}

// hasWords reports whether a file is one that people read for its words.
func hasWords(name string) bool {
	base := filepath.Base(name)
	return slices.Contains([]string{".go", ".md", ".yaml", ".service", ".json"}, filepath.Ext(name)) && name != "cmd/lwbs/words_test.go" ||
		base == "Makefile" || base == "Containerfile"
}

func TestPrivateWordsIn(t *testing.T) {
	for text, want := range map[string][]string{
		"A lobby for visitors.":                                 {"x.go:1: lobby: write handshake queue", "x.go:1: visitors: write pending clients"},
		"const maxVisitors = 1\n\ntype Lobby int":               {"x.go:1: visitors: write pending clients", "x.go:3: lobby: write handshake queue"},
		"// served by none\n// but the newest":                  {"x.go:1: none but: write only"},
		"var deskQueue, httpDesk = 1, 2":                        {"x.go:1: desk: write request queue", "x.go:1: desk: write request queue"},
		"a desktop, the fastest, a palest":                      nil,
		"[why](decisions/0006-limits-for-strangers.md)":         nil,
		"docs/decisions/0006-limits-for-strangers.md tells why": nil,
	} {
		if got := privateWordsIn("x.go", text); !slices.Equal(got, want) {
			t.Errorf("%q has %q, want %q", text, got, want)
		}
	}
	for name, want := range map[string]bool{"README.md": true, "store/cause.go": true, "store/cause_test.go": true, "cmd/lwbs/words_test.go": false, "Makefile": true, "testdata/tlv/README.txt": false} {
		if hasWords(name) != want {
			t.Errorf("hasWords of %s is %v", name, !want)
		}
	}
}

var (
	decisionFile = regexp.MustCompile(`decisions/[0-9a-z-]+\.md`)
	renames      = regexp.MustCompile(`(?s)\n\| Kind \| Former name \|.*?\n\n`) // the list in CHANGELOG.md
	privateWord  = regexp.MustCompile(`\b(?:` + strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(privateWords)), "|"), " ", `[\s/*#]+`) + `)\b`)
)

// privateWordsIn returns a message for each private word in the text of a file. The parts of a name
// such as maxVisitors count, and a phrase may go on in the next line of a comment.
func privateWordsIn(name, text string) (found []string) {
	text = decisionFile.ReplaceAllString(text, "")
	if name == "CHANGELOG.md" {
		text = renames.ReplaceAllStringFunc(text, func(list string) string { return strings.Repeat("\n", strings.Count(list, "\n")) })
	}
	text = wordsOf(text)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(privateWords)), func(w string) bool {
		first, _, _ := strings.Cut(w, " ")
		return strings.Contains(text, first)
	}) {
		return nil // which is faster to find out, above all with the race detector
	}
	for _, at := range privateWord.FindAllStringIndex(text, -1) {
		word := strings.Join(strings.FieldsFunc(text[at[0]:at[1]], func(r rune) bool { return !unicode.IsLetter(r) }), " ")
		if !slices.Contains(formerNames[name], word) {
			found = append(found, fmt.Sprintf("%s:%d: %s: write %s", name, 1+strings.Count(text[:at[0]], "\n"), word, privateWords[word]))
		}
	}
	return found
}

// wordsOf is a text in lower case, with the parts of names such as maxVisitors apart.
func wordsOf(text string) string {
	b := make([]byte, 0, len(text)+len(text)/8)
	part := false // whether what was before may end the part of a name
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			if part {
				b = append(b, ' ')
			}
			c += 'a' - 'A'
			part = false
		} else {
			part = 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		}
		b = append(b, c)
	}
	return string(b)
}
