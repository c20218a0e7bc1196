package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

// The devices of a campaign are under its ID, 0, what they are, 0, and their names.
const (
	openDevice   = "open"
	listedDevice = "listed"
)

// campaignDevices is what the keys of the devices of a campaign begin with.
func campaignDevices(id, which string) []byte { return append(pair(id, which), 0) }

// PutCampaign implements [store.Store].
func (db *DB) PutCampaign(ctx context.Context, c store.Campaign) (store.Campaign, error) {
	if err := c.Validate(); err != nil {
		return store.Campaign{}, fmt.Errorf("put campaign %q: %w", c.ID, err)
	}
	next := c
	next.Revision++
	next.Updated = time.Now().UTC().Round(0)
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.campaign(tx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		if err == nil {
			err = checkRevision(c.Revision, old.Revision)
		}
		if err == nil && old.Revision == 0 {
			next.Created = next.Updated
			failed, err = db.makeCampaignRoom(tx)
		} else {
			next.Created = old.Created
		}
		if err != nil || failed != nil {
			return err, failed
		}
		row, err := rows.EncodeCampaign(next)
		if err != nil {
			return err, nil
		}
		return nil, tx.Bucket(bucketCampaign).Put([]byte(c.ID), row)
	})
	if err != nil {
		return store.Campaign{}, fmt.Errorf("put campaign %q: %w", c.ID, err)
	}
	db.file.Unread().Settled(bucketCampaign, c.ID)
	return next, nil
}

// makeCampaignRoom removes the oldest campaign that has ended where there are as many as can be. Where none has, it
// says so.
func (db *DB) makeCampaignRoom(tx *transaction) (failed, refused error) {
	n, oldest := 0, ""
	tx.Bucket(bucketCampaign).Ascend(nil, func(k, row []byte) bool {
		c, err := rows.DecodeCampaign(row)
		if ended := err != nil || c.State.Ended(); ended && oldest == "" {
			oldest = string(k)
		}
		n++
		return true
	})
	switch {
	case n < store.MaxCampaigns:
		return nil, nil
	case oldest == "":
		return nil, fmt.Errorf("%w: there are %d campaigns that go on, which is the most", store.ErrInvalid, n)
	}
	return dropCampaign(tx, oldest), nil
}

// dropCampaign removes a campaign and its devices.
func dropCampaign(tx *transaction, id string) error {
	var keys [][]byte
	underPrefix(tx.Bucket(bucketCampaignDevice), pair(id, ""), nil, func(k []byte) bool {
		keys = append(keys, slices.Clone(k))
		return true
	})
	errs := []error{tx.Bucket(bucketCampaign).Delete([]byte(id)), tx.Bucket(bucketCampaignProgress).Delete([]byte(id))}
	for _, k := range keys {
		errs = append(errs, tx.Bucket(bucketCampaignDevice).Delete(k))
	}
	return errors.Join(errs...)
}

// campaign reads the row of one campaign.
func (db *DB) campaign(tx *transaction, id string) (store.Campaign, error) {
	row := tx.Bucket(bucketCampaign).Get([]byte(id))
	if row == nil {
		return store.Campaign{}, store.ErrNotFound
	}
	c, err := rows.DecodeCampaign(row)
	if err != nil {
		return store.Campaign{}, unreadable(bucketCampaign, id, err)
	}
	return c, nil
}

// campaignRecord reads a campaign and how far it has come.
func (db *DB) campaignRecord(tx *transaction, id string) (r store.CampaignRecord, err error) {
	if r.Campaign, err = db.campaign(tx, id); err != nil {
		return r, err
	}
	if row := tx.Bucket(bucketCampaignProgress).Get([]byte(id)); row != nil {
		if r.Progress, err = rows.DecodeCampaignProgress(row); err != nil {
			return r, unreadable(bucketCampaignProgress, id, err)
		}
	}
	return r, nil
}

// Campaign implements [store.Store].
func (db *DB) Campaign(ctx context.Context, id string) (r store.CampaignRecord, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		r, err = db.campaignRecord(tx, id)
		return err
	})
	if err != nil {
		return store.CampaignRecord{}, fmt.Errorf("campaign %q: %w", id, err)
	}
	return r, nil
}

// Campaigns implements [store.Store].
func (db *DB) Campaigns(ctx context.Context) (all []store.CampaignRecord, err error) {
	err = db.view(ctx, func(tx *transaction) (failed error) {
		tx.Bucket(bucketCampaign).Ascend(nil, func(k, _ []byte) bool {
			r, err := db.campaignRecord(tx, string(k))
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("campaign %q: %w", k, err)
				return false
			default:
				all = append(all, r)
			}
			return true
		})
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return all, nil
}

// DeleteCampaign implements [store.Store].
func (db *DB) DeleteCampaign(ctx context.Context, id string) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if tx.Bucket(bucketCampaign).Get([]byte(id)) == nil {
			return store.ErrNotFound, nil
		}
		return nil, dropCampaign(tx, id)
	})
	if err != nil {
		return fmt.Errorf("delete campaign %q: %w", id, err)
	}
	db.file.Unread().Settled(bucketCampaign, id)
	return nil
}

// AdvanceCampaign implements [store.Store].
func (db *DB) AdvanceCampaign(ctx context.Context, id string, p store.CampaignProgress, devices ...store.CampaignDevice) error {
	progress, err := rows.EncodeCampaignProgress(p)
	if err != nil {
		return err
	}
	err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if tx.Bucket(bucketCampaign).Get([]byte(id)) == nil {
			return store.ErrNotFound, nil
		}
		errs := []error{tx.Bucket(bucketCampaignProgress).Put([]byte(id), progress)}
		for _, d := range devices {
			errs = append(errs, putCampaignDevice(tx, id, d))
		}
		return nil, errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("advance campaign %q: %w", id, err)
	}
	return nil
}

// putCampaignDevice puts a device where its state belongs, and removes it elsewhere.
func putCampaignDevice(tx *transaction, id string, d store.CampaignDevice) error {
	row, err := rows.EncodeCampaignDevice(d)
	if err != nil {
		return err
	}
	errs := []error{}
	for which, here := range map[string]bool{openDevice: d.State.Open(), listedDevice: !d.State.Open() && d.State != store.CampaignDeviceDone} {
		key := append(campaignDevices(id, which), d.Endpoint...)
		switch b := tx.Bucket(bucketCampaignDevice); {
		case here:
			errs = append(errs, b.Put(key, row))
		case b.Get(key) != nil:
			errs = append(errs, b.Delete(key))
		}
	}
	return errors.Join(errs...)
}

// CampaignDevice implements [store.Store].
func (db *DB) CampaignDevice(ctx context.Context, id string, ep lwm2m.EndpointName) (d store.CampaignDevice, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		for _, which := range []string{openDevice, listedDevice} {
			key := append(campaignDevices(id, which), ep...)
			if row := tx.Bucket(bucketCampaignDevice).Get(key); row != nil {
				d, err = rows.DecodeCampaignDevice(row)
				return unreadable(bucketCampaignDevice, string(key), err)
			}
		}
		return store.ErrNotFound
	})
	if err != nil {
		return store.CampaignDevice{}, fmt.Errorf("device %q of campaign %q: %w", ep, id, err)
	}
	return d, nil
}

// CampaignDevices implements [store.Store].
func (db *DB) CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) (page []store.CampaignDevice, err error) {
	limit, which := pageLimit(q.Limit), listedDevice
	if q.Open {
		which = openDevice
	}
	prefix := campaignDevices(q.Campaign, which)
	after := append(slices.Clone(prefix), q.After...)
	err = db.view(ctx, func(tx *transaction) (failed error) {
		tx.Bucket(bucketCampaignDevice).Ascend(after, func(k, row []byte) bool {
			if !bytes.HasPrefix(k, prefix) {
				return false
			}
			if q.After != "" && bytes.Equal(k, after) {
				return true
			}
			d, err := rows.DecodeCampaignDevice(row)
			switch err = unreadable(bucketCampaignDevice, string(k), err); {
			case db.skips(err):
			case err != nil:
				failed = err
				return false
			default:
				page = append(page, d)
			}
			return len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list devices of campaign %q: %w", q.Campaign, err)
	}
	return page, nil
}

// campaignRowAt returns what is wrong with a row of one of the buckets of campaigns.
func campaignRowAt(bucket, key, row []byte) (err error) {
	switch {
	case bytes.Equal(bucket, bucketCampaign):
		var c store.Campaign
		if c, err = rows.DecodeCampaign(row); err == nil && c.ID != string(key) {
			err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, c.ID)
		}
	case bytes.Equal(bucket, bucketCampaignProgress):
		_, err = rows.DecodeCampaignProgress(row)
	default:
		var d store.CampaignDevice
		if d, err = rows.DecodeCampaignDevice(row); err == nil && !bytes.HasSuffix(key, append([]byte{0}, d.Endpoint...)) {
			err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, d.Endpoint)
		}
	}
	return err
}
