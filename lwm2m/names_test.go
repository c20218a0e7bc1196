package lwm2m_test

import (
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

func TestCodeText(t *testing.T) {
	tests := []struct {
		code           lwm2m.Code
		number         uint8
		dotted, prints string
		success        bool
	}{
		{0, 0, "", "no answer", false},
		{lwm2m.CodeChanged, 0x44, "2.04", "2.04 Changed", true},
		{lwm2m.CodeContinue, 0x5f, "2.31", "2.31 Continue", true},
		{lwm2m.CodeUnsupportedFormat, 0x8f, "4.15", "4.15 Unsupported Content-Format", false},
		{lwm2m.CodeServiceUnavailable, 0xa3, "5.03", "5.03 Service Unavailable", false},
		{lwm2m.Code(3<<5 | 7), 0x67, "3.07", "3.07", false},
		{lwm2m.Code(0xff), 0xff, "7.31", "7.31", false},
	}
	for _, tt := range tests {
		if uint8(tt.code) != tt.number || tt.code.Dotted() != tt.dotted || tt.code.String() != tt.prints || tt.code.Success() != tt.success {
			t.Errorf("code %#x is %q, %q, success %v; want %#x, %q, %q, %v", uint8(tt.code), tt.code.Dotted(), tt.code, tt.code.Success(), tt.number, tt.dotted, tt.prints, tt.success)
		}
		text, err := tt.code.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back lwm2m.Code = 99
		if err := back.UnmarshalText(text); err != nil || back != tt.code {
			t.Errorf("%q reads as %v, %v", text, back, err)
		}
	}
}

func TestCodeRefuses(t *testing.T) {
	for _, in := range []string{"4", "4.", ".04", "8.00", "4.32", "4.04 Not Found", "-1.00", "x"} {
		var c lwm2m.Code
		if err := c.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q reads as %v", in, c)
		}
	}
}

func TestFormatText(t *testing.T) {
	tests := []struct {
		format lwm2m.Format
		number uint16
		text   string
	}{
		{lwm2m.FormatText, 0, "text"},
		{lwm2m.FormatLink, 40, "link-format"},
		{lwm2m.FormatOpaque, 42, "opaque"},
		{lwm2m.FormatCBOR, 60, "cbor"},
		{lwm2m.FormatSenMLJSON, 110, "senml-json"},
		{lwm2m.FormatSenMLCBOR, 112, "senml-cbor"},
		{lwm2m.FormatTLV, 11542, "tlv"},
		{lwm2m.FormatLwM2MCBOR, 11544, "lwm2m-cbor"},
		{lwm2m.FormatNumber(11543), 11543, "11543"},
	}
	for _, tt := range tests {
		if tt.format.Number() != tt.number || tt.format.String() != tt.text || lwm2m.FormatNumber(tt.number) != tt.format {
			t.Errorf("format %d is %d, %q", tt.number, tt.format.Number(), tt.format)
		}
		var back lwm2m.Format
		if err := back.UnmarshalText([]byte(tt.text)); err != nil || back != tt.format {
			t.Errorf("%q reads as %v, %v", tt.text, back, err)
		}
	}
}

func TestNoFormatIsNotTextPlain(t *testing.T) {
	var none lwm2m.Format
	if none == lwm2m.FormatText || none.String() != "none" {
		t.Errorf("the zero Format is %v", none)
	}
	for _, in := range []string{"", "none"} {
		f := lwm2m.FormatTLV
		if err := f.UnmarshalText([]byte(in)); err != nil || f != 0 {
			t.Errorf("%q reads as %v, %v", in, f, err)
		}
	}
	for _, in := range []string{"TLV", "-1", "65536", "json"} {
		var f lwm2m.Format
		if err := f.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q reads as %v", in, f)
		}
	}
}

func TestFormatWritable(t *testing.T) {
	writable := map[lwm2m.Format]bool{
		lwm2m.FormatTLV: true, lwm2m.FormatSenMLJSON: true, lwm2m.FormatSenMLCBOR: true, lwm2m.FormatLwM2MCBOR: true,
		lwm2m.FormatText: false, lwm2m.FormatLink: false, lwm2m.FormatOpaque: false, lwm2m.FormatCBOR: false, 0: false,
		lwm2m.FormatNumber(11543): false,
	}
	for f, want := range writable {
		if got := content.Writable(f); got != want {
			t.Errorf("%v: Writable = %v, want %v", f, got, want)
		}
	}
}

func TestEndpointNameValidate(t *testing.T) {
	tests := []struct {
		name string
		in   lwm2m.EndpointName
		ok   bool
	}{
		{"urn", "urn:imei:004401011234567", true},
		{"other letters", "Zähler-Ω", true},
		{"longest", lwm2m.EndpointName(strings.Repeat("x", lwm2m.MaxEndpointName)), true},
		{"empty", "", false},
		{"too long", lwm2m.EndpointName(strings.Repeat("x", lwm2m.MaxEndpointName+1)), false},
		{"not UTF-8", "dev\xff", false},
		{"line feed", "dev\n1", false},
		{"escape", "dev\x1b[31m", false},
		{"C1 control", "dev\u0085", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.in.Validate(); (err == nil) != tt.ok {
				t.Errorf("Validate(%q) = %v, want success %v", tt.in, err, tt.ok)
			}
		})
	}
}

func TestShortServerIDValid(t *testing.T) {
	for id, want := range map[lwm2m.ShortServerID]bool{0: false, 1: true, 65534: true, 65535: false} {
		if got := id.Valid(); got != want {
			t.Errorf("%d: Valid = %v, want %v", id, got, want)
		}
	}
}
