package fleet

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// A Device is one of the fleet. Over DTLS it has Identity and Key, or a Certificate.
type Device struct {
	Endpoint    lwm2m.EndpointName
	Identity    string
	Key         lwm2m.Secret
	Certificate *tls.Certificate
}

// A Config says what is to be played. Zero means the default stated at the field.
type Config struct {
	// URI is what the devices have as address of their Bootstrap-Server, such as
	// "coaps://bs.example.com:5684", and Address where it is, "192.0.2.1:5684". Both are required.
	URI     string
	Address string

	// Secure makes the devices speak DTLS. ServerName is then what they want to find in the certificate
	// of the server, where they have certificates, and ServerCertificates what they trust.
	Secure             bool
	ServerName         string
	ServerCertificates []*x509.Certificate

	// Path and Queries are put in front of those of each request.
	Path, Queries []string

	// Devices are played in this order. At least one is required.
	Devices []Device

	// Clients are the kinds of clients that the devices are, by weight. Default: one that keeps to
	// LwM2M 1.1.
	Clients []Client

	Arrival Arrival
	Network Network

	// Attempts is how often a device asks at most, where its client comes back. Default 5.
	Attempts int

	// Patience is how long after it was due a device counts as failed if it is not bootstrapped.
	// Default 5 min.
	Patience time.Duration

	// LocalAddress returns the address that the device with this index dials from, without port; nil
	// leaves it to the system.
	LocalAddress func(i int) string

	// Seed makes arrivals and the network repeatable.
	Seed uint64

	// Watch is called each second, and at the end. May be nil.
	Watch func(Progress)

	// ServerProcess is the process of the server, to measure what it spends; zero for none.
	ServerProcess int
}

// A Client is a kind of client, with its share among the devices.
type Client struct {
	Name   string
	Weight int // at least 1
	Config sim.Config
}

// The defaults of a [Config].
const (
	DefaultAttempts = 5
	DefaultPatience = 5 * time.Minute
)

// ErrConfig is wrapped by the errors about a [Config].
var ErrConfig = errors.New("bad configuration of a fleet")

func (cfg *Config) complete() error {
	if cfg.URI == "" || cfg.Address == "" || len(cfg.Devices) == 0 {
		return fmt.Errorf("%w: URI, Address and Devices are required", ErrConfig)
	}
	for i, d := range cfg.Devices {
		if cfg.Secure && d.Certificate == nil && (d.Identity == "" || d.Key.IsZero()) {
			return fmt.Errorf("%w: device %d, %q, has neither a key nor a certificate", ErrConfig, i, d.Endpoint)
		}
	}
	if len(cfg.Clients) == 0 {
		cfg.Clients = []Client{{Name: "LwM2M 1.1", Weight: 1}}
	}
	for _, c := range cfg.Clients {
		if c.Weight < 1 {
			return fmt.Errorf("%w: client %q has the weight %d, less than 1", ErrConfig, c.Name, c.Weight)
		}
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = DefaultAttempts
	}
	if cfg.Patience == 0 {
		cfg.Patience = DefaultPatience
	}
	if cfg.Attempts < 1 || cfg.Patience < 0 {
		return fmt.Errorf("%w: Attempts %d and Patience %v are not above 0", ErrConfig, cfg.Attempts, cfg.Patience)
	}
	return errors.Join(cfg.Arrival.check(), cfg.Network.check())
}
