package store_test

import (
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A record of an LwM2M Server that cannot work is refused, with what is wrong.
func TestInvalidLwM2MServers(t *testing.T) {
	secret := lwm2m.NewSecret([]byte(strings.Repeat("s", 24)))
	for _, tt := range []struct {
		told string
		s    store.LwM2MServer
	}{
		{"", store.LwM2MServer{Kind: store.KindLeshan, Address: "http://127.0.0.1:8080/base/"}},
		{"", store.LwM2MServer{Kind: store.KindWebhook, Address: "https://a.example/?x=1", Secret: secret}},
		{"", store.LwM2MServer{Kind: store.KindPSKFile, Address: "/etc/mosquitto/keys.psk"}},
		{"kind", store.LwM2MServer{Kind: "other", Address: "https://a.example"}},
		{"no http or https URL", store.LwM2MServer{Kind: store.KindLeshan, Address: "a.example:8080"}},
		{"no http or https URL", store.LwM2MServer{Kind: store.KindLeshan, Address: "unix:///run/lwbs.sock"}},
		{"a user or a password in it", store.LwM2MServer{Kind: store.KindLeshan, Address: "http://u:p@a.example"}},
		{"a query", store.LwM2MServer{Kind: store.KindLeshan, Address: "http://a.example/?x=1"}},
		{"0 bytes", store.LwM2MServer{Kind: store.KindWebhook, Address: "https://a.example"}},
		{"5 bytes", store.LwM2MServer{Kind: store.KindWebhook, Address: "https://a.example", Secret: secret, Former: lwm2m.NewSecret([]byte("short"))}},
		{"needs an API key", store.LwM2MServer{Kind: store.KindThingsBoard, Address: "https://a.example", User: "u"}},
		{"has no user and no secret", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Secret: secret}},
		{"former secret", store.LwM2MServer{Kind: store.KindThingsBoard, Address: "https://a.example", Secret: secret, Former: secret}},
		{"absolute path", store.LwM2MServer{Kind: store.KindPSKFile, Address: "keys.psk"}},
		{"has no headers", store.LwM2MServer{Kind: store.KindPSKFile, Address: "/keys.psk", Headers: map[string]lwm2m.Secret{"A": secret}}},
		{"arguments", store.LwM2MServer{Kind: store.KindPSKFile, Address: "/keys.psk", Arguments: []string{"x"}}},
		{"header \"X Y\"", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Headers: map[string]lwm2m.Secret{"X Y": secret}}},
		{"control characters", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Headers: map[string]lwm2m.Secret{"X": lwm2m.NewSecret([]byte("a\r\nb"))}}},
		{"is set by lwbs", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Headers: map[string]lwm2m.Secret{"Content-Type": secret}}},
		{"is set by lwbs", store.LwM2MServer{Kind: store.KindThingsBoard, Address: "https://a.example", Secret: secret, Headers: map[string]lwm2m.Secret{"X-Authorization": secret}}},
		{"is set by lwbs", store.LwM2MServer{Kind: store.KindWebhook, Address: "https://a.example", Secret: secret, Headers: map[string]lwm2m.Secret{"Webhook-Signature": secret}}},
		{"is set by lwbs", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Headers: map[string]lwm2m.Secret{"Accept-Encoding": secret}}},
		{"canonical form, \"Host\"", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Headers: map[string]lwm2m.Secret{"host": secret}}},
		{"", store.LwM2MServer{Kind: store.KindThingsBoard, Address: "https://a.example", Secret: secret, Headers: map[string]lwm2m.Secret{"Authorization": secret}}},
		{"", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example:8087", User: "u", Secret: secret, Domain: "/company/meters/"}},
		{"", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/"}},
		{"needs a user and a password", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", Secret: secret, Domain: "/d/"}},
		{"needs a user and a password", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Domain: "/d/"}},
		{"needs the domain", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret}},
		{`domain "meters"`, store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "meters"}},
		{`domain "/meters"`, store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/meters"}},
		{`domain "/a//b/"`, store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/a//b/"}},
		{"domain \"/a\\n/\"", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/a\n/"}},
		{"domain of 302 bytes", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/" + strings.Repeat("a", 300) + "/"}},
		{"a domain is of kind coiote only", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Domain: "/d/"}},
		{"is set by lwbs", store.LwM2MServer{Kind: store.KindCoiote, Address: "https://a.example", User: "u", Secret: secret, Domain: "/d/", Headers: map[string]lwm2m.Secret{"Authorization": secret}}},
		{"CA certificate 1", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", CAs: [][]byte{{1}}}},
		{"time-out", store.LwM2MServer{Kind: store.KindLeshan, Address: "https://a.example", Timeout: store.Duration(time.Hour)}},
	} {
		tt.s.Name = "dm"
		if err := tt.s.Validate(); (err == nil) != (tt.told == "") || err != nil && !strings.Contains(err.Error(), tt.told) {
			t.Errorf("%+v: error %v, want %q", tt.s, err, tt.told)
		}
	}
	if err := (store.LwM2MServer{Kind: store.KindLeshan, Address: "http://a"}).Validate(); err == nil {
		t.Error("no name is accepted")
	}
}

func TestWebhookSecret(t *testing.T) {
	const text = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3" // of the library for Go of Standard Webhooks, and others: base64 behind a prefix
	s, err := store.ParseWebhookSecret(text)
	if err != nil || string(s.Reveal()) != "0123456789abcdef01234567" || store.FormatWebhookSecret(s) != text {
		t.Errorf("%q, %v", s.Reveal(), err)
	}
	for _, bad := range []string{"MDEyMw==", "whsec_*", ""} {
		if _, err := store.ParseWebhookSecret(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
