package web

import (
	"fmt"
	"html/template"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"lwbs/lwm2m"
)

// quiet is the margin that a reader of a QR code needs, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// qrCode draws a QR code as SVG, dark on light in any theme; empty where the text is too long for one.
func qrCode(text string) template.HTML {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return ""
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			run := 0
			for x+run < size && dark(code.At(x+run, y)) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1H%dz", x+quiet, y+quiet, run, x+quiet)
				x += run
			}
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %[1]d %[1]d" role="img" aria-label="QR code of the endpoint name"><rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" d="%[2]s"/></svg>`, size+2*quiet, path.String()))
}

func dark(c color.Color) bool {
	gray, _ := color.GrayModel.Convert(c).(color.Gray)
	return gray.Y < 0x80
}

// A labelPage is a label to be printed. It has no secret.
type labelPage struct {
	Endpoint lwm2m.EndpointName
	QR       template.HTML
}

func (p *Pages) label(r *request) error {
	d, err := p.API.Device(r.Context(), r.endpoint(), false)
	if err != nil {
		return err
	}
	return r.show("label", view{Title: "Label", Nav: "devices", Command: shellCommand("lwbs", "device", "label", d.Endpoint), Body: labelPage{d.Endpoint, qrCode(string(d.Endpoint))}})
}
