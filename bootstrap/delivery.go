package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/plan"
	"lwbs/store"
)

// storeTimeout bounds one edit.
const storeTimeout = 10 * time.Second

// maxConflicts is how often an edit of a device is tried, where other edits come between.
const maxConflicts = 8

// keepDelivery keeps on the device record what the client has accepted: renewed keys become the
// active ones, and a format that was fallen back on is used first from now on. The client is
// bootstrapped already: a failure here becomes the detail of the record.
func (s *session) keepDelivery(ctx context.Context) (detail string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	err := s.srv.editDevice(ctx, s.given.Device, func(d *store.Device) bool {
		changed := s.given.Deliver(d)
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := s.srv.editDevice(ctx, s.given.Device, s.remember); err != nil && !errors.Is(err, store.ErrNotFound) { // of a deleted device
		s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelError, "what the device was given is not kept",
			slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.Any("error", err))
	}
}

// editDevice changes d, as it was read before, and keeps it; where the record was edited in
// between, it reads it again and starts over. Change returns whether there is anything to keep;
// it must not change a map or list in place.
func (srv *Server) editDevice(ctx context.Context, d store.Device, change func(*store.Device) bool) error {
	for range maxConflicts {
		if !change(&d) {
			return nil
		}
		_, err := srv.cfg.Store.PutDevice(ctx, d)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if d, err = srv.cfg.Store.Device(ctx, d.Endpoint); err != nil {
			return err
		}
	}
	return fmt.Errorf("edit device: %w %d times", store.ErrConflict, maxConflicts)
}
