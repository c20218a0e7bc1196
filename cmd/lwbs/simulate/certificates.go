package simulate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/fleet"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/probe"
	"lwbs/lwm2m"
)

// readCertificates gives each device a certificate: that of --tls-cert, or one that the CA of --ca-cert
// signs.
func readCertificates(c *cli.Context, option string, target probe.Target, cfg *fleet.Config) error {
	keyOption := map[string]string{"tls-cert": "tls-key", "ca-cert": "ca-key"}[option]
	if !c.IsSet(keyOption) || len(c.StringSlice("server-ca")) == 0 {
		return command.Usagef("--%s, --%s and --server-ca go together", option, keyOption)
	}
	for _, file := range c.StringSlice("server-ca") {
		found, err := input.Certificates(c.Context, file)
		if err != nil {
			return err
		}
		cfg.ServerCertificates = append(cfg.ServerCertificates, found...)
	}
	if _, err := netip.ParseAddr(target.Host); err != nil {
		cfg.ServerName = target.Host
	}
	pair, err := input.Pair(c.Context, c.String(option), c.String(keyOption))
	if err != nil {
		return err
	}
	if option == "tls-cert" {
		for i := range cfg.Devices {
			cfg.Devices[i].Certificate = &pair
		}
		return nil
	}
	ca, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil || !ca.IsCA {
		return fmt.Errorf("--ca-cert %s is no certificate of a CA", c.String(option))
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return fmt.Errorf("--ca-key %s cannot sign", c.String(keyOption))
	}
	for i := range cfg.Devices {
		made, err := certificateFor(cfg.Devices[i].Endpoint, ca, signer)
		if err != nil {
			return fmt.Errorf("make a certificate: %w", err)
		}
		cfg.Devices[i].Certificate = &made
	}
	return nil
}

// validity is how long a certificate that is made here is good, before and after now.
const validity = 24 * time.Hour

// certificateFor makes a key and a certificate for a device, with its endpoint name as common name.
func certificateFor(ep lwm2m.EndpointName, ca *x509.Certificate, signer crypto.Signer) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: string(ep)}, NotBefore: now.Add(-validity), NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, ca, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.Raw}, PrivateKey: key}, nil
}
