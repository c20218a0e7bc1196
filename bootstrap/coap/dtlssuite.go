package coap

import "fmt"

// A Suite is a cipher suite of DTLS by its number in the IANA registry "TLS Cipher
// Suites".
type Suite uint16

// The suites with a pre-shared key. Transport 1.1.1, "Pre-Shared Keys", asks a server for
// the first and the last; Leshan prefers GCM.
const (
	PSKWithAES128CCM8      Suite = 0xc0a8 // TLS_PSK_WITH_AES_128_CCM_8, RFC 6655
	PSKWithAES128CCM       Suite = 0xc0a4 // TLS_PSK_WITH_AES_128_CCM, RFC 6655
	PSKWithAES128GCMSHA256 Suite = 0x00a8 // TLS_PSK_WITH_AES_128_GCM_SHA256, RFC 5487
	PSKWithAES128CBCSHA256 Suite = 0x00ae // TLS_PSK_WITH_AES_128_CBC_SHA256, RFC 5487
)

var suiteNames = map[Suite]string{
	PSKWithAES128CCM8:      "TLS_PSK_WITH_AES_128_CCM_8",
	PSKWithAES128CCM:       "TLS_PSK_WITH_AES_128_CCM",
	PSKWithAES128GCMSHA256: "TLS_PSK_WITH_AES_128_GCM_SHA256",
	PSKWithAES128CBCSHA256: "TLS_PSK_WITH_AES_128_CBC_SHA256",
}

// Suites are all the suites there are, which are those that [ListenDTLS] accepts and
// [DialDTLS] offers.
func Suites() []Suite {
	return []Suite{PSKWithAES128CCM8, PSKWithAES128CCM, PSKWithAES128GCMSHA256, PSKWithAES128CBCSHA256}
}

// String is the name in the registry, such as "TLS_PSK_WITH_AES_128_CCM_8".
func (s Suite) String() string {
	if name, ok := suiteNames[s]; ok {
		return name
	}
	return fmt.Sprintf("suite 0x%04x", uint16(s))
}
