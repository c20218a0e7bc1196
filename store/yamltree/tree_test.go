package yamltree

import (
	"strings"
	"testing"
)

// Every mistake is found, each with its line; what is right is there all the same.
func TestParseFindsEveryMistake(t *testing.T) {
	docs, problems := Parse("f.yaml", []byte("a: 1\nb: &x 2\na: 3\nc: [*x, y]\nd: !tag e\n"))
	want := []string{
		"f.yaml:2: anchors, aliases and tags are not supported: write the value itself",
		"f.yaml:3: \"a\" is there twice: it is on line 1 already",
		"f.yaml:4: anchors, aliases and tags are not supported: write the value itself",
		"f.yaml:5: anchors, aliases and tags are not supported: write the value itself",
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(docs) != 1 || len(docs[0].Entries) != 2 || docs[0].Entries[0].Value.Scalar != "1" || docs[0].Entries[1].Key != "c" || len(docs[0].Entries[1].Value.Items) != 1 {
		t.Errorf("documents %+v", docs)
	}
}

// Values within each other are bounded, and that they are not is told once.
func TestParseIsBounded(t *testing.T) {
	for name, text := range map[string]string{
		"brackets": strings.Repeat("[", 1000), "dashes": strings.Repeat("- ", 1000), "lines": deep(40), "tokens": strings.Repeat("- a\n", 60_000), "bytes": strings.Repeat("#", MaxSize+1),
	} {
		if docs, problems := Parse("f", []byte(text)); len(problems) != 1 {
			t.Errorf("%s: %d documents and %d problems", name, len(docs), len(problems))
		}
	}
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a" + strings.Repeat("b", n-i) + ":\n")
	}
	return b.String()
}

// Whatever the text, each problem has a line of it and no document has a key twice.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1\n", "a: [1, 2]\nb: {c: d}\n", "a: 1\na: 2\n", "- *x\n", "? a\n: b\n", "---\n---\n", "a: |\n  b\n", "\ufeffa: 1", "[", "a: !x y"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, problems := Parse("f", text)
		lines := strings.Count(string(text), "\n") + strings.Count(string(text), "\r") + 1 // YAML 1.2.2 §5.4
		for _, p := range problems {
			if p.Line < 1 || p.Line > lines+1 || strings.Contains(p.Message, "\n") {
				t.Errorf("%q: problem %d %q", text, p.Line, p.Message)
			}
		}
		for _, d := range docs {
			unique(t, d)
		}
	})
}

func unique(t *testing.T, n Node) {
	seen := make(map[string]bool)
	for _, e := range n.Entries {
		if seen[e.Key] {
			t.Errorf("%q is there twice", e.Key)
		}
		seen[e.Key] = true
		unique(t, e.Value)
	}
	for _, item := range n.Items {
		unique(t, item)
	}
}
