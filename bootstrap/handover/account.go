package handover

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An Account is how a device will come to an LwM2M Server.
type Account struct {
	Endpoint lwm2m.EndpointName

	URI           string              // Resource 0/x/0
	ShortServerID lwm2m.ShortServerID // Resource 0/x/10

	Mode      lwm2m.SecurityMode // Resource 0/x/2
	Identity  []byte             // Resource 0/x/3: PSK identity, public key or certificate, DER
	Key       lwm2m.Secret       // the PSK; the private key of a device is not for servers
	SenderID  []byte             // of OSCORE, the device's; with MasterSecret
	Recipient []byte             // of OSCORE, the device's
	Master    lwm2m.Secret       // of OSCORE; none without
}

// AccountOf is what a server is to be told of an account that a device is given.
func AccountOf(ep lwm2m.EndpointName, account lwm2m.ServerAccount, info lwm2m.BootstrapInfo) Account {
	s := account.Security
	a := Account{Endpoint: ep, URI: s.ServerURI, ShortServerID: s.ShortServerID, Mode: s.Mode, Identity: s.PublicKeyOrIdentity}
	if s.Mode == lwm2m.SecurityPSK {
		a.Key = s.SecretKey
	}
	if link := s.OSCORESecurityMode; link != nil {
		for _, o := range info.OSCORE {
			if o.ID == link.Instance {
				a.SenderID, a.Recipient, a.Master = o.SenderID, o.RecipientID, o.MasterSecret
			}
		}
	}
	return a
}

// handedOver is what a record says of a server that was told of a.
func (a Account) handedOver(server string) store.HandedOver {
	h := store.HandedOver{Server: server, Endpoint: a.Endpoint}
	if a.Mode == lwm2m.SecurityPSK {
		h.Identity = string(a.Identity)
	}
	return h
}

// pskText returns the identity as text, for servers that know no other.
func (a Account) pskText() (string, error) {
	if !utf8.Valid(a.Identity) {
		return "", refused("the identity of %s is not text, which this kind of server cannot take", a.Endpoint)
	}
	return string(a.Identity), nil
}

func hexOf(s lwm2m.Secret) string { return hex.EncodeToString(s.Reveal()) }

// modeNames are what our own messages call the modes.
var modeNames = map[lwm2m.SecurityMode]string{
	lwm2m.SecurityPSK: "psk", lwm2m.SecurityRPK: "rpk", lwm2m.SecurityCertificate: "certificate", lwm2m.SecurityNoSec: "nosec",
}

// An event is what webhooks and commands are told.
type event struct {
	Type string    `json:"type"`
	Data eventData `json:"data"`
}

type eventData struct {
	Endpoint      string `json:"endpoint"`
	Test          bool   `json:"test,omitempty"`
	URI           string `json:"uri,omitempty"`
	ShortServerID uint16 `json:"shortServerId,omitempty"`
	Security      string `json:"security,omitempty"`
	Identity      string `json:"identity,omitempty"`    // of a PSK, where it is text
	IdentityHex   string `json:"identityHex,omitempty"` // of a PSK
	KeyHex        string `json:"keyHex,omitempty"`      // the PSK
	PublicHex     string `json:"publicKeyHex,omitempty"`
	Certificate   string `json:"certificateHex,omitempty"` // DER
	OSCORE        *struct {
		MasterSecretHex string `json:"masterSecretHex"`
		SenderIDHex     string `json:"senderIdHex"`    // the device's
		RecipientIDHex  string `json:"recipientIdHex"` // the device's
	} `json:"oscore,omitempty"`
}

// Types of events.
const (
	eventCredentials = "device.credentials"
	eventRemoved     = "device.removed"
)

// message is the JSON of an account, or of its removal.
func (a Account) message(kind string) ([]byte, error) {
	e := event{Type: kind, Data: eventData{Endpoint: string(a.Endpoint), Test: a.Endpoint == TestEndpoint}}
	if kind == eventCredentials {
		d := &e.Data
		d.URI, d.ShortServerID, d.Security = a.URI, uint16(a.ShortServerID), modeNames[a.Mode]
		switch a.Mode {
		case lwm2m.SecurityPSK:
			d.IdentityHex, d.KeyHex = hex.EncodeToString(a.Identity), hexOf(a.Key)
			if utf8.Valid(a.Identity) {
				d.Identity = string(a.Identity)
			}
		case lwm2m.SecurityRPK:
			d.PublicHex = hex.EncodeToString(a.Identity)
		case lwm2m.SecurityCertificate:
			d.Certificate = hex.EncodeToString(a.Identity)
		}
		if a.Master.Len() > 0 {
			d.OSCORE = &struct {
				MasterSecretHex string `json:"masterSecretHex"`
				SenderIDHex     string `json:"senderIdHex"`
				RecipientIDHex  string `json:"recipientIdHex"`
			}{hexOf(a.Master), hex.EncodeToString(a.SenderID), hex.EncodeToString(a.Recipient)}
		}
	}
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b, nil
}

// secrets are those of a, which must not appear in an error.
func (a Account) secrets() []lwm2m.Secret { return []lwm2m.Secret{a.Key, a.Master} }

// TestEndpoint is the name of the device that a test of a server uses. No device should have it.
const TestEndpoint = "lwbs-hand-over-test"

// testAccount is that of TestEndpoint, with a random key.
func testAccount() Account {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // which never fails
	return Account{
		Endpoint: TestEndpoint, URI: "coaps://lwbs.invalid", ShortServerID: 1,
		Mode: lwm2m.SecurityPSK, Identity: []byte(TestEndpoint), Key: lwm2m.NewSecret(key),
	}
}
