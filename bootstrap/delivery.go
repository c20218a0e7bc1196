package bootstrap

import (
	"context"
	"errors"
	"log/slog"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/provision"
	"lwbs/store"
)

// keepDelivery keeps on the device record what the client has accepted: renewed keys become the
// active ones, and a format that was fallen back on is used first from now on. The client is
// bootstrapped already: a failure here becomes the detail of the record. Confirmed is whether it has told
// that it has everything.
func (s *session) keepDelivery(ctx context.Context, confirmed bool) (detail string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provision.Timeout)
	defer cancel()
	_, err := s.srv.provider.Edit(ctx, s.given.Device, func(d *store.Device) bool {
		changed := s.given.Deliver(d)
		changed = confirmed && s.dropHandedOver(d) || changed
		if s.format != s.intended && d.Format == s.given.Device.Format {
			d.Format, changed = s.format, true
		}
		return s.remember(d) || changed
	})
	if note := s.given.AccountNote(); note != "" {
		s.addNotes(note)
	}
	if err == nil {
		return ""
	}
	s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "delivery not kept",
		slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.Any("error", err))
	return "the device record could not be updated, and may show a renewed key as pending: " + outcome.Printable(err.Error(), outcome.MaxError)
}

// remember notes on the device record what the client holds now.
func (s *session) remember(d *store.Device) (changed bool) {
	next := plan.Remember(d.Written, s.changes)
	if s.changes.Found == nil && len(s.changes.Deleted)+len(s.changes.Written) == 0 || next.Equal(d.Written) {
		return false
	}
	d.Written = next
	return true
}

// keepChanges keeps on the device record what a session that failed has written or deleted: the
// next one finds it on the client, which may not tell.
func (s *session) keepChanges(ctx context.Context) {
	if len(s.changes.Deleted)+len(s.changes.Written) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provision.Timeout)
	defer cancel()
	if _, err := s.srv.provider.Edit(ctx, s.given.Device, s.remember); err != nil && !errors.Is(err, store.ErrNotFound) { // of a deleted device
		s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "what the device was given is not kept",
			slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.Any("error", err))
	}
}
