package ddf

// Units that a length may have.
const (
	octet = "byte"
	bit   = "bit"
)

// units are names of the same unit, in lower case.
var units = map[string]string{
	"bytes": octet, "b": octet, "octet": octet, "octets": octet, "by": octet,
	"bits": bit,
	"/100": "%", "percent": "%", "percentage": "%",
	"cel": "°c", "c": "°c", "celsius": "°c", "degc": "°c",
	"deg": "°", "degree": "°", "degrees": "°",
	"sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"msec": "ms", "millisecond": "ms", "milliseconds": "ms",
	"mins": "min", "minute": "min", "minutes": "min",
	"hr": "h", "hour": "h", "hours": "h",
	"d": "day", "days": "day",
	"meter": "m", "meters": "m", "metre": "m", "metres": "m",
	"volt": "v", "volts": "v", "watt": "w", "watts": "w", "ampere": "a", "amperes": "a", "hertz": "hz",
}

// unitNamed is the one name of a unit.
func unitNamed(name string) string {
	if one, ok := units[name]; ok {
		return one
	}
	return name
}
