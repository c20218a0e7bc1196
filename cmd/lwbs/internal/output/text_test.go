package output

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestNamesAndTextsAreShownSafely(t *testing.T) {
	for s, want := range map[string][2]string{ // as a name, as a text
		"urn:imei:490154203237518":        {"urn:imei:490154203237518", "urn:imei:490154203237518"},
		"Zähler-2/ü":                      {"Zähler-2/ü", "Zähler-2/ü"},
		"電表":                              {"電表", "電表"},
		"":                                {`""`, `""`},
		"a b":                             {`"a b"`, "a b"},
		" a":                              {`" a"`, `" a"`},
		"a ":                              {`"a "`, `"a "`},
		`"a"`:                             {`"\"a\""`, `"\"a\""`},
		`a\b`:                             {`"a\\b"`, `a\b`},
		"a\u202egpj.exe":                  {`"a\u202egpj.exe"`, `"a\u202egpj.exe"`},
		"a\u200bb":                        {`"a\u200bb"`, `"a\u200bb"`},
		"a\u00a0b":                        {`"a\u00a0b"`, `"a\u00a0b"`},
		"a\u00adb":                        {`"a\u00adb"`, `"a\u00adb"`},
		"\u3164":                          {`"\u3164"`, `"\u3164"`},
		"\u2800":                          {`"\u2800"`, `"\u2800"`},
		"a\ufe0f":                         {`"a\ufe0f"`, `"a\ufe0f"`},
		"a\U000e0041":                     {`"a\U000e0041"`, `"a\U000e0041"`},
		"a\x1b[31m\x00":                   {`"a\u001b[31m\u0000"`, `"a\u001b[31m\u0000"`},
		"a\nb\tc\rd":                      {`"a\nb\tc\rd"`, `"a\nb\tc\rd"`},
		"a\xffb":                          {`"a\xffb"`, `"a\xffb"`},
		"a\u009bb":                        {`"a\u009bb"`, `"a\u009bb"`},
		"e\u0301":                         {"e\u0301", "e\u0301"},
		"\u0301a":                         {`"\u0301a"`, `"\u0301a"`},
		"a" + strings.Repeat("\u0301", 5): {`"a` + strings.Repeat("\u0301", 3) + `\u0301\u0301"`, `"a` + strings.Repeat("\u0301", 3) + `\u0301\u0301"`},
	} {
		if got := Name(s); got != want[0] {
			t.Errorf("the name %q is shown as %s, want %s", s, got, want[0])
		}
		if got := Text(s); got != want[1] {
			t.Errorf("the text %q is shown as %s, want %s", s, got, want[1])
		}
	}
}

// Whatever is written to a screen, in whatever pieces, nothing invisible gets through, and
// JSON stays the same JSON.
func FuzzScreen(f *testing.F) {
	f.Add("a\u202eb \x1b]0;title\x07 \xff\xfe ü 電 \U000e0041 e\u0301\n", 3)
	f.Add("\xe2\x80", 1)
	f.Add("plain", 100)
	f.Fuzz(func(t *testing.T, s string, piece int) {
		piece = max(1, piece%64)
		var shown bytes.Buffer
		w := NewScreen(&shown, false)
		for b := []byte(s); len(b) > 0; b = b[min(piece, len(b)):] {
			if _, err := w.Write(b[:min(piece, len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range shown.String() {
			if r != '\n' && Invisible(r) {
				t.Errorf("%q is shown as %q", s, shown.String())
			}
		}

		var printed bytes.Buffer
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&Screen{out: &printed, json: true}).Write(text); err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(printed.Bytes(), &got); err != nil || got != want {
			t.Errorf("the JSON %s became %s: %v", text, printed.Bytes(), err)
		}
	})
}
