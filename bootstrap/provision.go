package bootstrap

import (
	"context"
	"errors"
	"slices"
	"strings"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// A provision is what one session gives: the records it comes from and what they
// resolve to.
type provision struct {
	device  store.Device
	profile store.Profile
	info    lwm2m.BootstrapInfo
	own     *ownAccount // the Bootstrap-Server Account in it; nil where that stays
	edited  bool        // device differs from the stored record: a key was made, or confirmed
	notes   []string    // of the history, about the keys
}

// profileOf reads the profile of d.
func (srv *Server) profileOf(ctx context.Context, d store.Device) (store.Profile, *outcome.Failure) {
	p, err := srv.cfg.Store.Profile(ctx, d.Profile)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, outcome.Failed(store.CausePlanInvalid, "the device's profile %q does not exist", d.Profile)
	case err != nil:
		f := srv.storeFault(err)
		return p, &f
	}
	return p, nil
}

// provision resolves what d is to be given that came as peer, keys that are still to be
// made included.
func (srv *Server) provision(ctx context.Context, d store.Device, peer Peer) (provision, *outcome.Failure) {
	p, f := srv.profileOf(ctx, d)
	if f != nil {
		return provision{}, f
	}
	renamed := AdoptRenamed(p, &d)
	filled, err1 := FillKeys(p, &d, srv.cfg.Rand)
	renewed, err2 := renewKeys(p, &d, srv.cfg.Rand)
	if err := errors.Join(err1, err2); err != nil {
		return provision{}, outcome.Failed(store.CauseInternal, "%v", err)
	}
	given := provision{profile: p, edited: renamed || filled || renewed}
	if note := confirmCredential(&d, peer); note != "" {
		given.edited, given.notes = true, append(given.notes, note)
	}
	own, added, err := nextAccount(p, &d, peer, srv.cfg.Rand)
	if err != nil {
		return provision{}, outcome.Failed(templateCause(err), "%v", err)
	}
	given.device, given.own, given.edited = d, own, given.edited || added
	info, findings := resolve(p, d, own, srv.cfg.Objects)
	if text := mistakes(findings); text != "" {
		cause := store.CausePlanInvalid
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.template }) {
			cause = store.CauseTemplateFailed
		}
		return provision{}, outcome.Failed(cause, "%s", text)
	}
	if !peer.Secure() && !p.SecretsOverNoSec && givesSecrets(p, info, srv.cfg.Objects) {
		return provision{}, outcome.Failed(store.CausePlanInvalid, "the device came over plain CoAP, and profile %q does not permit its secrets to be sent there: set secretsOverNoSec: true, or bring the device over DTLS", p.Name)
	}
	given.info = info
	return given, nil
}

// mistakes joins the findings that end a session; empty where there is none.
func mistakes(findings []Finding) string {
	var texts []string
	for _, f := range findings {
		if !f.Warning && !f.lenient {
			texts = append(texts, f.String())
		}
	}
	return strings.Join(texts, "; ")
}

// givesSecrets reports whether info, which is of p, is not for anybody to read.
func givesSecrets(p store.Profile, info lwm2m.BootstrapInfo, objects *object.Registry) bool {
	return hasSecrets(info) || len(suppliedSecrets(p, objects)) > 0
}

func hasSecrets(info lwm2m.BootstrapInfo) bool {
	for _, a := range info.Accounts {
		if !a.Security.SecretKey.IsZero() {
			return true
		}
	}
	return len(info.OSCORE) > 0 || info.BootstrapServer != nil
}

// keepProvision keeps new keys before the client can have them. given is what the device
// had when its request came; it is resolved anew where the record was edited since, such
// as by the session before this one.
func (srv *Server) keepProvision(ctx context.Context, ep lwm2m.EndpointName, peer Peer, given provision) (provision, *outcome.Failure) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout) // see lookingUp
	defer done()
	for range maxConflicts {
		d, refused := srv.authorize(ctx, peer, ep)
		if refused != nil {
			return provision{}, &refused.Failure
		}
		if d.Revision != given.device.Revision {
			var f *outcome.Failure
			if given, f = srv.provision(ctx, d, peer); f != nil {
				return provision{}, f
			}
		}
		if !given.edited {
			return given, nil
		}
		kept, err := srv.cfg.Store.PutDevice(ctx, given.device)
		switch {
		case err == nil:
			given.device = kept
			return given, nil
		case errors.Is(err, store.ErrIdentityTaken):
			return provision{}, outcome.Failed(store.CausePlanInvalid, "the new bootstrap credential has an identity of another device: %s", outcome.Printable(err.Error(), outcome.MaxError))
		case !errors.Is(err, store.ErrConflict):
			fault := srv.storeFault(err)
			return provision{}, &fault
		}
	}
	return provision{}, outcome.Failed(store.CauseInternal, "the device record was edited again and again")
}
