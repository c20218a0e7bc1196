package label

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

// modulesOf reads the modules of a printed label back, dark ones as #.
func modulesOf(t *testing.T, l Label, darkOnLight bool) []string {
	var b strings.Builder
	if err := l.Print(&b, darkOnLight); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if text := strings.TrimSpace(lines[len(lines)-1]); text != l.Text {
		t.Errorf("the text is %q", text)
	}
	filled := map[rune][2]bool{'█': {true, true}, '▀': {true, false}, '▄': {false, true}, ' ': {}}
	var out []string
	for _, line := range lines[:len(lines)-1] {
		var upper, lower strings.Builder
		for _, r := range line {
			for i, half := range []*strings.Builder{&upper, &lower} {
				if filled[r][i] == darkOnLight {
					half.WriteByte('#')
				} else {
					half.WriteByte('.')
				}
			}
		}
		out = append(out, upper.String(), lower.String())
	}
	return out
}

// A printed code has its margin and its finder patterns (ISO/IEC 18004 §6.3.3), on both kinds of
// terminals.
func TestPrint(t *testing.T) {
	l := Label{Text: "urn:imei:490154203237518", Content: "urn:imei:490154203237518"}
	dark, light := modulesOf(t, l, true), modulesOf(t, l, false)
	if strings.Join(dark, "\n") != strings.Join(light, "\n") {
		t.Error("the code depends on the terminal")
	}
	size := len(dark[0]) - 2*quiet
	if size != 25 { // version 2: 24 bytes with level M
		t.Errorf("%d modules", size)
	}
	finder := []string{"#######.", "#.....#.", "#.###.#.", "#.###.#.", "#.###.#.", "#.....#.", "#######.", "........"}
	for y, want := range finder {
		if got := dark[quiet+y][quiet : quiet+8]; got != want {
			t.Errorf("line %d begins with %s, want %s", y, got, want)
		}
		if got := dark[quiet+size-1-y][quiet : quiet+8]; got != want {
			t.Errorf("line %d from the end begins with %s, want %s", y, got, want)
		}
	}
	for _, line := range dark[:quiet] {
		if strings.Contains(line, "#") {
			t.Errorf("the margin has %s", line)
		}
	}
}

// The image has the same modules.
func TestPNG(t *testing.T) {
	l := Label{Text: "m", Content: "m"}
	var b bytes.Buffer
	if err := l.PNG(&b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	for y, line := range modulesOf(t, l, true)[:img.Bounds().Dy()/pngScale] {
		for x, m := range line {
			if r, _, _, _ := img.At(x*pngScale+pngScale/2, y*pngScale+pngScale/2).RGBA(); (r == 0) != (m == '#') {
				t.Fatalf("module %d, %d differs", x, y)
			}
		}
	}
}

// Labels go on as many pages as they need, and long names are cut.
func TestSheet(t *testing.T) {
	s := NewSheet()
	for i := range columns*rows + 1 {
		if err := s.Add(Label{Text: strings.Repeat("m", 1+10*i), Content: strings.Repeat("m", 1+10*i)}); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	pages := bytes.Count(b.Bytes(), []byte("/Type /Page\n"))
	if s.Len() != 25 || pages != 2 || !bytes.HasPrefix(b.Bytes(), []byte("%PDF-")) {
		t.Errorf("%d labels on %d pages: %.20q", s.Len(), pages, b.Bytes())
	}
}

// What a code cannot hold is an error.
func TestTooMuchForACode(t *testing.T) {
	for _, content := range []string{"", strings.Repeat("ä", 1200)} {
		l := Label{Text: "m", Content: content}
		if err := l.PNG(new(bytes.Buffer)); err == nil {
			t.Errorf("%d bytes are in a code", len(content))
		}
		if err := NewSheet().Add(l); err == nil {
			t.Errorf("%d bytes are on a sheet", len(content))
		}
	}
}
