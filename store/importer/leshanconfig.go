package importer

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
	"lwbs/store"
)

// leshanConfig reads the BootstrapConfig of an endpoint, as
// org.eclipse.leshan.bsserver.BootstrapConfig describes it.
func leshanConfig(source, endpoint string, raw json.RawMessage) draft {
	d := draft{Entry: Entry{Source: source, Device: store.Device{Endpoint: lwm2m.EndpointName(endpoint)}}}
	d.readLeshanConfig(raw)
	return d
}

func (d *draft) readLeshanConfig(raw json.RawMessage) {
	if err := d.Device.Endpoint.Validate(); err != nil {
		d.refuse(err)
		return
	}
	var config fields
	if err := json.Unmarshal(raw, &config); err != nil {
		d.refuse(err)
		return
	}
	if err := d.leshanConfig(config); err != nil {
		d.refuse(err)
	}
}

func (d *draft) leshanConfig(config fields) error {
	var (
		format                          json.RawMessage
		deletes                         list
		security, servers, acls, oscore numbered
		auto                            flag
	)
	err := config.takeAll(map[string]any{
		"contentFormat": &format, "toDelete": &deletes, "security": &security, "servers": &servers, "acls": &acls,
		"oscore": &oscore, "autoIdForSecurityObject": &auto,
	})
	if err != nil {
		return err
	}
	d.ignored("", config)
	if d.profile.Delete, err = deletePolicy(deletes, d); err != nil {
		return err
	}
	if d.profile.Format, err = leshanFormat(format); err != nil {
		return fmt.Errorf("contentFormat: %w", err)
	}
	if err := d.leshanAccounts(security, servers, oscore); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(acls)) {
		ac, err := leshanAccessControl(acls[id])
		if err != nil {
			return fmt.Errorf("acls %d: %w", id, err)
		}
		d.profile.AccessControl = append(d.profile.AccessControl, ac)
	}
	return nil
}

// ignored notes members that were not taken, or refuses the entry for them.
func (d *draft) ignored(where string, f fields) {
	for _, name := range f.left() {
		if d.strict {
			d.refuse(wrong("%s%s is not known here", where, name))
		}
		d.changed(fmt.Sprintf("%s%s is unknown and left out", where, name))
	}
}

// leshanAccounts joins each LwM2M Server's security and server entries by the Short
// Server ID, as Leshan's DefaultConfigurationChecker does.
func (d *draft) leshanAccounts(security, servers, oscore numbered) error {
	objects := make(numbered, len(servers)) // by Short Server ID
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		var ssid number
		if err := servers[id].take("shortId", &ssid); err != nil {
			return fmt.Errorf("servers %d: %w", id, err)
		}
		if _, ok := objects[ssid]; ok {
			return wrong("servers %d: a second one with the short ID %d", id, ssid)
		}
		objects[ssid] = servers[id]
	}
	for _, id := range slices.Sorted(maps.Keys(security)) {
		if err := d.leshanAccount(security[id], objects, oscore); err != nil {
			return fmt.Errorf("security %d: %w", id, err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(oscore)) {
		d.changed(fmt.Sprintf("oscore %d belongs to no account, and is left out", id))
	}
	for _, ssid := range slices.Sorted(maps.Keys(objects)) {
		return wrong("the server with the short ID %d has no security entry", ssid)
	}
	if len(d.profile.Accounts) == 0 {
		return wrong("it gives no account of a LwM2M Server: a device would have nowhere to go")
	}
	return nil
}

// leshanAccount reads one security entry, and the entries of the server and of the
// OSCORE context that belong to it.
func (d *draft) leshanAccount(security fields, objects, oscore numbered) error {
	s, err := leshanSecurityObject(security)
	if err != nil {
		return err
	}
	d.ignored("security.", security)
	if s.bootstrap {
		return d.bootstrapAccount(s)
	}
	server, ok := objects[s.ssid]
	if !ok {
		return wrong("no server has its short ID %d: a device could not register", s.ssid)
	}
	delete(objects, s.ssid)
	a := s.account()
	if err := leshanServerObject(server, &a); err != nil {
		return fmt.Errorf("server with the short ID %d: %w", s.ssid, err)
	}
	d.ignored("servers.", server)
	keys := store.AccountKeys{Identity: string(s.identity), Key: lwm2m.NewSecret(s.key)}
	if s.oscore != nil {
		context, ok := oscore[*s.oscore]
		if !ok {
			return wrong("there is no oscore %d, which it refers to", *s.oscore)
		}
		delete(oscore, *s.oscore)
		var err error
		if a.OSCORE, err = d.leshanOSCORE(context, a.ShortServerID, &keys); err != nil {
			return fmt.Errorf("oscore %d: %w", *s.oscore, err)
		}
	}
	return d.account(a, keys)
}

// leshanOSCORE reads an OscoreObject. The identifiers belong to the device, and become variables of
// it.
func (d *draft) leshanOSCORE(f fields, ssid lwm2m.ShortServerID, keys *store.AccountKeys) (*store.OSCORE, error) {
	var secret, sender, recipient, salt octets
	var aead, hmac *number
	err := f.takeAll(map[string]any{
		"oscoreMasterSecret": &secret, "oscoreSenderId": &sender, "oscoreRecipientId": &recipient, "oscoreMasterSalt": &salt,
		"oscoreAeadAlgorithm": &aead, "oscoreHmacAlgorithm": &hmac,
	})
	if err != nil {
		return nil, err
	}
	d.ignored("oscore.", f)
	keys.MasterSecret = lwm2m.NewSecret(secret)
	return &store.OSCORE{
		MasterSecret:  store.KeySupplied,
		SenderID:      d.variable(fmt.Sprintf("senderID%d", ssid), "hex:"+hex.EncodeToString(sender)),
		RecipientID:   d.variable(fmt.Sprintf("recipientID%d", ssid), "hex:"+hex.EncodeToString(recipient)),
		AEADAlgorithm: algorithm(aead), HMACAlgorithm: algorithm(hmac), MasterSalt: store.OctetsOf(salt),
	}, nil
}

// algorithm returns a number of COSE for a profile; nil for none.
func algorithm(n *number) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

// bootstrapAccount takes the device's key from its Bootstrap-Server Account. The account itself is
// not written: the one on the device stays as it is.
func (d *draft) bootstrapAccount(s securityObject) error {
	d.changed("its Bootstrap-Server Account (" + s.uri + ") is not written: the one on the device stays")
	if s.oscore != nil {
		return wrong("it authenticates with OSCORE, which lwbs does not support: give it a pre-shared key or a certificate")
	}
	switch s.mode {
	case "psk":
		return d.authenticates(s.identity, s.key)
	case "certificate":
		d.hasCertificate()
	case "rpk":
		return wrong("it authenticates with a raw public key, which lwbs does not support: give it a pre-shared key or a certificate")
	}
	return nil
}

// leshanFormat returns the word of profiles for a ContentFormat, which is an object with a code, a
// number or a name.
func leshanFormat(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var object struct{ Code *number }
	var code number
	var name string
	switch {
	case json.Unmarshal(raw, &object) == nil && object.Code != nil:
		code = *object.Code
	case json.Unmarshal(raw, &name) == nil && name != "":
		if word, ok := leshanFormats[name]; ok {
			return word, nil
		}
		return "", wrong("%q cannot be written here", name)
	case json.Unmarshal(raw, &code) != nil:
		return "", wrong("it does not hold what belongs there")
	}
	if code < 0 || code > lwm2m.MaxID || !content.Writable(lwm2m.FormatNumber(uint16(code))) {
		return "", wrong("content format %d cannot be written here", code)
	}
	return lwm2m.FormatNumber(uint16(code)).String(), nil
}

var leshanFormats = map[string]string{"TLV": "tlv", "SENML_JSON": "senml-json", "SENML_CBOR": "senml-cbor"}
