// Package factory writes down what is put into a device before it leaves the factory: its endpoint
// name and its Bootstrap-Server Account, in the words of the client that runs on it.
package factory

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/lwm2m/check"
)

// A Device is what the factory puts into one device.
type Device struct {
	Endpoint lwm2m.EndpointName

	// Server is its Bootstrap-Server Account. Its SecretKey is zero where the key is not to be
	// shown: forms of text then have a placeholder, and binary forms fail with [ErrHidden].
	Server lwm2m.SecurityInstance

	// KeyLength is the length of the key in bytes, also where it is not to be shown; zero without
	// DTLS.
	KeyLength int

	// SecurityTag is where a modem of the nRF91 series keeps the key. Required for that form; nil
	// for the others.
	SecurityTag *uint32
}

// Check returns why no client can reach the Bootstrap-Server by that address, and what many
// clients cannot do with it.
func (d Device) Check() (warnings []string, err error) {
	for _, v := range check.BootstrapInfo(lwm2m.BootstrapInfo{BootstrapServer: &d.Server}, check.Options{}) {
		switch {
		case !strings.HasPrefix(v.Rule, "uri"):
		case !v.Warning:
			return nil, fmt.Errorf("%s", v.Message)
		default:
			warnings = append(warnings, v.Message)
		}
	}
	return warnings, nil
}

// secure reports whether the device is to use DTLS.
func (d Device) secure() bool { return d.Server.Mode != lwm2m.SecurityNoSec }

// key is the key in hexadecimal, or a placeholder that tells its length.
func (d Device) key() string {
	if d.Server.SecretKey.IsZero() {
		return fmt.Sprintf("KEY-OF-%d-BYTES-IN-HEX", d.KeyLength)
	}
	return hex.EncodeToString(d.Server.SecretKey.Reveal())
}

// identity is the PSK identity as text. Its error tells that it is none.
func (d Device) identity(client string) (string, error) {
	return plainText(d.Server.PublicKeyOrIdentity, "the PSK identity", client)
}

// plainText returns what a command line, a configuration file and an AT command can carry.
func plainText[T ~string | ~[]byte](s T, what, client string) (string, error) {
	for _, b := range []byte(s) {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return "", fmt.Errorf("%s has the byte 0x%02x, which %s does not take: write it in another form (--for json)", what, b, client)
		}
	}
	return string(s), nil
}

// address returns the host, without brackets, and the port of the Bootstrap-Server.
func (d Device) address() (host, port string, err error) {
	u, err := url.Parse(d.Server.ServerURI)
	if err != nil {
		return "", "", fmt.Errorf("the address of the server: %w", err)
	}
	if port = u.Port(); port == "" {
		if port = "5683"; u.Scheme == "coaps" {
			port = "5684"
		}
	}
	return u.Hostname(), port, nil
}

// hostPort is the address as most command lines take it.
func (d Device) hostPort() (string, error) {
	host, port, err := d.address()
	return net.JoinHostPort(host, port), err
}

// A Form is how a client, or a tool of a factory, takes a [Device].
type Form struct {
	Name   string // on the command line
	What   string // one line about it
	Binary bool   // not for a terminal

	write func(Device) ([]byte, error)
}

// Write returns d in this form, with a line end behind text. Its errors tell what the form cannot
// carry, and never a key.
func (f Form) Write(d Device) ([]byte, error) { return f.write(d) }

// Forms are all of them, by their names.
func Forms() []Form {
	return []Form{
		{"anjay", "command line of the demo client of Anjay", false, lines(anjay)},
		{"at-nrf91", "AT commands that put the key into a modem of the nRF91 series", false, lines(nrf91)},
		{"json", "one JSON object, for other tools", false, asJSON},
		{"leshan", "command line of the demo client of Leshan", false, lines(leshan)},
		{"senml-cbor", "the Security Instance /0/0 in SenML CBOR (RFC 8428), a binary file", true, senMLCBOR},
		{"senml-json", "the Security Instance /0/0 in SenML JSON (RFC 8428)", false, senMLJSON},
		{"wakaama", "command line of the example client of Wakaama", false, lines(wakaama)},
		{"zephyr", "Kconfig options of the LwM2M client sample of Zephyr", false, lines(zephyr)},
	}
}

// Find returns the form with this name, and whether there is one.
func Find(name string) (Form, bool) {
	forms := Forms()
	i := slices.IndexFunc(forms, func(f Form) bool { return f.Name == name })
	if i < 0 {
		return Form{}, false
	}
	return forms[i], true
}

// Names are those of all forms.
func Names() (names []string) {
	for _, f := range Forms() {
		names = append(names, f.Name)
	}
	return names
}

// lines writes the lines of a form.
func lines(of func(Device) ([]string, error)) func(Device) ([]byte, error) {
	return func(d Device) ([]byte, error) {
		all, err := of(d)
		if err != nil {
			return nil, err
		}
		return []byte(strings.Join(all, "\n") + "\n"), nil
	}
}
