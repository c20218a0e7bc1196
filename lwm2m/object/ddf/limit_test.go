package ddf_test

import (
	"strings"
	"testing"

	"lwbs/lwm2m/object/ddf"
)

// The registry has ranges in many forms. What is no range sets no bounds, and neither does
// what may mean two things.
func TestRanges(t *testing.T) {
	tests := []struct{ kind, unit, text, want string }{
		{"Integer", "", "0..255", "0 to 255"},
		{"Integer", "", "-20..60", "-20 to 60"},
		{"Integer", "", "1-9", "1 to 9"},
		{"Integer", "", "0-255 bytes", "0 to 255"},
		{"Integer", "", " 0 .. 7 ", "0 to 7"},
		{"Integer", "", "1...15", "1 to 15"},
		{"Integer", "", "0..3, 99", "0 to 3, 99"},
		{"Integer", "", "0..247, 255", "0 to 247, 255"},
		{"Integer", "", "5, 10, 15", "5, 10, 15"},
		{"Integer", "", "9600, 4800, 2400", "9600, 4800, 2400"},
		{"Integer", "", "9600,4800,2400", "9600, 4800, 2400"},
		{"Integer", "", "0,1,2", "0, 1, 2"},
		{"Integer", "", "1 or 2", "1, 2"},
		{"Unsigned Integer", "", "0..18446744073709551615", "0 to 18446744073709552000"},
		{"Float", "", "0..1", "0 to 1"},
		{"Float", "", "0.000001..1.0", "0.000001 to 1"},
		{"Float", "", "-100.0..100.0", "-100 to 100"},
		{"Float", "", "0; 3.8..20.5", "0, 3.8 to 20.5"},
		{"Float", "", "1e-3..1e3", "0.001 to 1000"},

		// Other signs for the same.
		{"Integer", "", "0–100", "0 to 100"},
		{"Integer", "", "0 — 100", "0 to 100"},
		{"Integer", "", "0―180", "0 to 180"},
		{"Integer", "", "−20..60", "-20 to 60"},
		{"Integer", "", "0…100", "0 to 100"},
		{"Integer", "", "0‥100", "0 to 100"},
		{"Integer", "", "1~25", "1 to 25"},
		{"Integer", "", "-8999 to 8999", "-8999 to 8999"},
		{"Integer", "", "between 0 and 3", "0 to 3"},
		{"Integer", "", "From 0 to 3.", "0 to 3"},
		{"Integer", "", "[0..2]", "0 to 2"},
		{"Integer", "", "[1:4]", "1 to 4"},
		{"Integer", "", "[0, 3]", "0 to 3"},
		{"Integer", "", "{0, 1, 4}", "0, 1, 4"},
		{"Integer", "", "0..2^32-1", "0 to 4294967295"},

		// Thousands apart.
		{"Integer", "", "0..65,535", "0 to 65535"},
		{"Integer", "", "0..4,294,967,295", "0 to 4294967295"},
		{"Integer", "", "1,000..5,000", "1000 to 5000"},
		{"Integer", "", "0..65.535", "0 to 65535"},
		{"Integer", "", "0..65 535", "0 to 65535"},
		{"Integer", "", "0..65\u202f535", "0 to 65535"},
		{"Integer", "", "0..65'535", "0 to 65535"},
		{"Integer", "", "0..1,000; 2,000", "0 to 1000, 2000"},
		{"Float", "", "0..1,000.5", "0 to 1000.5"},
		{"Integer", "", "100,200,300", ""}, // a list, or 100 million
		{"Integer", "", "1,000", ""},
		{"Float", "", "0,5..1,5", "0.5 to 1.5"},
		{"Float", "", "1,5..7,8", ""}, // 1.5 to 7.8, or 1 and 5 to 7 and 8
		{"Float", "", "0,5; 1,5", "0.5, 1.5"},

		// Units. One that is not the Resource's says nothing of its values.
		{"Integer", "/100", "0..100 %", "0 to 100"},
		{"Integer", "", "0-100%", "0 to 100"},
		{"Float", "Cel", "-40..85 °C", "-40 to 85"},
		{"Integer", "s", "1 s - 60 s", "1 to 60"},
		{"Integer", "s", "1..60 seconds", "1 to 60"},
		{"Integer", "s", "1..1000 ms", ""},
		{"Integer", "", "1..1000 ms", "1 to 1000"},
		{"Integer", "", "10min-992 days", ""},
		{"Integer", "", "2sec-31 min", ""},
		{"Integer", "", "0..8 bits", ""},

		// Lengths.
		{"String", "", "1..64 Bytes", "1 to 64"},
		{"String", "", "1..64 B", "1 to 64"},
		{"String", "", "0-255", "0 to 255"},
		{"String", "", "10 or 26 Bytes", "10, 26"},
		{"String", "", "0..1,024 bytes", "0 to 1024"},
		{"String", "", "1..64 characters", ""}, // of up to four bytes each
		{"String", "", "1..4 KB", ""},
		{"String", "/100", "0..100", ""},
		{"String", "bytes", "0-255", "0 to 255"},
		{"String", "", "1,2,3", ""}, // the texts, not their lengths
		{"String", "", "10,26", ""},
		{"String", "", "0: off\n1: on", ""},
		{"String", "", "-1, 4", ""},
		{"String", "", "-100.0..100.0", ""},
		{"String", "", "0.5..3", ""},
		{"String", "", "UDP, TCP", ""},
		{"Opaque", "", "16,32,48", "16, 32, 48"},
		{"Opaque", "", "16-32-48 bytes", ""},
		{"Opaque", "", "0..64 bits", "0 to 8"},
		{"Opaque", "", "1..12 bit", "1 to 2"},
		{"Opaque", "", "8 bits", ""},
		{"Opaque", "", "-1..4", ""},

		// Values with their meanings.
		{"Integer", "", "0: off\n\t\t1: on\n\t\t255", "0, 1, 255"},
		{"Integer", "", "0: off\r\n1: on\r\n2: auto", "0, 1, 2"},
		{"Integer", "", "0 = off, 1 = on", "0, 1"},
		{"Integer", "", "0=off; 1=slow, 2.5 Hz; 7=fast", "0, 1, 7"},
		{"Integer", "", "0 - off, 1 - on", "0, 1"},
		{"Integer", "", "0 (off), 1 (on)", "0, 1"},
		{"Integer", "", "0: off, or broken", ""},
		{"Integer", "", "0:off 1:on, 2:auto", ""},
		{"Integer", "", "0: off; 1..9: level", ""},

		// Sizes in bits.
		{"Unsigned Integer", "", "8-bit", "0 to 255"},
		{"Unsigned Integer", "", "16 bits", "0 to 65535"},
		{"Integer", "", "8-Bits", ""}, // with a sign, or without
		{"Integer", "", "16-bit", ""},

		// Nothing.
		{"Boolean", "", "0..1", ""},
		{"Time", "", "0..100", ""},
		{"Integer", "", "", ""},
		{"Integer", "", "255", ""},
		{"Integer", "", "2 Instances", ""},
		{"Integer", "", "9..1", ""},
		{"Integer", "", "0x1..0x5", ""},
		{"Integer", "", "0.5..1.5", ""},
		{"Integer", "", "1, 2, inf", ""},
		{"Integer", "", "&lt;7 to &gt;12.5", ""},
		{"Integer", "", "&gt;= 0", ""},
		{"Float", "", "ON;OFF", ""},
		{"Float", "", "any", ""},
	}
	for _, tt := range tests {
		text := strings.Replace(string(valve(t, "0..100", tt.text)), "<Type>Integer", "<Type>"+tt.kind, 1)
		text = strings.Replace(text, "<Units>/100", "<Units>"+tt.unit, 1)
		defs, problems := ddf.Read("x.xml", []byte(text))
		if len(ddf.Lost(problems)) > 0 {
			t.Fatal(problems)
		}
		if got := defs[0].Resources[0].Range(); got != tt.want {
			t.Errorf("%s in %q, %q: %q, want %q", tt.kind, tt.unit, tt.text, got, tt.want)
		}
	}
}

// A range that ends below its start is a mistake, and is noted.
func TestRangeBackwards(t *testing.T) {
	for text, want := range map[string]string{"-30..-120": `x.xml:14: RangeEnumeration of Resource 1: "-30..-120" ends below its start`, "0..100": "", "any": "", "9 - 1": "ends below its start"} {
		_, problems := ddf.Read("x.xml", valve(t, "0..100", text))
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || problems[0].Lost || !strings.Contains(problems[0].String(), want)) {
			t.Errorf("%q: problems %v, want %q", text, problems, want)
		}
	}
}
