package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// permitted returns why the session may not go on, since its records were edited while it ran:
// the device may not bootstrap any more, or is not to have what it is being given. Any other
// edit is for its next bootstrap. It is asked before each operation. A store that does not
// answer takes nothing away.
func (s *session) permitted(ctx context.Context) *outcome.Failure {
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	now, err := s.srv.cfg.Store.Revisions(ctx, s.endpoint)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return outcome.Failed(store.CauseWithdrawn, "the device record was deleted, or renamed, while the session ran")
	case err != nil:
		s.srv.storeFault(err)
		return nil
	case now.ProfileRevision == 0:
		return outcome.Failed(store.CauseWithdrawn, "the device's profile %q does not exist any more", now.Profile)
	case now == s.seen:
		return nil
	}
	f := s.allows(ctx)
	if f == nil {
		s.seen = now
	}
	return f
}

// allows returns why the device may not have what it is being given by its records now.
func (s *session) allows(ctx context.Context) *outcome.Failure {
	peer, given := s.conn.Peer(), s.given
	d, refused := s.srv.auth.Authorize(ctx, peer, s.endpoint)
	if refused != nil {
		return refusedSince(refused)
	}
	came := s.srv.provider.Arrival(ctx, d, peer)
	had, has := profile.CredentialOf(given.Device, came), profile.CredentialOf(d, came)
	if had != nil && has != nil && !had.Key.Equal(has.Key) {
		return outcome.Failed(store.CauseWithdrawn, "the key that the device came with was replaced in its record while the session ran")
	}
	now, f := s.srv.provider.Resolve(ctx, profile.WithoutRotation(d, time.Now()), peer)
	switch {
	case f != nil && (f.Cause == store.CauseInternal || f.Cause == store.CauseUnreadable):
		return nil
	case f != nil:
		return outcome.Failed(store.CauseWithdrawn, "the records were edited while the session ran, and make no configuration now: %s", f.Detail)
	}
	if what := withdrawn(given.Info, now.Info, s.srv.cfg.Objects); what != "" {
		return outcome.Failed(store.CauseWithdrawn, "the records were edited while the session ran, which %s", what)
	}
	return nil
}

// refusedSince is why a device may not bootstrap any more, which it might when its session
// began; nil where that is unknown, as the store does not answer.
func refusedSince(refused *outcome.Refusal) *outcome.Failure {
	switch refused.Cause {
	case store.CauseDisabled:
		if refused.Variant == store.VariantGroupDenied {
			return &refused.Failure
		}
		return outcome.Failed(store.CauseDisabled, "the device record was disabled while the session ran")
	case store.CauseNoSecRefused:
		return outcome.Failed(store.CauseNoSecRefused, "the permission to come over plain CoAP was taken from the device record while the session ran")
	case store.CauseInternal, store.CauseUnreadable:
		return nil
	}
	return outcome.Failed(store.CauseWithdrawn, "the credential that the device came with was taken from its record while the session ran: %s", refused.Detail)
}

// withdrawn says what of had is not in has: an account or its credential, a security context,
// rights, an Instance of another Object or a secret of it. It is empty where all of it is.
// Instance IDs, and values that are no secrets, do not count.
func withdrawn(had, has lwm2m.BootstrapInfo, objects *object.Registry) string {
	for _, a := range had.Accounts {
		i := slices.IndexFunc(has.Accounts, func(b lwm2m.ServerAccount) bool { return b.Security.ShortServerID == a.Security.ShortServerID })
		switch {
		case i < 0:
			return fmt.Sprintf("takes the account of server %d from it", a.Security.ShortServerID)
		case !sameSecurity(a.Security, has.Accounts[i].Security) || !sameContext(contextOf(had, a), contextOf(has, has.Accounts[i])):
			return fmt.Sprintf("replaces the address, the key or the identity of the account of server %d", a.Security.ShortServerID)
		}
	}
	if own := had.BootstrapServer; own != nil && (has.BootstrapServer == nil || !sameSecurity(*own, *has.BootstrapServer)) {
		return "takes the new Bootstrap-Server Account from it, or replaces it"
	}
	for _, a := range had.AccessControl {
		if !slices.ContainsFunc(has.AccessControl, func(b lwm2m.AccessControlInstance) bool { return permitsAll(b, a) }) {
			return fmt.Sprintf("takes access to Object %d", a.Object)
		}
	}
	for _, o := range had.Others {
		for _, in := range o.Instances {
			if what := withdrawnInstance(o.ID, in, has.Others, objects); what != "" {
				return what
			}
		}
	}
	return ""
}

// sameSecurity reports whether two Security Instances lead to the same server with the same
// credential.
func sameSecurity(a, b lwm2m.SecurityInstance) bool {
	return a.ServerURI == b.ServerURI && a.Mode == b.Mode && a.SecretKey.Equal(b.SecretKey) &&
		bytes.Equal(a.PublicKeyOrIdentity, b.PublicKeyOrIdentity) && bytes.Equal(a.ServerPublicKey, b.ServerPublicKey)
}

// contextOf is the OSCORE security context of an account; nil for none.
func contextOf(info lwm2m.BootstrapInfo, a lwm2m.ServerAccount) *lwm2m.OSCOREInstance {
	link := a.Security.OSCORESecurityMode
	if link == nil {
		return nil
	}
	for _, o := range info.OSCORE {
		if o.ID == link.Instance {
			return &o
		}
	}
	return nil
}

func sameContext(a, b *lwm2m.OSCOREInstance) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.MasterSecret.Equal(b.MasterSecret) && bytes.Equal(a.SenderID, b.SenderID) && bytes.Equal(a.RecipientID, b.RecipientID)
}

// permitsAll reports whether an entry of access control permits what another does.
func permitsAll(entry, other lwm2m.AccessControlInstance) bool {
	if entry.Object != other.Object || entry.Instance != other.Instance || entry.Owner != other.Owner {
		return false
	}
	for server, rights := range other.Rights {
		if rights&^entry.Rights[server] != 0 {
			return false
		}
	}
	return true
}

// withdrawnInstance says what of an Instance of another Object is not in others; empty where
// all of it is.
func withdrawnInstance(id lwm2m.ObjectID, in lwm2m.Instance, others []lwm2m.Object, objects *object.Registry) string {
	path := lwm2m.InstancePath(id, in.ID)
	for _, o := range others {
		i := slices.IndexFunc(o.Instances, func(other lwm2m.Instance) bool { return other.ID == in.ID })
		if o.ID != id || i < 0 {
			continue
		}
		def, _ := objects.Object(id)
		for _, r := range in.Resources {
			if d, _ := def.Resource(r.ID); !d.Secret {
				continue
			}
			if other, ok := o.Instances[i].Resource(r.ID); !ok || !sameResource(r, other) {
				return fmt.Sprintf("takes or replaces the secret %v", path.Append(uint16(r.ID)))
			}
		}
		return ""
	}
	return fmt.Sprintf("takes %v from it", path)
}
