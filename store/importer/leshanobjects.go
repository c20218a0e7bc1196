package importer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A securityObject is Object 0 as other servers describe it.
type securityObject struct {
	uri, mode string // mode in the words of profiles
	bootstrap flag
	ssid      number
	oscore    *number // its entry among the OSCORE contexts

	identity, serverKey, key octets
	resources                map[lwm2m.ResourceID]store.Literal
}

// account returns the account of an LwM2M Server; its URI is not yet a template.
func (s securityObject) account() store.Account {
	a := store.Account{URI: s.uri, ShortServerID: shortServerID(s.ssid), Security: s.mode, SecurityResources: s.resources}
	if s.mode == "rpk" || s.mode == "certificate" {
		a.ServerPublicKey = store.OctetsOf(s.serverKey)
	}
	return a
}

// shortServerID returns n, or 0, which no account can have, where n is out of range.
func shortServerID(n number) lwm2m.ShortServerID {
	if n < 0 || n > lwm2m.MaxID {
		return 0
	}
	return lwm2m.ShortServerID(n)
}

// leshanModes are the words of profiles for Leshan's SecurityMode.
var leshanModes = map[string]string{"PSK": "psk", "RPK": "rpk", "X509": "certificate", "NOSEC": "nosec", "0": "psk", "1": "rpk", "2": "certificate", "3": "nosec"}

// plainWord returns a word of Leshan in capitals, without separators.
func plainWord(w word) string {
	return withinWords.Replace(strings.ToUpper(string(w)))
}

var withinWords = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// The codes of Leshan's enumerations.
var (
	leshanSMSModes = map[string]int64{"RESERVED": 0, "SPS_DEVICE": 1, "SPS_SMARTCARD": 2, "NO_SEC": 3, "PROPRIETARY": 255}
	leshanMatching = map[string]int64{"EXACT_MATCH": 0, "SHA256": 1, "SHA384": 2, "SHA512": 3}
	leshanUsages   = map[string]int64{"CA_CONSTRAINT": 0, "SERVICE_CERTIFICATE_CONSTRAINT": 1, "TRUST_ANCHOR_ASSERTION": 2, "DOMAIN_ISSUER_CERTIFICATE": 3}
)

func leshanSecurityObject(f fields) (securityObject, error) {
	s := securityObject{resources: make(map[lwm2m.ResourceID]store.Literal)}
	var (
		mode, smsMode, smsNumber, matching, usage, sni word
		smsParameters, smsKey                          octets
		holdOff, timeout                               number // of a Bootstrap-Server Account, which is not written
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
		err = cmp.Or(
			f.take("serverPublicKey", &s.serverKey), // serverPublicKeyOrId before 1.0
			f.take("clientHoldOffTime", &holdOff),   // the correct spelling
		)
	}
	if err != nil {
		return s, err
	}
	var ok bool
	switch s.mode, ok = leshanModes[plainWord(mode)]; {
	case !ok:
		return s, wrong("securityMode %q is not one of PSK, RPK, X509 and NO_SEC", mode)
	case len(smsParameters)+len(smsKey) > 0:
		return s, wrong("smsBindingKeyParam and smsBindingKeySecret: keys for SMS are not supported")
	}
	if plainWord(smsMode) == "NOSEC" { // Leshan's default, which no device needs
		smsMode = ""
	}
	err = cmp.Or(
		setWord(s.resources, 6, smsMode, leshanSMSModes),
		setWord(s.resources, 13, matching, leshanMatching),
		setWord(s.resources, 15, usage, leshanUsages),
	)
	if err != nil {
		return s, err
	}
	setText(s.resources, 9, string(smsNumber))
	setText(s.resources, 14, string(sni))
	if len(suites) > 0 {
		list := make(map[lwm2m.ResourceInstanceID]store.Literal, len(suites))
		for i, suite := range suites {
			list[lwm2m.ResourceInstanceID(i)] = numberLiteral(int64(suite))
		}
		s.resources[16] = store.Literal{Instances: list}
	}
	return s, nil
}

// setWord sets a Resource to the code of a word, unless it is empty.
func setWord(into map[lwm2m.ResourceID]store.Literal, id lwm2m.ResourceID, w word, codes map[string]int64) error {
	if w == "" {
		return nil
	}
	for name, code := range codes {
		if plainWord(word(name)) == plainWord(w) || strconv.FormatInt(code, 10) == string(w) {
			into[id] = numberLiteral(code)
			return nil
		}
	}
	return wrong("%q is not a word of Resource 0/x/%d", w, id)
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

// maxSeconds is the greatest number of seconds that known clients accept.
const maxSeconds = 1<<31 - 1

// leshanServerObject reads Object 1 without the Short Server ID into a.
func leshanServerObject(f fields, a *store.Account) error {
	var (
		lifetime  *number
		bind      binding
		preferred word
		apn       *number
		storing   *flag
	)
	err := f.takeAll(map[string]any{"lifetime": &lifetime, "binding": &bind, "notifIfDisabled": &storing,
		"apnLink": &apn, "preferredTransport": &preferred})
	if err != nil {
		return err
	}
	a.NotificationStoring = (*bool)(storing)
	if lifetime != nil {
		if *lifetime < 0 || *lifetime > maxSeconds {
			return wrong("lifetime %d is not possible: want 0 to %d s", *lifetime, maxSeconds)
		}
		a.Lifetime = new(store.Duration(time.Duration(*lifetime) * time.Second))
	}
	a.Binding = string(bind)
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
		var b *flag
		if err := f.take(name, &b); err != nil {
			return err
		}
		if b != nil {
			a.ServerResources[id] = store.Literal{Boolean: (*bool)(b)}
		}
	}
	if apn != nil {
		setText(a.ServerResources, 10, fmt.Sprintf("11:%d", *apn))
	}
	setText(a.ServerResources, 22, string(preferred))
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
