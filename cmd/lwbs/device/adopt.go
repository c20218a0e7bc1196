package device

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/store"
)

// fingerprintText is what the history has as the identity of a peer with a certificate.
var fingerprintText = regexp.MustCompile("^[0-9a-f]{64}$")

// adopt completes the settings of a new device by an attempt of the history: its name where endpoint
// is empty, its identity or certificate, and that it came over plain CoAP. What was said by options
// stays.
func adopt(ctx context.Context, c *cli.Context, api admin.API, endpoint string, set *admin.DeviceSettings) (lwm2m.EndpointName, error) {
	id := c.String("from-session")
	s, err := api.Session(ctx, id)
	if err != nil {
		return "", err
	}
	if s.Known {
		_, err := api.Device(ctx, s.Endpoint, false)
		switch {
		case err == nil:
			return "", fmt.Errorf("session %s is of device %s, which has a record: lwbs device set changes it", output.Text(id), output.Name(s.Endpoint))
		case !errors.Is(err, store.ErrNotFound):
			return "", err
		}
	}
	if endpoint == "" {
		if endpoint = string(s.Claimed); endpoint == "" {
			endpoint = string(s.Endpoint)
		}
	}
	if endpoint == "" {
		return "", command.Usagef("session %s does not tell the name of the device: give it, lwbs device add ENDPOINT --from-session %s", id, id)
	}
	return lwm2m.EndpointName(endpoint), adoptCredential(s, set)
}

// adoptCredential sets how the device came in s.
func adoptCredential(s store.Session, set *admin.DeviceSettings) error {
	switch {
	case s.Transport == store.TransportPlain:
		if set.NoSec == nil {
			set.NoSec = new(true)
		}
	case s.Identity == "":
		if set.PSK == nil && set.Certificates == nil && set.CertificateNames == nil {
			return command.Usagef("session %s does not tell what the device came with: give it a key or a certificate by options", s.ID)
		}
	case s.Cause != store.CauseIdentityUnknown && fingerprintText.MatchString(s.Identity):
		seen := []string{s.Identity}
		if set.Certificates != nil {
			seen = append(seen, *set.Certificates...)
			slices.Sort(seen)
			seen = slices.Compact(seen)
		}
		set.Certificates = &seen
	case set.Group != nil && *set.Group != "": // its key follows from that of the group
	case set.PSK == nil:
		return command.Usagef("the device came with the PSK identity %s, and its key is not known here: give that with --psk-key-file, or a new one with --psk generate", output.Text(s.Identity))
	case set.PSK.Identity == "":
		if _, err := store.IdentityBytes(s.Identity); err != nil {
			return command.Usagef("the history does not have the whole PSK identity of session %s: give it with --psk-identity", s.ID)
		}
		set.PSK.Identity = s.Identity
	}
	return nil
}
