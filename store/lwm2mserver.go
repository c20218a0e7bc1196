package store

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"net/textproto"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// An LwM2MServer is a server that is told the credentials of a device before the device is: the
// hand-over. An account of a profile names it.
type LwM2MServer struct {
	Name     string
	Revision Revision
	Kind     LwM2MServerKind

	// Address is the URL of its API, such as "http://leshan.example:8080"; for KindPSKFile the path of
	// the file, for KindCommand that of the program.
	Address string

	// Arguments are those of the program; only for KindCommand.
	Arguments []string

	// User is the name to log in with; only for KindThingsBoard, where it is empty if Secret is an API key, and
	// KindCoiote.
	User string

	// Domain is where devices are made, such as "/meters/": those in it or below it are told from devices of the
	// same name elsewhere. Only for KindCoiote.
	Domain string

	// Secret is the password of User, an API key, or for KindWebhook what requests are signed with.
	// Former, for KindWebhook only, signs them, too, while receivers change to Secret.
	Secret lwm2m.Secret
	Former lwm2m.Secret

	// Headers are sent with each request, by their canonical names, such as what a proxy before the
	// server asks for. Their values are secret.
	Headers map[string]lwm2m.Secret

	// CAs are the certificates, DER, that its certificate must be issued by; none for those that the
	// system trusts.
	CAs [][]byte

	// Timeout limits one hand-over with its repetitions. Zero is DefaultHandOverTimeout.
	Timeout Duration

	// AllowLinkLocal permits addresses of the link and of the metadata services of clouds, which may
	// give away what the machine is permitted to do.
	AllowLinkLocal bool

	// DeviceURI is where devices reach it, such as "coaps://dm-1.example.com:5684": what a device is given that is
	// assigned to it, unless the account of the profile has a URI. Empty where accounts have one.
	DeviceURI string

	// Weight is its share of the devices of an account with several Servers, 1 to MaxWeight. Zero is 1.
	Weight int

	// Draining takes new devices from it: those that are assigned to it are assigned another one at their next
	// bootstrap.
	Draining bool

	// Rate is how many devices a second may be told to go to it, 1 to MaxRate; zero for no limit.
	Rate int
	// OnDelete is what becomes of a device that it was told of when the record of the device is deleted or
	// disabled, or the account leaves the profile of the device.
	OnDelete OnDelete

	// Events are what it is told of beside accounts, whether accounts are handed over to it or not; only
	// for KindWebhook and KindCommand.
	Events []EventType

	// Note is free text of the operator.
	Note string

	// Unknown is the same as in a [Device].
	Unknown string

	Created time.Time // set by the store
	Updated time.Time // set by the store
}

// OnDelete is one of the constants below.
type OnDelete string

// What becomes of a device that an LwM2MServer was told of.
const (
	OnDeleteTell OnDelete = ""     // the server is told to forget it
	OnDeleteKeep OnDelete = "keep" // the server keeps it
)

// An LwM2MServerKind is how an LwM2MServer is told.
type LwM2MServerKind string

// The kinds.
const (
	KindWebhook     LwM2MServerKind = "webhook"     // Standard Webhooks 1.0
	KindLeshan      LwM2MServerKind = "leshan"      // the API of Leshan's server demo, 1.5 and 2.0
	KindThingsBoard LwM2MServerKind = "thingsboard" // the credentials of a device that is there
	KindCoiote      LwM2MServerKind = "coiote"      // a device of Coiote IoT DM, which is made where it is not there
	KindPSKFile     LwM2MServerKind = "psk-file"    // lines identity:hexkey, as mosquitto reads them
	KindCommand     LwM2MServerKind = "command"     // a program that reads JSON
	KindNone        LwM2MServerKind = "none"        // is not told: devices are only assigned to it
)

// LwM2MServerKinds are all kinds.
var LwM2MServerKinds = []LwM2MServerKind{KindWebhook, KindLeshan, KindThingsBoard, KindCoiote, KindPSKFile, KindCommand, KindNone}

// Limits of LwM2MServers.
const (
	DefaultHandOverTimeout = 8 * time.Second
	MaxHandOverTimeout     = 2 * time.Minute
	MaxLwM2MServers        = 1000
	MaxLwM2MServer         = 256 << 10 // bytes of its stored form
	MaxHeaders             = 32
	MaxDomain              = 255 // bytes
	MaxWeight              = 1000
	MaxRate                = 100_000 // a second
	MinWebhookSecret       = 24      // bytes
	MaxWebhookSecret       = 64      // bytes
)

// WebhookSecretPrefix begins the text form of the secret of a webhook; base64 follows.
const WebhookSecretPrefix = "whsec_"

// Clone returns a copy that shares nothing with s.
func (s LwM2MServer) Clone() LwM2MServer {
	s.Arguments, s.Headers, s.CAs, s.Events = slices.Clone(s.Arguments), maps.Clone(s.Headers), slices.Clone(s.CAs), slices.Clone(s.Events)
	for i := range s.CAs {
		s.CAs[i] = slices.Clone(s.CAs[i])
	}
	return s
}

// HandOverTimeout is Timeout, or its default.
func (s LwM2MServer) HandOverTimeout() time.Duration {
	if s.Timeout == 0 {
		return DefaultHandOverTimeout
	}
	return time.Duration(s.Timeout)
}

// AsksDevices reports whether servers of this kind can ask devices to bootstrap again.
func (k LwM2MServerKind) AsksDevices() bool {
	return k != KindPSKFile && k != KindNone && k != KindCoiote
}

// OverHTTP reports whether servers of this kind are told by HTTP requests.
func (k LwM2MServerKind) OverHTTP() bool {
	return k != KindPSKFile && k != KindCommand && k != KindNone
}

// Validate reports why s cannot be stored.
func (s LwM2MServer) Validate() error {
	if err := validName("name of an LwM2M Server", s.Name); err != nil {
		return err
	}
	if !slices.Contains(LwM2MServerKinds, s.Kind) {
		return fmt.Errorf("%w: kind %q; there are %v", ErrInvalid, s.Kind, LwM2MServerKinds)
	}
	if err := s.validAddress(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := s.validCredentials(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := s.validEvents(); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for i, der := range s.CAs {
		if _, err := x509.ParseCertificate(der); err != nil {
			return fmt.Errorf("%w: CA certificate %d: %w", ErrInvalid, i+1, err)
		}
	}
	switch timeout := time.Duration(s.Timeout); {
	case timeout < 0 || timeout > MaxHandOverTimeout:
		return fmt.Errorf("%w: time-out %v; it can be up to %v", ErrInvalid, timeout, MaxHandOverTimeout)
	case s.Weight < 0 || s.Weight > MaxWeight:
		return fmt.Errorf("%w: weight %d; it can be 1 to %d", ErrInvalid, s.Weight, MaxWeight)
	case s.Rate < 0 || s.Rate > MaxRate:
		return fmt.Errorf("%w: rate %d a second; it can be 1 to %d, or 0 for no limit", ErrInvalid, s.Rate, MaxRate)
	case len(s.Headers) > MaxHeaders:
		return fmt.Errorf("%w: %d headers; there can be %d", ErrInvalid, len(s.Headers), MaxHeaders)
	}
	return nil
}

func (s LwM2MServer) validEvents() error {
	if s.OnDelete != OnDeleteTell && s.OnDelete != OnDeleteKeep {
		return fmt.Errorf("on delete it can be told, or keep the device, and not %q", s.OnDelete)
	}
	if len(s.Events) > 0 && s.Kind != KindWebhook && s.Kind != KindCommand {
		return fmt.Errorf("a server of kind %s is told no events: %s and %s are", s.Kind, KindWebhook, KindCommand)
	}
	for i, e := range s.Events {
		switch {
		case !slices.Contains(EventTypes, e):
			return fmt.Errorf("there is no event %q; there are %v", e, EventTypes)
		case slices.Contains(s.Events[:i], e):
			return fmt.Errorf("event %s is named twice", e)
		}
	}
	return nil
}

func (s LwM2MServer) validAddress() error {
	if s.DeviceURI != "" {
		u, err := url.Parse(s.DeviceURI)
		if err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "coap") {
			return fmt.Errorf("device URI %q is no URI such as coaps://dm.example.com:5684", s.DeviceURI)
		}
	}
	if s.Kind == KindNone {
		if s.Address != "" || len(s.Arguments) > 0 || len(s.CAs) > 0 {
			return fmt.Errorf("a server of kind %s is not told, and has no address, arguments and CAs; where devices reach it is its device URI", s.Kind)
		}
		return nil
	}
	if !s.Kind.OverHTTP() {
		switch {
		case !filepath.IsAbs(s.Address):
			return fmt.Errorf("address %q: a server of kind %s needs an absolute path", s.Address, s.Kind)
		case s.Kind != KindCommand && len(s.Arguments) > 0:
			return fmt.Errorf("arguments are of kind %s only", KindCommand)
		}
		return nil
	}
	u, err := url.Parse(s.Address)
	switch {
	case err != nil:
		return fmt.Errorf("address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("address %q: it is no http or https URL", s.Address)
	case u.User != nil:
		return fmt.Errorf("the address has a user or a password in it: they have options of their own")
	case u.Fragment != "" || u.RawQuery != "" && s.Kind != KindWebhook:
		return fmt.Errorf("address %q: it has a query or a fragment", s.Address)
	case u.Scheme == "http" && len(s.CAs) > 0:
		return fmt.Errorf("address %q: CA certificates are for https", s.Address)
	case len(s.Arguments) > 0:
		return fmt.Errorf("arguments are of kind %s only", KindCommand)
	}
	return nil
}

func (s LwM2MServer) validCredentials() error {
	switch s.Kind {
	case KindWebhook:
		for _, secret := range []lwm2m.Secret{s.Secret, s.Former} {
			if n := secret.Len(); (n != 0 || secret.Equal(s.Secret)) && (n < MinWebhookSecret || n > MaxWebhookSecret) {
				return fmt.Errorf("the secret of a webhook has %d bytes; %d to %d are possible", n, MinWebhookSecret, MaxWebhookSecret)
			}
		}
	case KindThingsBoard:
		if s.Secret.Len() == 0 {
			return fmt.Errorf("a server of kind %s needs an API key, or a user and a password", s.Kind)
		}
	case KindCoiote:
		if s.User == "" || s.Secret.Len() == 0 {
			return fmt.Errorf("a server of kind %s needs a user and a password", s.Kind)
		}
	default:
		if s.User != "" || s.Secret.Len() != 0 {
			return fmt.Errorf("a server of kind %s has no user and no secret", s.Kind)
		}
	}
	if s.Kind != KindWebhook && s.Former.Len() != 0 {
		return fmt.Errorf("a former secret is of kind %s only", KindWebhook)
	}
	if err := s.validDomain(); err != nil {
		return err
	}
	return s.validHeaders()
}

func (s LwM2MServer) validDomain() error {
	switch {
	case s.Kind != KindCoiote && s.Domain != "":
		return fmt.Errorf("a domain is of kind %s only", KindCoiote)
	case s.Kind != KindCoiote:
		return nil
	case s.Domain == "":
		return fmt.Errorf("a server of kind %s needs the domain that devices are made in, such as /meters/", s.Kind)
	case len(s.Domain) > MaxDomain:
		return fmt.Errorf("domain of %d bytes; %d are possible", len(s.Domain), MaxDomain)
	case !strings.HasPrefix(s.Domain, "/") || !strings.HasSuffix(s.Domain, "/") || strings.Contains(s.Domain, "//"), strings.ContainsFunc(s.Domain, unicode.IsControl), !utf8.ValidString(s.Domain):
		return fmt.Errorf("domain %q: it is not like /meters/ or /company/meters/", s.Domain)
	}
	return nil
}

func (s LwM2MServer) validHeaders() error {
	for name, value := range s.Headers {
		switch {
		case !s.Kind.OverHTTP():
			return fmt.Errorf("a server of kind %s has no headers", s.Kind)
		case name != textproto.CanonicalMIMEHeaderKey(name):
			return fmt.Errorf("header %q is not in its canonical form, %q", name, textproto.CanonicalMIMEHeaderKey(name))
		case name == "" || strings.Trim(name, headerCharacters) != "":
			return fmt.Errorf("header %q: a name has letters, digits and -", name)
		case slices.Contains(ownHeaders, name), s.Kind == KindThingsBoard && name == "X-Authorization", s.Kind == KindCoiote && name == "Authorization", s.Kind == KindWebhook && strings.HasPrefix(name, "Webhook-"):
			return fmt.Errorf("header %s is set by lwbs", name)
		case strings.ContainsFunc(string(value.Reveal()), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return fmt.Errorf("header %s: its value has control characters", name)
		}
	}
	return nil
}

const headerCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// ownHeaders belong to a request or a connection as such.
var ownHeaders = []string{
	"Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection",
	"Accept-Encoding", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade",
}

// ParseWebhookSecret reads "whsec_" with base64 behind it.
func ParseWebhookSecret(text string) (lwm2m.Secret, error) {
	encoded, found := strings.CutPrefix(text, WebhookSecretPrefix)
	if !found {
		return lwm2m.Secret{}, fmt.Errorf("%w: the secret of a webhook begins with %s", ErrInvalid, WebhookSecretPrefix)
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return lwm2m.Secret{}, fmt.Errorf("%w: what follows %s is not base64", ErrInvalid, WebhookSecretPrefix)
	}
	return lwm2m.NewSecret(b), nil
}

// FormatWebhookSecret is the reverse of ParseWebhookSecret.
func FormatWebhookSecret(s lwm2m.Secret) string {
	return WebhookSecretPrefix + base64.StdEncoding.EncodeToString(s.Reveal())
}
