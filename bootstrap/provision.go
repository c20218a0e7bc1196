package bootstrap

import (
	"context"
	"errors"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A provision is what one session gives: the records it comes from and what they
// resolve to.
type provision struct {
	device  store.Device
	profile store.Profile
	info    lwm2m.BootstrapInfo
	made    bool // keys that the stored record does not have yet
}

// profileOf reads the profile of d.
func (srv *Server) profileOf(ctx context.Context, d store.Device) (store.Profile, *failure) {
	p, err := srv.cfg.Store.Profile(ctx, d.Profile)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, failed(store.CausePlanInvalid, "the device's profile %q does not exist", d.Profile)
	case err != nil:
		f := srv.storeFault(err)
		return p, &f
	}
	return p, nil
}

// provision resolves what d is to be given, keys that are still to be made included.
func (srv *Server) provision(ctx context.Context, d store.Device, secure bool) (provision, *failure) {
	p, f := srv.profileOf(ctx, d)
	if f != nil {
		return provision{}, f
	}
	filled, err1 := FillKeys(p, &d, srv.cfg.Rand)
	renewed, err2 := renewKeys(p, &d, srv.cfg.Rand)
	if err := errors.Join(err1, err2); err != nil {
		return provision{}, failed(store.CauseInternal, "%v", err)
	}
	info, findings := Resolve(p, d)
	if text := mistakes(findings); text != "" {
		return provision{}, failed(store.CausePlanInvalid, "%s", text)
	}
	if !secure && !p.SecretsOverNoSec && hasSecrets(info) {
		return provision{}, failed(store.CausePlanInvalid, "the device came over plain CoAP, and profile %q does not permit its keys to be sent there: set secretsOverNoSec: true, or bring the device over DTLS", p.Name)
	}
	return provision{d, p, info, filled || renewed}, nil
}

// mistakes joins the findings that are no warnings; empty where there is none.
func mistakes(findings []Finding) string {
	var texts []string
	for _, f := range findings {
		if !f.Warning {
			texts = append(texts, f.String())
		}
	}
	return strings.Join(texts, "; ")
}

func hasSecrets(info lwm2m.BootstrapInfo) bool {
	for _, a := range info.Accounts {
		if !a.Security.SecretKey.IsZero() {
			return true
		}
	}
	return len(info.OSCORE) > 0
}

// keepProvision reads the records of a session that is about to begin, and keeps new
// keys before the client can have them.
func (srv *Server) keepProvision(ctx context.Context, ep lwm2m.EndpointName, peer Peer) (provision, *failure) {
	for range maxConflicts {
		d, refused := srv.authorize(ctx, peer, ep)
		if refused != nil {
			return provision{}, &refused.failure
		}
		given, f := srv.provision(ctx, d, peer.Secure())
		if f != nil || !given.made {
			return given, f
		}
		kept, err := srv.cfg.Store.PutDevice(ctx, given.device)
		switch {
		case err == nil:
			given.device = kept
			return given, nil
		case !errors.Is(err, store.ErrConflict):
			fault := srv.storeFault(err)
			return provision{}, &fault
		}
	}
	return provision{}, failed(store.CauseInternal, "the device record was edited again and again")
}
