package devicefile

import "testing"

func TestLooksSecret(t *testing.T) {
	for text, want := range map[string]bool{
		"00112233445566778899aabbccddeeff":                true,
		"00112233445566778899AABBCCDDEEF":                 true, // a digit is missing
		"00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff": true,
		"0x00,0x11,0x22,0x33,0x44,0x55,0x66,0x77,0xab":    true,
		"{00:11:22:33:44:55:66:77:88:99:aa:bb}":           true,
		"12345678901234567890123456789012":                true,
		"AAECAwQFBgcICQoLDA0ODw==":                        true,
		"3q2+7wABAgMEBQYHCAkKCw":                          true,
		"490154203237518":                                 false, // IMEI
		"89490200001234567890":                            false, // ICCID
		"lwm2mClientPublicKeyOrIdentity":                  false,
		"LWM2M_BOOTSTRAP_SERVER_SECURITY_MODE":            false,
		"Endpoint Client Name":                            false,
		"registrationLifetime":                            false,
		"":                                                false,
	} {
		if got := looksSecret(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
