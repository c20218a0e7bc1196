package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// RenameDevice implements [store.Store].
func (db *DB) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (store.Device, error) {
	fail := func(err error) (store.Device, error) {
		return store.Device{}, fmt.Errorf("rename device %q to %q: %w", ep, to, err)
	}
	if err := to.Validate(); err != nil {
		return fail(fmt.Errorf("%w: %w", store.ErrInvalid, err))
	}
	var kept store.Device
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.renameable(tx, ep, to, rev)
		if err != nil {
			return err, nil
		}
		next := old.Clone()
		next.Endpoint = to
		next.Settings++ // templates have its name
		next.Revision, next.Updated = old.Revision+1, time.Now().UTC().Round(0)
		row, err := rows.EncodeDevice(db.keyring, next)
		if err != nil {
			return err, nil
		}
		kept = next.Clone()
		return nil, errors.Join(
			reindex(tx, indexEntries(old), indexEntries(next)),
			tx.Bucket(bucketDevice).Delete([]byte(ep)),
			tx.Bucket(bucketDevice).Put([]byte(to), row),
			db.moveSessions(tx, ep, to))
	})
	if err != nil {
		return fail(err)
	}
	return kept, nil
}

// renameable returns the record that is to have another name, or why it may not.
func (db *DB) renameable(tx *transaction, ep, to lwm2m.EndpointName, rev store.Revision) (store.Device, error) {
	d, err := db.device(tx, ep)
	if err == nil && rev != 0 {
		err = checkRevision(rev, d.Revision)
	}
	switch {
	case err != nil:
	case tx.Bucket(bucketDevice).Get([]byte(to)) != nil:
		err = fmt.Errorf("device %q: %w", to, store.ErrExists)
	case d.HasUnknown(): // secrets are sealed for the name
		err = fmt.Errorf("%w: it has what this release does not know: rename it with the newer one", store.ErrNewer)
	}
	return d, err
}

// moveSessions makes the history of the device ep that of the device to. What cannot be
// read stays where it is, and so does what came before ep was a device.
func (db *DB) moveSessions(tx *transaction, ep, to lwm2m.EndpointName) error {
	var ids []string
	underPrefix(tx.Bucket(bucketSessionEndpoint), pair(string(ep), ""), nil, func(k []byte) bool {
		ids = append(ids, second(k, string(ep)))
		return true
	})
	for _, id := range ids {
		s, err := sessionIn(tx, id)
		if err != nil || !s.Known {
			continue
		}
		if err := dropSession(tx, id); err != nil {
			return err
		}
		s.Endpoint = to
		b, err := rows.EncodeSession(s)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.Bucket(bucketSession).Put([]byte(id), b), indexSession(tx, s), db.prune(tx, s)); err != nil {
			return err
		}
	}
	return nil
}
