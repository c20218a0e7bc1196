package check_test

import (
	"strings"
	"testing"

	"lwbs/lwm2m/check"
)

// What no client can use as the address of a server is refused, what many cannot is
// warned of, and the rest is not spoken of (RFC 3986, RFC 7252 §6).
func TestServerURI(t *testing.T) {
	const good = ""
	tests := map[string]string{ // in the finding; "warning: …"
		"coaps://dm.example":                              good,
		"coaps://dm.example:5684":                         good,
		"coaps://dm.example:5684/":                        good,
		"coaps://dm.example:65535":                        good,
		"coaps://192.0.2.1:15684":                         good,
		"coaps://[2001:db8::1]":                           good,
		"coaps://[2001:db8::1]:5684":                      good,
		"coaps://[::ffff:192.0.2.1]":                      good,
		"coaps://127.0.0.1":                               good,
		"coaps://localhost":                               good,
		"coaps://a":                                       good,
		"coaps://3com.example":                            good,
		"coaps://1a":                                      good,
		"coaps://a.1b":                                    good,
		"coaps://xn--bcher-kva.example":                   good,
		"coaps://" + strings.Repeat("a", 63) + ".b":       good,
		"coaps+tcp://dm.example":                          good,
		"":                                                "is not a server URI such as",
		"coaps":                                           "is not a server URI such as",
		"coaps:dm.example":                                "is not a server URI such as",
		"coaps:/dm.example":                               "is not a server URI such as",
		"coaps://":                                        "is not a server URI such as",
		"coaps:///path":                                   "is not a server URI such as",
		"coaps://?q":                                      "is not a server URI such as",
		"coaps://:5684":                                   "has no host",
		"dm.example":                                      "is not a server URI such as",
		"http://dm.example":                               `scheme "http" is not coap`,
		"mqtts://dm.example":                              `scheme "mqtts" is not coap`,
		"coaps+ws://dm.example":                           "is not coap, coaps, coap+tcp or coaps+tcp",
		"coap://dm.example":                               "goes with security mode NoSec only",
		"coap+tcp://dm.example":                           "goes with security mode NoSec only",
		"COAPS://dm.example":                              "warning: scheme \"COAPS\" has capitals",
		"coaps://user@dm.example":                         `has the user "user" in front of the host`,
		"coaps://user:secret@dm.example":                  "in front of the host",
		"coaps://@dm.example":                             "in front of the host",
		"coaps://999.1.1.1":                               "looks like an IPv4 address and is none",
		"coaps://1.2.3":                                   "looks like an IPv4 address and is none",
		"coaps://1.2.3.4.5":                               "looks like an IPv4 address and is none",
		"coaps://010.0.0.1":                               "looks like an IPv4 address and is none",
		"coaps://2130706433":                              "looks like an IPv4 address and is none",
		"coaps://dm.example.7":                            "looks like an IPv4 address and is none",
		"coaps://0x7f.0.0.0x1":                            "looks like an IPv4 address and is none",
		"coaps://192.0.2.1.":                              "looks like an IPv4 address and is none",
		"coaps://0.0.0.0":                                 "the address of no host",
		"coaps://[::]":                                    "the address of no host",
		"coaps://224.0.1.187":                             "is a multicast address",
		"coaps://[ff02::fd]":                              "is a multicast address",
		"coaps://255.255.255.255":                         "is the broadcast address",
		"coaps://[fe80::1]":                               "warning: fe80::1 is link-local",
		"coaps://169.254.1.1":                             "warning: 169.254.1.1 is link-local",
		"coaps://2001:db8::1:5684":                        "write an IPv6 address in brackets",
		"coaps://2001:db8::1":                             "write an IPv6 address in brackets",
		"coaps://::1":                                     "write an IPv6 address in brackets",
		"coaps://dm.example:5684:5684":                    "has several colons",
		"coaps://[2001:db8::1":                            "is not closed",
		"coaps://[2001:db8::1]5684":                       `"5684" stands between the address and its port`,
		"coaps://[2001:db8:::1]":                          "is no IPv6 address",
		"coaps://[192.0.2.1]":                             "is no IPv6 address",
		"coaps://[dm.example]":                            "is no IPv6 address",
		"coaps://[v1.x]":                                  "is no IPv6 address",
		"coaps://[]":                                      "is no IPv6 address",
		"coaps://[fe80::1%25eth0]":                        "has a zone",
		"coaps://[fe80::1%eth0]":                          "without two hexadecimal digits",
		"coaps://dm.example:":                             "there is no port behind the colon: leave both out for 5684",
		"coaps://dm.example:0":                            `port "0" is not within 1 to 65535`,
		"coaps://dm.example:65536":                        `port "65536" is not within`,
		"coaps://dm.example:+5684":                        `port "+5684" is not within`,
		"coaps://dm.example:-1":                           `port "-1" is not within`,
		"coaps://dm.example:coaps":                        `port "coaps" is not within`,
		"coaps://dm.example:05684":                        "warning: port 05684 begins with a zero",
		"coaps://dm.example:5683":                         "warning: port 5683 is not that of coaps, which is 5684",
		"coaps://b\u00fccher.example":                     "write the host name in ASCII",
		"coaps://dm.example\u3002com":                     "write the host name in ASCII",
		"coaps://dm.example\u200b":                        "write the host name in ASCII",
		"coaps://dm.ex\xffample":                          "is not valid UTF-8",
		"coaps://dm example":                              "which no URI has",
		" coaps://dm.example":                             "which no URI has",
		"coaps://dm.example ":                             "which no URI has",
		"coaps://dm.example\n":                            "which no URI has",
		"coaps://dm.example\x00":                          "which no URI has",
		"coaps://<dm.example>":                            "which no URI has",
		`coaps:\\dm.example`:                              "which no URI has",
		"coaps://{host}":                                  "which no URI has",
		"coaps://dm%2eexample":                            "is percent-encoded",
		"coaps://dm.example/%zz":                          "without two hexadecimal digits",
		"coaps://dm.example/%4":                           "without two hexadecimal digits",
		"coaps://dm..example":                             "nothing between two dots",
		"coaps://.dm.example":                             "nothing between two dots",
		"coaps://.":                                       "nothing between two dots",
		"coaps://dm,example":                              "has more than letters, digits and hyphens",
		"coaps://*.example":                               "has more than letters, digits and hyphens",
		"coaps://" + strings.Repeat("a", 64):              "at most 63 are possible",
		"coaps://my_server.example":                       "warning: host name \"my_server.example\" has an underscore",
		"coaps://-dm.example":                             "warning: host name \"-dm.example\" has a hyphen",
		"coaps://dm-.example":                             "warning: host name \"dm-.example\" has a hyphen",
		"coaps://dm.example.":                             "warning: host name \"dm.example.\" ends with a dot",
		"coaps://dm.example#here":                         `has the fragment "#here"`,
		"coaps://dm.example/#":                            `has the fragment "#"`,
		"coaps://dm.example/rd":                           `warning: server URI has the path "/rd"`,
		"coaps://dm.example?tenant=7":                     `warning: server URI has the query "?tenant=7"`,
		"coaps://" + strings.Repeat("a.", 121) + "bcdef":  good,
		"coaps://" + strings.Repeat("a.", 121) + "bcdefg": "server URI has 256 bytes",
	}
	for uri, want := range tests {
		b := pskInfo()
		b.Accounts[0].Security.ServerURI = uri
		b.Accounts[0].Server.Binding = "UT"
		found := check.BootstrapInfo(b, check.Options{})
		text := ""
		for _, v := range found {
			if v.Warning {
				text += "warning: "
			}
			text += v.Message + "\n"
		}
		switch {
		case want == good && text != "":
			t.Errorf("%q: found %s", uri, text)
		case want != good && (len(found) != 1 || !strings.HasPrefix(want, "warning: ") == found[0].Warning || !strings.Contains(text, want)):
			t.Errorf("%q: found %q, want %q", uri, text, want)
		}
	}
}

// FuzzServerURI: whatever the text, a finding is one line, and what is taken has a host.
func FuzzServerURI(f *testing.F) {
	for _, uri := range []string{"coaps://dm.example:5684", "coap://[::1]:5683/a?b#c", "coaps://a@b:c", "coaps://[fe80::1%25eth0]", "coaps://%41", "://", "coaps://b\u00fccher"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		b := pskInfo()
		b.Accounts[0].Security.ServerURI = uri
		good := true
		for _, v := range check.BootstrapInfo(b, check.Options{}) {
			good = good && v.Warning
			if strings.ContainsAny(v.Message, "\n\r\x00") {
				t.Errorf("%q: the finding %q is more than one line", uri, v.Message)
			}
		}
		if good && !strings.HasPrefix(strings.ToLower(uri), "coaps://") {
			t.Errorf("%q is taken", uri)
		}
	})
}
