package importer

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// leshanConfig reads one BootstrapConfig, as org.eclipse.leshan.bsserver.BootstrapConfig
// describes it, of this endpoint.
func leshanConfig(source, endpoint string, raw json.RawMessage) draft {
	d := draft{Entry: Entry{Source: source, Device: store.Device{Endpoint: lwm2m.EndpointName(endpoint)}}}
	if err := d.Device.Endpoint.Validate(); err != nil {
		d.refuse(err)
		return d
	}
	var config fields
	if err := json.Unmarshal(raw, &config); err != nil {
		d.refuse(err)
		return d
	}
	if err := d.leshanConfig(config); err != nil {
		d.refuse(err)
	}
	return d
}

func (d *draft) leshanConfig(config fields) error {
	var (
		format                  json.RawMessage
		deletes                 []string
		security, servers, acls map[number]fields
		oscore                  map[number]fields
		auto                    bool
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

// ignored tells of members that nobody took.
func (d *draft) ignored(where string, f fields) {
	for _, name := range f.left() {
		d.changed(fmt.Sprintf("%s%s is not known here, and left out", where, name))
	}
}

// leshanAccounts joins each LwM2M Server's security and server entries by the Short
// Server ID, as Leshan's DefaultConfigurationChecker does.
func (d *draft) leshanAccounts(security, servers, oscore map[number]fields) error {
	objects := make(map[number]fields, len(servers)) // by Short Server ID
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
func (d *draft) leshanAccount(security fields, objects, oscore map[number]fields) error {
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

// leshanOSCORE reads an OscoreObject. The identifiers, which are the device's own,
// become variables of it.
func (d *draft) leshanOSCORE(f fields, ssid lwm2m.ShortServerID, keys *store.AccountKeys) (*store.OSCORE, error) {
	var secret, sender, recipient, salt octets
	var aead, hmac number
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
		AEADAlgorithm: int(aead), HMACAlgorithm: int(hmac), MasterSalt: salt,
	}, nil
}

// bootstrapAccount takes the device's own key from its Bootstrap-Server Account, which
// is not written: the one on the device stays as it is.
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

// A securityObject is Object 0 as peers describe it.
type securityObject struct {
	uri, mode string // mode in the words of profiles
	bootstrap bool
	ssid      number
	oscore    *number // its entry among the OSCORE contexts

	identity, serverKey, key octets
	resources                map[lwm2m.ResourceID]store.Literal
}

// account is the account of a LwM2M Server, its URI not yet a template.
func (s securityObject) account() store.Account {
	a := store.Account{URI: s.uri, ShortServerID: shortServerID(s.ssid), Security: s.mode, SecurityResources: s.resources}
	if s.mode == "rpk" || s.mode == "certificate" {
		a.ServerPublicKey = s.serverKey
	}
	return a
}

// shortServerID is n, or 0, which no account can have, where it cannot be one.
func shortServerID(n number) lwm2m.ShortServerID {
	if n < 0 || n > lwm2m.MaxID {
		return 0
	}
	return lwm2m.ShortServerID(n)
}

// leshanModes are the words of profiles for those of Leshan's SecurityMode.
var leshanModes = map[string]string{"PSK": "psk", "RPK": "rpk", "X509": "certificate", "NO_SEC": "nosec"}

// Codes of Leshan's enumerations.
var (
	leshanSMSModes = map[string]int64{"RESERVED": 0, "SPS_DEVICE": 1, "SPS_SMARTCARD": 2, "NO_SEC": 3, "PROPRIETARY": 255}
	leshanMatching = map[string]int64{"EXACT_MATCH": 0, "SHA256": 1, "SHA384": 2, "SHA512": 3}
	leshanUsages   = map[string]int64{"CA_CONSTRAINT": 0, "SERVICE_CERTIFICATE_CONSTRAINT": 1, "TRUST_ANCHOR_ASSERTION": 2, "DOMAIN_ISSUER_CERTIFICATE": 3}
)

func leshanSecurityObject(f fields) (securityObject, error) {
	s := securityObject{resources: make(map[lwm2m.ResourceID]store.Literal)}
	var (
		mode, smsMode, smsNumber, matching, usage, sni string
		smsParameters, smsKey                          octets
		holdOff, timeout                               number
		suites                                         []cipherSuite
	)
	err := f.takeAll(map[string]any{
		"uri": &s.uri, "bootstrapServer": &s.bootstrap, "securityMode": &mode, "serverId": &s.ssid,
		"publicKeyOrId": &s.identity, "serverPublicKeyOrId": &s.serverKey, "secretKey": &s.key,
		"smsSecurityMode": &smsMode, "smsBindingKeyParam": &smsParameters, "smsBindingKeySecret": &smsKey, "serverSmsNumber": &smsNumber,
		"clientOldOffTime": &holdOff, "bootstrapServerAccountTimeout": &timeout, "oscoreSecurityMode": &s.oscore,
		"matchingType": &matching, "certificateUsage": &usage, "sni": &sni, "cipherSuite": &suites,
	})
	if err == nil {
		err = f.take("serverPublicKey", &s.serverKey) // serverPublicKeyOrId before 1.0
	}
	if err != nil {
		return s, err
	}
	var ok bool
	switch s.mode, ok = leshanModes[mode]; {
	case !ok:
		return s, wrong("security mode %q cannot be imported", mode)
	case len(smsParameters)+len(smsKey) > 0:
		return s, wrong("it has keys for SMS, which cannot be imported")
	}
	for _, r := range []struct {
		id    lwm2m.ResourceID
		word  string
		codes map[string]int64
		usual string // what Leshan writes of itself, and no device needs
	}{
		{6, smsMode, leshanSMSModes, "NO_SEC"},
		{13, matching, leshanMatching, ""},
		{15, usage, leshanUsages, ""},
	} {
		if r.word == "" || r.word == r.usual {
			continue
		}
		code, ok := r.codes[r.word]
		if !ok {
			return s, wrong("%q is not a word of Resource 0/x/%d", r.word, r.id)
		}
		s.resources[r.id] = numberLiteral(code)
	}
	setText(s.resources, 9, smsNumber)
	setText(s.resources, 14, sni)
	if len(suites) > 0 {
		list := make(map[lwm2m.ResourceInstanceID]store.Literal, len(suites))
		for i, suite := range suites {
			list[lwm2m.ResourceInstanceID(i)] = numberLiteral(int64(suite))
		}
		s.resources[16] = store.Literal{Instances: list}
	}
	return s, nil
}

// A cipherSuite is a number, alone or as Jackson writes CipherSuiteId.
type cipherSuite number

func (c *cipherSuite) UnmarshalJSON(b []byte) error {
	var f fields
	if json.Unmarshal(b, &f) == nil {
		return f.take("valueForSecurityObject", (*number)(c))
	}
	return json.Unmarshal(b, (*number)(c))
}

// A binding is text such as "UQ", or a list of the letters.
type binding string

func (v *binding) UnmarshalJSON(b []byte) error {
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*v = ""
		for _, letter := range list {
			*v += binding(letter)
		}
		return nil
	}
	return json.Unmarshal(b, (*string)(v))
}

// leshanServerObject reads Object 1, but for the Short Server ID, into a.
func leshanServerObject(f fields, a *store.Account) error {
	var (
		lifetime  number
		bind      binding
		preferred string
		apn       *number
	)
	err := f.takeAll(map[string]any{"lifetime": &lifetime, "binding": &bind, "notifIfDisabled": &a.NotificationStoring,
		"apnLink": &apn, "preferredTransport": &preferred})
	if err != nil {
		return err
	}
	if lifetime < 0 || lifetime > 1<<31-1 {
		return wrong("lifetime %d is not possible", lifetime)
	}
	a.Lifetime, a.Binding = store.Duration(time.Duration(lifetime)*time.Second), string(bind)
	a.ServerResources = make(map[lwm2m.ResourceID]store.Literal)
	for id, name := range leshanNumbers {
		var n *number
		if err := f.take(name, &n); err != nil {
			return err
		}
		if n != nil {
			a.ServerResources[id] = numberLiteral(int64(*n))
		}
	}
	for id, name := range leshanBooleans {
		var b *bool
		if err := f.take(name, &b); err != nil {
			return err
		}
		if b != nil {
			a.ServerResources[id] = store.Literal{Boolean: b}
		}
	}
	if apn != nil {
		setText(a.ServerResources, 10, fmt.Sprintf("11:%d", *apn))
	}
	setText(a.ServerResources, 22, preferred)
	return nil
}

// Members of Leshan's ServerConfig by their Resource; the capitals are Leshan's.
var (
	leshanNumbers = map[lwm2m.ResourceID]string{
		2: "defaultMinPeriod", 3: "defaultMaxPeriod", 5: "disableTimeout", 13: "registrationPriority", 14: "initialDelay",
		17: "communicationRetryCount", 18: "CommunicationRetryTimer", 19: "SequenceDelayTimer", 20: "SequenceRetryCount",
	}
	leshanBooleans = map[lwm2m.ResourceID]string{15: "registrationFailure", 16: "bootstrapOnRegistrationFailure", 21: "trigger", 23: "muteSend"}
)

func leshanAccessControl(f fields) (store.AccessControl, error) {
	var object, instance number
	owner := number(lwm2m.MaxID)
	var rights map[number]number
	err := f.takeAll(map[string]any{"objectId": &object, "objectInstanceId": &instance, "AccessControlOwner": &owner, "acls": &rights})
	if err != nil {
		return store.AccessControl{}, err
	}
	for _, n := range []number{object, instance, owner} {
		if n < 0 || n > lwm2m.MaxID {
			return store.AccessControl{}, wrong("%d is not within 0 to %d", n, lwm2m.MaxID)
		}
	}
	out := store.AccessControl{Object: lwm2m.ObjectID(object), Instance: lwm2m.InstanceID(instance), Owner: uint16(owner), Rights: make(map[uint16]uint8)}
	for ssid, bits := range rights {
		if ssid < 0 || ssid > lwm2m.MaxID || bits < 0 || bits > 31 {
			return out, wrong("rights %d of server %d are not possible", bits, ssid)
		}
		out.Rights[uint16(ssid)] = uint8(bits)
	}
	return out, nil
}

// leshanFormat is the word of profiles for a ContentFormat, which is an object with a
// code, a number or a name.
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
	if code < 0 || code > lwm2m.MaxID || !lwm2m.FormatNumber(uint16(code)).Writable() {
		return "", wrong("content format %d cannot be written here", code)
	}
	return lwm2m.FormatNumber(uint16(code)).String(), nil
}

var leshanFormats = map[string]string{"TLV": "tlv", "SENML_JSON": "senml-json", "SENML_CBOR": "senml-cbor"}

func numberLiteral(n int64) store.Literal {
	v := json.Number(strconv.FormatInt(n, 10))
	return store.Literal{Number: &v}
}

func setText(into map[lwm2m.ResourceID]store.Literal, id lwm2m.ResourceID, text string) {
	if text != "" {
		into[id] = store.Literal{Text: &text}
	}
}
