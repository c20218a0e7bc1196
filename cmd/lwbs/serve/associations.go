package serve

import (
	"context"
	"log/slog"

	"lwbs/bootstrap/coap"
	"lwbs/store"
)

// An associationKeeper stores the associations of the listeners in the database.
type associationKeeper struct {
	db  store.Associations
	log *slog.Logger
}

// Resume implements [coap.Keeper].
func (k associationKeeper) Resume(ctx context.Context) error {
	lost, why, err := k.db.ResumeAssociations(ctx)
	if lost > 0 {
		k.log.Warn("associations from before the restart cannot be resumed: their devices need a new handshake", "associations", lost, "database", why)
	}
	return err
}

// Keep implements [coap.Keeper].
func (k associationKeeper) Keep(ctx context.Context, put []coap.KeptAssociation, ended []coap.KeptKey) error {
	rows, keys := make([]store.Association, len(put)), make([]store.AssociationKey, len(ended))
	for i, a := range put {
		rows[i] = store.Association{AssociationKey: store.AssociationKey(a.Key), State: a.State}
	}
	for i, key := range ended {
		keys[i] = store.AssociationKey(key)
	}
	return k.db.KeepAssociations(ctx, rows, keys)
}

// Kept implements [coap.Keeper].
func (k associationKeeper) Kept(ctx context.Context, before coap.KeptKey, limit int) ([]coap.KeptAssociation, error) {
	rows, err := k.db.Associations(ctx, store.AssociationKey(before), limit)
	page := make([]coap.KeptAssociation, len(rows))
	for i, a := range rows {
		page[i] = coap.KeptAssociation{Key: coap.KeptKey(a.AssociationKey), State: a.State}
	}
	return page, err
}

// Void implements [coap.Keeper].
func (k associationKeeper) Void() error { return k.db.VoidAssociations() }
