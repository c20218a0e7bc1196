// Package label makes labels of devices: a QR code (ISO/IEC 18004) with a line of text, for a
// terminal, as a PNG image and on PDF sheets to be printed.
package label

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

// A Label is what is on one label.
type Label struct {
	Text    string // in plain letters, one line; the name of the device
	Content string // of the QR code; at most 2,331 bytes, where it is text
}

// quiet is the white margin that a reader needs, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// modules encodes the content with medium error correction, which bears 15 % of damage.
func (l Label) modules() (barcode.Barcode, error) {
	if l.Content == "" {
		return nil, errors.New("a QR code needs something to tell")
	}
	code, err := qr.Encode(l.Content, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("a QR code of %d bytes: %w", len(l.Content), err)
	}
	return code, nil
}

// dark reports whether a module is dark; those of the margin are not.
func dark(code barcode.Barcode, x, y int) bool {
	size := code.Bounds().Dx()
	if x < 0 || y < 0 || x >= size || y >= size {
		return false
	}
	gray, _ := color.GrayModel.Convert(code.At(x, y)).(color.Gray)
	return gray.Y < 0x80
}

// Print writes the label in characters, two modules above each other in one. Light modules are
// filled, for a terminal with light letters on a dark ground; with darkOnLight dark ones are.
func (l Label) Print(w io.Writer, darkOnLight bool) error {
	code, err := l.modules()
	if err != nil {
		return err
	}
	var b strings.Builder
	size := code.Bounds().Dx()
	for y := -quiet; y < size+quiet; y += 2 {
		for x := -quiet; x < size+quiet; x++ {
			b.WriteString(block(dark(code, x, y) == darkOnLight, dark(code, x, y+1) == darkOnLight))
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Repeat(" ", quiet) + l.Text + "\n")
	_, err = io.WriteString(w, b.String())
	return err
}

// block is the character with an upper and a lower half that are filled or not.
func block(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

// pngScale is the width of a module in an image, in pixels.
const pngScale = 8

// PNG writes the QR code as an image, without the text.
func (l Label) PNG(w io.Writer) error {
	img, err := l.image(pngScale)
	if err != nil {
		return err
	}
	return png.Encode(w, img)
}

// image draws the QR code in black and white, with its margin.
func (l Label) image(scale int) (image.Image, error) {
	code, err := l.modules()
	if err != nil {
		return nil, err
	}
	size := code.Bounds().Dx() + 2*quiet
	img := image.NewPaletted(image.Rect(0, 0, size*scale, size*scale), color.Palette{color.White, color.Black})
	for y := range size * scale {
		for x := range size * scale {
			if dark(code, x/scale-quiet, y/scale-quiet) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	return img, nil
}
