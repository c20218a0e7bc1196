package importer

import (
	"encoding/json"

	"lwbs/lwm2m"
	"lwbs/store"
)

// leshanSecurity reads one entry of the answer of GET /api/security/clients: since
// 2.0.0-M8 with a member tls or oscore, before that with psk, rpk or x509.
func leshanSecurity(source string, raw json.RawMessage) draft {
	d := draft{Entry: Entry{Source: source}}
	d.readLeshanSecurity(raw)
	return d
}

func (d *draft) readLeshanSecurity(raw json.RawMessage) {
	var entry fields
	if err := json.Unmarshal(raw, &entry); err != nil {
		d.refuse(err)
		return
	}
	var (
		endpoint, mode string
		psk            fields
		tls, rpk       fields
		x509           flag
		oscore         fields
	)
	err := entry.takeAll(map[string]any{"endpoint": &endpoint, "psk": &psk, "tls": &tls, "rpk": &rpk, "x509": &x509, "oscore": &oscore})
	if err == nil && tls != nil {
		if err = tls.take("mode", &mode); err == nil && mode == "psk" {
			err = tls.take("details", &psk)
		}
	}
	d.Device.Endpoint = lwm2m.EndpointName(endpoint)
	switch {
	case err != nil:
	case d.Device.Endpoint.Validate() != nil:
		err = d.Device.Endpoint.Validate()
	case psk != nil:
		err = d.credential(psk)
	case mode == "x509" || bool(x509):
		d.hasCertificate()
	case mode == "rpk" || rpk != nil:
		err = wrong("it authenticates with a raw public key, which lwbs does not support: give it a pre-shared key or a certificate")
	case oscore != nil:
		err = wrong("it authenticates with OSCORE, which lwbs does not support: give it a pre-shared key or a certificate")
	default:
		err = wrong("it tells no way to authenticate that is known here")
	}
	if err != nil {
		d.refuse(err)
	}
	if d.strict {
		d.ignored("", entry)
		d.ignored("tls.", tls)
		d.ignored("details.", psk)
	}
}

// credential reads the members identity and key of psk.
func (d *draft) credential(psk fields) error {
	var identity, key string
	if err := psk.takeAll(map[string]any{"identity": &identity, "key": &key}); err != nil {
		return err
	}
	b, err := hexOf(key)
	if err != nil {
		return wrong("its key is not hexadecimal")
	}
	return d.authenticates([]byte(identity), b)
}

// authenticates gives the device a pre-shared key for its Bootstrap-Server.
func (d *draft) authenticates(identity, key []byte) error {
	d.Device.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: string(identity), Key: lwm2m.NewSecret(key)}}
	return (store.Device{Endpoint: d.Device.Endpoint, Profile: "any", Credentials: d.Device.Credentials}).Validate()
}

// hasCertificate says that the device authenticates with a certificate for its name, as Leshan
// requires.
func (d *draft) hasCertificate() {
	d.Device.Credentials = []store.Credential{{Kind: store.CredentialCertificateName, Identity: string(d.Device.Endpoint)}}
	d.changed("authenticates with a certificate for its name: serve needs the CA that issued it with --tls-client-ca")
}
