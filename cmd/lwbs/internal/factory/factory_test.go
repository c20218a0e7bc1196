package factory

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// key is that of all devices of the tests.
const key = "00112233445566778899aabbccddeeff"

// device comes over DTLS with an identity that is its name.
func device(ep, server string) Device {
	d := Device{Endpoint: lwm2m.EndpointName(ep), KeyLength: 16, SecurityTag: new(uint32(42)),
		Server: lwm2m.SecurityInstance{BootstrapServer: true, ServerURI: server, PublicKeyOrIdentity: []byte(ep)}}
	b, _ := hex.DecodeString(key)
	d.Server.SecretKey = lwm2m.NewSecret(b)
	return d
}

// plain comes over plain CoAP.
func plain(ep, server string) Device {
	return Device{Endpoint: lwm2m.EndpointName(ep), Server: lwm2m.SecurityInstance{BootstrapServer: true, ServerURI: server, Mode: lwm2m.SecurityNoSec}}
}

// Each client finds its own words.
func TestForms(t *testing.T) {
	long := device(strings.Repeat("m", 33), "coaps://b.example")
	for _, tt := range []struct {
		form   string
		device Device
		want   string
	}{
		{"anjay", device("meter-1", "coaps://b.example:5700"), "anjay-demo -e meter-1 --bootstrap -u coaps://b.example:5700 -s psk -i 6d657465722d31 -k " + key},
		{"anjay", plain("it's one", "coap://b.example"), `anjay-demo -e 'it'\''s one' --bootstrap -u coap://b.example -s nosec`},
		{"leshan", device("urn:imei:1", "coaps://b.example"), "java -jar leshan-demo-client.jar -b -n urn:imei:1 -u b.example:5684 -i urn:imei:1 -p " + key},
		{"leshan", plain("m", "coap://[2001:db8::1]"), "java -jar leshan-demo-client.jar -b -n m -u '[2001:db8::1]:5683'"},
		{"wakaama", device("m", "coaps://192.0.2.1"), "lwm2mclient_tinydtls -4 -b -n m -h 192.0.2.1 -p 5684 -i m -s " + key},
		{"wakaama", plain("m", "coap://[2001:db8::1]:7"), "lwm2mclient -b -n m -h 2001:db8::1 -p 7"},
		{"zephyr", device("m", "coaps://b.example"), "CONFIG_LWM2M_RD_CLIENT_SUPPORT_BOOTSTRAP=y\nCONFIG_NET_SAMPLE_LWM2M_SERVER=\"coaps://b.example\"\nCONFIG_NET_SAMPLE_LWM2M_ID=\"m\"\n" +
			"CONFIG_LWM2M_DTLS_SUPPORT=y\nCONFIG_NET_SAMPLE_LWM2M_PSK=\"" + key + `"`},
		{"zephyr", long, "CONFIG_LWM2M_RD_CLIENT_SUPPORT_BOOTSTRAP=y\nCONFIG_NET_SAMPLE_LWM2M_SERVER=\"coaps://b.example\"\nCONFIG_NET_SAMPLE_LWM2M_ID=\"" + string(long.Endpoint) + "\"\n" +
			"CONFIG_LWM2M_RD_CLIENT_ENDPOINT_NAME_MAX_LENGTH=34\nCONFIG_LWM2M_DTLS_SUPPORT=y\nCONFIG_NET_SAMPLE_LWM2M_PSK=\"" + key + "\"\nCONFIG_LWM2M_SECURITY_KEY_SIZE=33"},
		{"at-nrf91", device("m", "coaps://b.example"), "AT+CFUN=4\nAT%CMNG=0,42,4,\"m\"\nAT%CMNG=0,42,3,\"" + key + `"`},
	} {
		f, ok := Find(tt.form)
		if !ok {
			t.Fatalf("no form %s", tt.form)
		}
		if got, err := f.Write(tt.device); err != nil || string(got) != tt.want+"\n" {
			t.Errorf("%s: %v\n%s\nwant\n%s", tt.form, err, got, tt.want)
		}
	}
}

// The Security Instance can be read again.
func TestFormsOfTheInstance(t *testing.T) {
	d := device("m", "coaps://b.example")
	for name, format := range map[string]lwm2m.Format{"senml-cbor": lwm2m.FormatSenMLCBOR, "senml-json": lwm2m.FormatSenMLJSON} {
		f, _ := Find(name)
		b, err := f.Write(d)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := content.Decode(format, lwm2m.InstancePath(0, 0), b)
		if err != nil || len(objects) != 1 || len(objects[0].Instances) != 1 {
			t.Fatalf("%s: %v, %v", name, objects, err)
		}
		s, err := lwm2m.SecurityFrom(objects[0].Instances[0])
		if err != nil || s.ServerURI != d.Server.ServerURI || !s.BootstrapServer || !s.SecretKey.Equal(d.Server.SecretKey) || string(s.PublicKeyOrIdentity) != "m" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// A key that is not to be shown is in no form; what is of no use without it is not written.
func TestHiddenKey(t *testing.T) {
	d := device("m", "coaps://b.example")
	d.Server.SecretKey = lwm2m.Secret{}
	for _, f := range Forms() {
		b, err := f.Write(d)
		switch {
		case strings.HasPrefix(f.Name, "senml"):
			if !errors.Is(err, ErrHidden) {
				t.Errorf("%s: %v", f.Name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", f.Name, err)
		case f.Name == "json":
			var got map[string]any
			if err := json.Unmarshal(b, &got); err != nil || got["key"] != nil || got["keyLength"] != 16.0 || got["identity"] != "m" {
				t.Errorf("%v, %v", got, err)
			}
		case !strings.Contains(string(b), "KEY-OF-16-BYTES-IN-HEX"):
			t.Errorf("%s does not say where the key goes: %s", f.Name, b)
		}
	}
}

// What a form cannot carry is refused, and not changed.
func TestWhatFormsCannotCarry(t *testing.T) {
	other := device("m", "coaps://b.example")
	other.Server.PublicKeyOrIdentity = []byte("other")
	binary := device("m", "coaps://b.example")
	binary.Server.PublicKeyOrIdentity = []byte{'m', 0xff}
	quoted := device(`m"; AT`, "coaps://b.example")
	untagged := device("m", "coaps://b.example")
	untagged.SecurityTag = nil
	for _, tt := range []struct {
		form   string
		device Device
		want   string
	}{
		{"zephyr", other, "differ"},
		{"leshan", binary, "byte 0xff"},
		{"wakaama", binary, "byte 0xff"},
		{"at-nrf91", quoted, "byte 0x22"},
		{"at-nrf91", untagged, "--security-tag is missing"},
		{"at-nrf91", plain("m", "coap://b.example"), "no key"},
		{"zephyr", plain("m\\n", "coap://b.example"), "byte 0x5c"},
	} {
		f, _ := Find(tt.form)
		if b, err := f.Write(tt.device); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v; want an error with %q", tt.form, b, err, tt.want)
		}
	}
}

// An address that no client can use is refused.
func TestCheckOfTheAddress(t *testing.T) {
	for uri, good := range map[string]bool{
		"coaps://b.example": true, "coaps://b.example:5683": true, "coaps://": false, "coaps://b:99999": false, "coaps://user@b": false, "coaps://2001:db8::1": false,
	} {
		warnings, err := device("m", uri).Check()
		if good != (err == nil) {
			t.Errorf("%s: %v", uri, err)
		}
		if warned := len(warnings) > 0; err == nil && warned != strings.HasSuffix(uri, "5683") {
			t.Errorf("%s: warnings %q", uri, warnings)
		}
	}
}
