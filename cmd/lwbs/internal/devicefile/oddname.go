package devicefile

// OddName returns a warning about a name that is probably not the right one, or why it cannot be: an IMEI
// with a wrong check digit, or without its leading zeros.
func OddName(endpoint string) (warning string, err error) { return oddIMEI(endpoint) }
