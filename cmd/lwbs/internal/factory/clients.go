package factory

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// anjay is the command line of anjay-demo, which takes identity and key in hexadecimal.
func anjay(d Device) ([]string, error) {
	args := []string{"anjay-demo", "-e", string(d.Endpoint), "--bootstrap", "-u", d.Server.ServerURI}
	if d.secure() {
		args = append(args, "-s", "psk", "-i", hex.EncodeToString(d.Server.PublicKeyOrIdentity), "-k", d.key())
	} else {
		args = append(args, "-s", "nosec")
	}
	return []string{shell(args)}, nil
}

// leshan is the command line of the demo client of Leshan, whose jar may have another name.
func leshan(d Device) ([]string, error) {
	server, err := d.hostPort()
	if err != nil {
		return nil, err
	}
	args := []string{"java", "-jar", "leshan-demo-client.jar", "-b", "-n", string(d.Endpoint), "-u", server}
	if d.secure() {
		identity, err := d.identity("the demo client of Leshan")
		if err != nil {
			return nil, err
		}
		args = append(args, "-i", identity, "-p", d.key())
	}
	return []string{shell(args)}, nil
}

// wakaama is the command line of lwm2mclient, or of its build with DTLS. It takes IPv6 addresses
// unless -4 is given.
func wakaama(d Device) ([]string, error) {
	host, port, err := d.address()
	if err != nil {
		return nil, err
	}
	args := []string{"lwm2mclient"}
	if d.secure() {
		args[0] = "lwm2mclient_tinydtls"
	}
	if a, err := netip.ParseAddr(host); err != nil || a.Is4() {
		args = append(args, "-4")
	}
	args = append(args, "-b", "-n", string(d.Endpoint), "-h", host, "-p", port)
	if d.secure() {
		identity, err := d.identity("the example client of Wakaama")
		if err != nil {
			return nil, err
		}
		args = append(args, "-i", identity, "-s", d.key())
	}
	return []string{shell(args)}, nil
}

// shell quotes the words of a command line for a POSIX shell.
func shell(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if quoted[i] = a; a == "" || strings.ContainsFunc(a, func(r rune) bool { return !strings.ContainsRune(plainInShell, r) }) {
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// plainInShell has no meaning of its own to a shell.
const plainInShell = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@%+="

const (
	// zephyrKey and zephyrEndpoint are how many bytes Zephyr takes by default, in keys and
	// identities, and in endpoint names.
	zephyrKey, zephyrEndpoint = 16, 32
)

// zephyr is the configuration of samples/net/lwm2m_client (its Kconfig, overlay-bootstrap.conf and
// overlay-dtls.conf).
func zephyr(d Device) ([]string, error) {
	const client = "the LwM2M client sample of Zephyr"
	endpoint, err := plainText(d.Endpoint, "the endpoint name", client)
	if err != nil {
		return nil, err
	}
	option := func(name, value string) string { return fmt.Sprintf("CONFIG_%s=%s", name, value) }
	out := []string{
		option("LWM2M_RD_CLIENT_SUPPORT_BOOTSTRAP", "y"),
		option("NET_SAMPLE_LWM2M_SERVER", `"`+d.Server.ServerURI+`"`),
		option("NET_SAMPLE_LWM2M_ID", `"`+endpoint+`"`),
	}
	if len(endpoint) > zephyrEndpoint {
		out = append(out, option("LWM2M_RD_CLIENT_ENDPOINT_NAME_MAX_LENGTH", fmt.Sprint(len(endpoint)+1)))
	}
	if !d.secure() {
		return out, nil
	}
	if string(d.Server.PublicKeyOrIdentity) != endpoint {
		return nil, fmt.Errorf("%s has one option for the endpoint name and the PSK identity, and those of this device differ: "+
			"make them equal (lwbs device set, --psk-identity), or write another form", client)
	}
	out = append(out, option("LWM2M_DTLS_SUPPORT", "y"), option("NET_SAMPLE_LWM2M_PSK", `"`+d.key()+`"`))
	if size := max(d.KeyLength, len(endpoint)); size > zephyrKey {
		out = append(out, option("LWM2M_SECURITY_KEY_SIZE", fmt.Sprint(size)))
	}
	return out, nil
}

// nrf91 is how AT commands put a PSK and its identity into a modem of the nRF91 series: types 3 and
// 4 of %CMNG (nRF91 AT Commands Reference Guide), while the modem is offline.
func nrf91(d Device) ([]string, error) {
	switch {
	case !d.secure():
		return nil, errors.New("a device over plain CoAP has no key to put into a modem")
	case d.SecurityTag == nil:
		return nil, errors.New("--security-tag is missing: the number under which the firmware of the device looks for its key")
	}
	identity, err := d.identity("an AT command")
	if err != nil {
		return nil, err
	}
	return []string{
		"AT+CFUN=4",
		fmt.Sprintf(`AT%%CMNG=0,%d,4,"%s"`, *d.SecurityTag, identity),
		fmt.Sprintf(`AT%%CMNG=0,%d,3,"%s"`, *d.SecurityTag, d.key()),
	}, nil
}
