package label

import (
	"bytes"
	"fmt"
	"image/png"
	"io"

	"codeberg.org/go-pdf/fpdf"
)

// A sheet of A4 has 3 columns and 8 rows of labels, 70 mm by 37 mm, without margins: a common form
// of sticky labels.
const (
	columns, rows = 3, 8
	width, height = 70.0, 37.0 // mm
	codeSize      = 30.0       // mm, with the margin of the code
	inset         = 3.0        // mm, from the edge of a label
	textSize      = 8.0        // points
	textLine      = 3.5        // mm
	maxText       = 140        // letters, in 8 lines
)

// A Sheet collects labels. It holds all of them in memory: about 1 KiB each.
type Sheet struct {
	pdf *fpdf.Fpdf
	n   int
}

// NewSheet returns a Sheet without labels.
func NewSheet() *Sheet {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetMargins(0, 0, 0)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCellMargin(0)
	return &Sheet{pdf: pdf}
}

// Len is how many labels there are.
func (s *Sheet) Len() int { return s.n }

// Add adds a label behind the others. Its text must be ASCII; what is longer than 140 letters is
// cut, the QR code is not.
func (s *Sheet) Add(l Label) error {
	img, err := l.image(1)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	if s.n%(columns*rows) == 0 {
		s.pdf.AddPage()
		s.pdf.SetFont("Courier", "", textSize)
	}
	place := s.n % (columns * rows)
	x, y := float64(place%columns)*width, float64(place/columns)*height+0.5 // 8 rows are 296 mm of 297
	name := fmt.Sprintf("code%d", s.n)
	o := fpdf.ImageOptions{ImageType: "PNG"}
	s.pdf.RegisterImageOptionsReader(name, o, &b)
	s.pdf.ImageOptions(name, x+inset, y+(height-codeSize)/2, codeSize, codeSize, false, o, 0, "")
	s.pdf.SetXY(x+inset+codeSize+1, y+(height-codeSize)/2+2)
	text := l.Text
	if len(text) > maxText {
		text = text[:maxText-3] + "..."
	}
	s.pdf.MultiCell(width-codeSize-2*inset-1, textLine, text, "", "L", false)
	s.n++
	return s.pdf.Error()
}

// Write writes the sheets as one PDF document, and ends them: no label may be added after it.
func (s *Sheet) Write(w io.Writer) error { return s.pdf.Output(w) }
