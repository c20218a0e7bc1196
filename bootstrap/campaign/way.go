package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Way is by which LwM2M Server a device can be asked.
type Way struct {
	Server   string
	Kind     store.LwM2MServerKind
	Instance lwm2m.InstanceID // of Object 1, that the device has for it
}

// ways returns by which LwM2M Servers a device can be asked to bootstrap again, in the order in which its profile
// names them; why says why by none. Of several to which devices are assigned, it may be registered with any.
func ways(ctx context.Context, s Store, ep lwm2m.EndpointName) (all []Way, why string, err error) {
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
	all, why, err = Ways(ctx, s, p)
	for i, way := range all {
		all[i].Instance = instanceOf(d, p, way.Server)
	}
	return all, why, err
}

// A ServerStore has the records of LwM2M Servers.
type ServerStore interface {
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
}

// Ways returns by which LwM2M Servers the devices of a profile can be asked to bootstrap again, without their
// Instances; why says why by none.
func Ways(ctx context.Context, s ServerStore, p store.Profile) (all []Way, why string, err error) {
	why = fmt.Sprintf("no account of profile %q names an LwM2M Server (handOver)", p.Name)
	for _, a := range p.Accounts {
		for _, name := range a.ServerNames() {
			server, err := s.LwM2MServer(ctx, name)
			switch {
			case errors.Is(err, store.ErrNotFound):
				why = fmt.Sprintf("there is no LwM2M Server %q", name)
			case err != nil:
				return nil, "", err
			case !server.Kind.AsksDevices():
				why = fmt.Sprintf("LwM2M Server %q is of kind %s, by which lwbs cannot ask devices", name, server.Kind)
			case !slices.ContainsFunc(all, func(w Way) bool { return w.Server == name }):
				all = append(all, Way{Server: name, Kind: server.Kind})
			}
		}
	}
	return all, why, nil
}

// instanceOf is the Instance of Object 1 that a device was given for the account of a server; zero where that
// is not known.
func instanceOf(d store.Device, p store.Profile, server string) lwm2m.InstanceID {
	for _, a := range p.Accounts {
		if !slices.Contains(a.ServerNames(), server) {
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
