package store

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"lwbs/lwm2m"
)

// A Revision counts the edits of one record, from 1. Zero stands for no record: a Put with
// revision zero creates one.
type Revision uint64

// A Device is the record of one Endpoint Client Name.
type Device struct {
	Endpoint lwm2m.EndpointName
	Revision Revision

	// Profile names what the device is given. Required.
	Profile string

	// Group names the group that enrolled the device, or whose keys or certificates it may come
	// with; empty for none.
	Group string

	// Disabled devices are refused, and their history says so.
	Disabled bool

	// NoSec permits this device to bootstrap over plain CoAP, without authentication. Default:
	// refused.
	NoSec bool

	// Credentials are the ways in which the device may authenticate; any one suffices. There are
	// several during a rotation. Identities are unique in the store.
	Credentials []Credential

	// Accounts holds this device's keys and identities in each account, by the account's name in
	// the profile.
	Accounts map[string]AccountKeys

	// Secrets are values of secret Resources in Objects other than Security and OSCORE, by the path
	// of the Resource, such as /11/0/6. The profile marks these Resources as supplied. Text is in
	// UTF-8.
	Secrets map[lwm2m.Path]lwm2m.Secret

	// Vars are values for the profile's templates, as {{.Vars.name}}.
	Vars map[string]string

	// Tags group devices for lists.
	Tags []string

	// Format overrides the content format of Writes; zero leaves it to the profile.
	Format lwm2m.Format

	// Note is free text of the operator.
	Note string

	// Written is what the device was given in earlier sessions.
	Written Written

	// Settings counts the edits of operators that changed what the device is given, its profile apart.
	Settings uint64

	// Holds is what the device was given last.
	Holds Holding

	// HandedOver is which LwM2M Servers may know the device, and by what. An edit that takes one of them
	// away has its server told to forget the device; to disable the record takes all away.
	HandedOver []HandedOver

	// Unknown is what a newer lwbs wrote into the stored record and this one does not know, as it is
	// stored; usually empty. An edit keeps it.
	Unknown string

	Created time.Time // set by the store
	Updated time.Time // set by the store
}

// Clone returns a copy that shares nothing with d.
func (d Device) Clone() Device {
	d.Credentials = slices.Clone(d.Credentials)
	d.Accounts = maps.Clone(d.Accounts)
	for name, a := range d.Accounts {
		a.Certificate = slices.Clone(a.Certificate)
		d.Accounts[name] = a
	}
	d.Secrets = maps.Clone(d.Secrets)
	d.Written = d.Written.clone()
	d.Vars = maps.Clone(d.Vars)
	d.Tags = slices.Clone(d.Tags)
	d.HandedOver = slices.Clone(d.HandedOver)
	return d
}

// HasUnknown reports whether d has members that only a newer lwbs knows.
func (d Device) HasUnknown() bool {
	unknown := d.Unknown != ""
	for _, c := range d.Credentials {
		unknown = unknown || c.Unknown != ""
	}
	for _, a := range d.Accounts {
		unknown = unknown || a.Unknown != ""
	}
	return unknown
}

// A CredentialKind is a way to authenticate to the Bootstrap-Server.
type CredentialKind string

// The kinds of credentials.
const (
	// CredentialPSK is a pre-shared key over DTLS.
	CredentialPSK CredentialKind = "psk"

	// CredentialCertificate is one X.509 certificate, of any issuer.
	CredentialCertificate CredentialKind = "certificate"

	// CredentialCertificateName is every X.509 certificate that a trusted CA issued for one name.
	CredentialCertificateName CredentialKind = "certificate-name"
)

// A Credential is one way a device may authenticate to the Bootstrap-Server.
type Credential struct {
	Kind CredentialKind

	// Identity is the PSK identity, 1 to 128 bytes as they stand in the
	// ClientKeyExchange, by convention the Endpoint Client Name; or the [Fingerprint] of
	// the certificate; or the name in it, 1 to 255 bytes of UTF-8.
	Identity string

	// Key is the pre-shared key, 1 to 64 bytes; none with certificates, and with a Group.
	Key lwm2m.Secret

	// Group, where not empty, is that of the device. With CredentialPSK the key is then not stored:
	// it is derived from a key of the group and Identity. With CredentialCertificateName the
	// certificate must be issued by a CA of the group, and not by one that the server trusts for
	// all.
	Group string

	// GroupKey is the ID of the key of the group with which the device came last; only with
	// CredentialPSK and Group. Zero is unknown.
	GroupKey int

	Created time.Time

	// Pending is set on a credential that replaces another, until the device has authenticated with
	// it. Until then both are accepted.
	Pending bool

	// Replaces is the PSK identity of the credential that is removed when the device authenticates
	// with this pending one; empty for none.
	Replaces string

	// URI is the address of the Bootstrap-Server that the device was given together with this
	// credential; empty for a credential that the operator added.
	URI string

	// Rotate is when an operator asked for another key in place of this one, which the device is given
	// when it bootstraps; zero for not. Only with CredentialPSK.
	Rotate time.Time

	// Expires is when the certificate expires that the device came with last; zero with
	// CredentialPSK, and where it has not come with one since this is recorded.
	Expires time.Time

	// Unknown is the same as in a [Device].
	Unknown string
}

// Limits of credentials, in bytes (LwM2M Core 1.1.1 Appendix E.1.1).
const (
	MaxIdentity        = 128
	MaxKey             = 64
	MaxCertificateName = 255
)

// Fingerprint is the SHA-256 of a certificate's DER form, in 64 lower-case hexadecimal
// digits.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// AccountKeys are the credentials that one device is given for one LwM2M Server. It does not
// bootstrap with them.
type AccountKeys struct {
	// Identity is the PSK identity, Resource 0/x/3, in place of the profile's template:
	// text, or bytes as "hex:…" or "base64:…". Empty leaves it to the profile.
	Identity string

	// Certificate is Resource 0/x/3 of an account with a certificate or a raw public key:
	// the X.509 certificate or the SubjectPublicKeyInfo, DER. Empty leaves it to the
	// profile.
	Certificate []byte

	// Key is Resource 0/x/5: the PSK, or a private key in PKCS#8 DER.
	Key lwm2m.Secret

	// MasterSecret is Resource 21/x/0 of an account that uses OSCORE.
	MasterSecret lwm2m.Secret

	// KeyMade is when Key, or MasterSecret where there is no Key, was generated; zero for a key that
	// was supplied, or generated before this was recorded.
	KeyMade time.Time

	// Pending is a key that was generated for a session which has not succeeded yet. It is given
	// again in the next one, as the device may have stored it. PendingMaster is the same for
	// MasterSecret. PendingMade is when they were generated.
	Pending       lwm2m.Secret
	PendingMaster lwm2m.Secret
	PendingMade   time.Time

	// Rotate is when an operator asked for another key in place of Key and MasterSecret, which the
	// device is given when it bootstraps; zero for not.
	Rotate time.Time

	// Delivered is when the device last accepted Key, or was sent it in a pack; zero for never.
	Delivered time.Time

	// Unknown is the same as in a [Device].
	Unknown string
}

// A DeviceQuery selects devices, in the order of their endpoint names.
type DeviceQuery struct {
	After   lwm2m.EndpointName // start behind this name; empty from the first
	Limit   int                // at most this many; zero means 100, at most 10,000
	Prefix  string             // endpoint name begins with this
	Profile string             // has this profile; empty for any
	Tag     string             // has this tag; empty for any
	Group   string             // is in this group; empty for any
}

// A Nearness says how two similar names differ.
type Nearness int

// The kinds of Nearness, the nearest first.
const (
	NotNear      Nearness = iota
	NearSpelling          // in letter case or separators, or equal
	NearPrefix            // in a prefix, such as urn:imei:
	NearTypo              // in one character, or two that are exchanged, and perhaps a prefix
)

// A NearDevice is a device with a similar name or identity.
type NearDevice struct {
	Endpoint lwm2m.EndpointName `json:"endpoint"`

	// Identity is the similar PSK identity or certificate name; empty where the endpoint name is
	// similar.
	Identity string `json:"identity,omitempty"`

	Nearness Nearness `json:"-"`
}
