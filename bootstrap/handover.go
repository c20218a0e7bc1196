package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/provision"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A HandOver tells LwM2M Servers how devices will come to them. Its method may be called concurrently.
type HandOver interface {
	// HandOver tells the server of this name of an account that a device is given. Where that fails,
	// the error is one line for an operator, without secrets. It takes seconds at most.
	HandOver(ctx context.Context, server string, ep lwm2m.EndpointName, account lwm2m.ServerAccount, info lwm2m.BootstrapInfo) error
}

// keepWaiting is how often a device is asked something while a server is told of it, so that it does
// not take the silence for the end. Awa waits for 15 s.
const keepWaiting = 5 * time.Second

// handOver tells the LwM2M Servers of the accounts that the device has accepted, unless they know
// already. The device uses them after Finish only, which is not sent where that fails.
func (s *session) handOver(ctx context.Context) (state, *outcome.Failure) {
	for _, account := range s.given.Profile.Accounts {
		if account.HandOver == "" {
			continue
		}
		s.setStage(store.StageHandOver)
		if f := s.handOverAccount(ctx, account); f != nil {
			return nil, f
		}
	}
	return (*session).finish, nil
}

func (s *session) handOverAccount(ctx context.Context, account store.Account) *outcome.Failure {
	given, found := s.accountGiven(account)
	if !found {
		return outcome.Failed(store.CauseInternal, "account %q is handed over, and is not among what the device was given", account.Name)
	}
	h := store.HandedOver{Server: account.HandOver, Account: account.Name, Endpoint: s.endpoint, At: time.Now().UTC().Round(0)}
	if given.Security.Mode == lwm2m.SecurityPSK {
		h.Identity = string(given.Security.PublicKeyOrIdentity)
	}
	digest := digestOf(s.place(ctx, account.HandOver), s.endpoint, given, s.given.Info)
	if slices.ContainsFunc(s.given.Device.HandedOver, func(known store.HandedOver) bool { return known.Same(h) && known.Digest.Equal(digest) }) {
		return nil
	}
	if s.srv.cfg.HandOver == nil {
		return outcome.Failed(store.CauseHandOverFailed, "account %q is to be handed over to LwM2M Server %q, which this server cannot do", account.Name, account.HandOver)
	}
	device, f := s.mayBeTold(ctx, h)
	if f != nil {
		return f
	}
	began := time.Now()
	gone, told := s.tellWhileItWaits(ctx, account.HandOver, given)
	switch {
	case told == nil:
		h.Digest, h.At = digest, time.Now().UTC().Round(0)
		s.handedOver(ctx, device, h)
		s.addNotes(fmt.Sprintf("LwM2M Server %q was told of account %q, which took %v", account.HandOver, account.Name, time.Since(began).Round(time.Millisecond)))
		return gone
	case gone != nil:
		return gone
	case ctx.Err() != nil:
		return interruption(ctx, " while an LwM2M Server was told of it")
	}
	return outcome.Failed(store.CauseHandOverFailed, "LwM2M Server %q could not be told of account %q: %s", account.HandOver, account.Name, outcome.Printable(told.Error(), outcome.MaxError))
}

// place differs for whatever makes an LwM2M Server another one: another address does, and another record
// under its name. Where the record cannot be read, to tell the server fails with the reason.
func (s *session) place(ctx context.Context, server string) string {
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	record, err := s.srv.cfg.Store.LwM2MServer(ctx, server)
	if err != nil {
		return server
	}
	return fmt.Sprintf("%s\x00%s\x00%d", server, record.Address, record.Created.UnixNano())
}

// accountGiven is what the device was given of an account.
func (s *session) accountGiven(account store.Account) (lwm2m.ServerAccount, bool) {
	for _, given := range s.given.Info.Accounts {
		if given.Security.ShortServerID == account.ShortServerID {
			return given, true
		}
	}
	return lwm2m.ServerAccount{}, false
}

// tellWhileItWaits tells a server, and keeps the device waiting where that takes long. Told is how it
// ended; gone is why the device does not wait any more.
func (s *session) tellWhileItWaits(ctx context.Context, server string, given lwm2m.ServerAccount) (gone *outcome.Failure, told error) {
	tell, cancel := context.WithCancel(ctx)
	defer cancel()
	end := make(chan error, 1)
	go func() {
		err := errors.New("the server panicked as it told it; its log has the stack")
		defer func() { end <- err }()
		s.srv.cfg.Panics.Run(panics.Session, func() { err = s.srv.cfg.HandOver.HandOver(tell, server, s.endpoint, given, s.given.Info) })
	}()
	wait := time.NewTicker(keepWaiting)
	defer wait.Stop()
	for {
		select {
		case told = <-end:
			return nil, told
		case <-wait.C:
		}
		if _, gone = s.do(ctx, step{op: lwm2m.OpDiscover, keepAlive: true}); gone != nil && (gone.Cause != store.CauseReset || !s.conn.Peer().Secure()) {
			cancel()
			return gone, <-end
		}
	}
}

// mayBeTold notes on the device record that a server is about to be told, and returns the record. Whenever
// the process ends after that, the server is told to forget the device once the record is deleted or
// disabled.
func (s *session) mayBeTold(ctx context.Context, h store.HandedOver) (store.Device, *outcome.Failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provision.Timeout)
	defer cancel()
	d, err := s.srv.provider.Edit(ctx, s.given.Device, func(d *store.Device) bool {
		d.HandedOver = store.WithHandedOver(d.HandedOver, h)
		return !d.Disabled
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return d, outcome.Failed(store.CauseWithdrawn, "the device record was deleted, or renamed, while the session ran")
	case errors.Is(err, store.ErrOutboxFull):
		return d, outcome.Failed(store.CauseHandOverFailed, "%s", outcome.Printable(err.Error(), outcome.MaxError))
	case err != nil:
		f := s.srv.storeFault(err)
		return d, &f
	case d.Disabled:
		return d, outcome.Failed(store.CauseDisabled, "the device record was disabled while the session ran")
	}
	return d, nil
}

// handedOver notes on the device record that a server has acknowledged what it was told. Where that fails,
// it is told again next time, which does no harm. Where the record was deleted or disabled meanwhile, the
// server is told to forget the device, and nothing is noted.
func (s *session) handedOver(ctx context.Context, device store.Device, h store.HandedOver) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provision.Timeout)
	defer cancel()
	_, err := s.srv.provider.Edit(ctx, device, func(d *store.Device) bool {
		if !slices.ContainsFunc(d.HandedOver, h.Same) {
			return false
		}
		d.HandedOver = store.WithHandedOver(d.HandedOver, h)
		return true
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.srv.storeFault(err)
	}
}

// dropHandedOver takes from the record of a device that has everything what its servers knew it by before:
// those that it does not use any more are told to forget it.
func (s *session) dropHandedOver(d *store.Device) (changed bool) {
	used := func(h store.HandedOver) bool {
		return h.Endpoint == s.endpoint && slices.ContainsFunc(s.given.Profile.Accounts, func(a store.Account) bool {
			given, found := s.accountGiven(a)
			return found && a.Name == h.Account && a.HandOver == h.Server &&
				(given.Security.Mode != lwm2m.SecurityPSK || string(given.Security.PublicKeyOrIdentity) == h.Identity)
		})
	}
	if !slices.ContainsFunc(d.HandedOver, func(h store.HandedOver) bool { return !used(h) }) {
		return false
	}
	d.HandedOver = slices.DeleteFunc(slices.Clone(d.HandedOver), func(h store.HandedOver) bool { return !used(h) })
	return true
}

// digestOf differs for whatever a server is told of an account.
func digestOf(place string, ep lwm2m.EndpointName, given lwm2m.ServerAccount, info lwm2m.BootstrapInfo) lwm2m.Secret {
	s := given.Security
	parts := [][]byte{
		[]byte(place), []byte(ep), []byte(s.ServerURI), {byte(s.Mode)}, binary.BigEndian.AppendUint16(nil, uint16(s.ShortServerID)),
		s.PublicKeyOrIdentity, s.SecretKey.Reveal(),
	}
	if o := contextOf(info, given); o != nil {
		parts = append(parts, o.MasterSecret.Reveal(), o.SenderID, o.RecipientID)
	}
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return lwm2m.NewSecret(h.Sum(nil))
}
