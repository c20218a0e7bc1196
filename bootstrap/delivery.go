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
// bootstrapped already: a failure here becomes the detail of the session. Good is its cause else. Recorded is whether
// the session is in the history.
func (s *session) keepDelivery(ctx context.Context, good store.Cause) (detail string, recorded bool) {
	if note := s.given.AccountNote(); note != "" {
		s.addNotes(note)
	}
	recorded, err := s.keepAtEnd(ctx, good, "", func(d *store.Device) bool {
		changed := s.given.Deliver(d)
		changed = good == store.CauseDone && s.dropHandedOver(d) || changed // it has told that it has everything
		if s.format != s.intended && d.Format == s.given.Device.Format {
			d.Format, changed = s.format, true
		}
		return s.remember(d) || changed
	})
	if err == nil {
		return "", recorded
	}
	s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "delivery not kept",
		slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.Any("error", err))
	return "the device record could not be updated, and may show a renewed key as pending: " + outcome.Printable(err.Error(), outcome.MaxError), false
}

// keepAtEnd edits the device record at the end of the session. Where its client has proved anything, the session is
// kept in the same edit, which the disk then waits for once.
func (s *session) keepAtEnd(ctx context.Context, cause store.Cause, detail string, change func(*store.Device) bool) (recorded bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), provision.Timeout)
	defer cancel()
	if !s.record.Proof.Counts() {
		_, err = s.srv.provider.Edit(ctx, s.given.Device, change)
		return false, err
	}
	return s.srv.provider.EditAtEnd(ctx, s.given.Device, change, func() store.Session {
		s.complete(cause, detail)
		return s.snapshot()
	})
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
// next one finds it on the client, which may not tell. Recorded is whether the session is in the history.
func (s *session) keepChanges(ctx context.Context, f *outcome.Failure) (recorded bool) {
	if len(s.changes.Deleted)+len(s.changes.Written) == 0 {
		return false
	}
	recorded, err := s.keepAtEnd(ctx, f.Cause, f.Detail, s.remember)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // of a deleted device
		s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "what the device was given is not kept",
			slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.Any("error", err))
	}
	return recorded
}
