package campaign

import (
	"context"
	"errors"
	"fmt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Way is by which LwM2M Server a device can be asked.
type Way struct {
	Server   string
	Kind     store.LwM2MServerKind
	Instance lwm2m.InstanceID // of Object 1, that the device has for it
}

// Ways returns by which LwM2M Servers a device can be asked to bootstrap again, in the order of the accounts of
// its profile; why says why by none.
func Ways(ctx context.Context, s Store, ep lwm2m.EndpointName) (ways []Way, why string, err error) {
	d, err := s.Device(ctx, ep)
	if errors.Is(err, store.ErrNotFound) {
		return nil, "there is no such device any more", nil
	}
	if err != nil {
		return nil, "", err
	}
	if d.Disabled {
		return nil, "it is disabled", nil
	}
	p, err := s.Profile(ctx, d.Profile)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Sprintf("its profile %q does not exist", d.Profile), nil
	}
	if err != nil {
		return nil, "", err
	}
	ways, why, err = WaysOf(ctx, s, p)
	for i, a := range ways {
		ways[i].Instance = instanceOf(d, p, a.Server)
	}
	return ways, why, err
}

// A ServerStore has the records of LwM2M Servers.
type ServerStore interface {
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
}

// WaysOf is Ways for the devices of a profile, without their Instances.
func WaysOf(ctx context.Context, s ServerStore, p store.Profile) (ways []Way, why string, err error) {
	why = fmt.Sprintf("no account of profile %q names an LwM2M Server (handOver)", p.Name)
	for _, a := range p.Accounts {
		if a.HandOver == "" {
			continue
		}
		server, err := s.LwM2MServer(ctx, a.HandOver)
		switch {
		case errors.Is(err, store.ErrNotFound):
			why = fmt.Sprintf("there is no LwM2M Server %q", a.HandOver)
		case err != nil:
			return nil, "", err
		case server.Kind == store.KindPSKFile:
			why = fmt.Sprintf("LwM2M Server %q is a %s, which cannot ask devices", a.HandOver, server.Kind)
		default:
			ways = append(ways, Way{Server: a.HandOver, Kind: server.Kind})
		}
	}
	return ways, why, nil
}

// instanceOf is the Instance of Object 1 that a device was given for the account of a server; zero where that
// is not known.
func instanceOf(d store.Device, p store.Profile, server string) lwm2m.InstanceID {
	for _, a := range p.Accounts {
		if a.HandOver != server {
			continue
		}
		for _, w := range d.Written.Instances {
			if w.Account == a.Name && w.Path.Object() == lwm2m.ObjectServer {
				return w.Path.Instance()
			}
		}
	}
	return 0
}
