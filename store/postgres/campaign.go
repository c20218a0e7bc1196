package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// A campaignRow is a row of a campaign.
type campaignRow struct {
	id            string
	row, progress []byte
}

func (r campaignRow) campaign() (store.Campaign, error) {
	c, err := rows.DecodeCampaign(r.row)
	if err == nil && c.ID != r.id {
		err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, c.ID)
	}
	return c, unreadable(store.KindCampaign, r.id, err)
}

// record reads the campaign and how far it has come.
func (r campaignRow) record() (out store.CampaignRecord, err error) {
	if out.Campaign, err = r.campaign(); err == nil && r.progress != nil {
		out.Progress, err = rows.DecodeCampaignProgress(r.progress)
		err = unreadable("campaign_progress", r.id, err)
	}
	return out, err
}

// lockCampaign reads a campaign and locks it; the zero one where there is none.
func (tx *transaction) lockCampaign(ctx context.Context, id string) (r campaignRow, err error) {
	return r, tx.Read(ctx, one("select id, row from campaign where id = $1 for update", []any{text(id)}, &r.id, &r.row))
}

// PutCampaign implements [store.Store].
func (db *DB) PutCampaign(ctx context.Context, c store.Campaign) (next store.Campaign, err error) {
	if err = c.Validate(); err == nil {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			next, err = tx.putCampaign(ctx, c)
			return err
		})
	}
	if err != nil {
		return store.Campaign{}, fmt.Errorf("put campaign %q: %w", c.ID, err)
	}
	db.unread.settled(store.KindCampaign, c.ID)
	return next, nil
}

func (tx *transaction) putCampaign(ctx context.Context, c store.Campaign) (next store.Campaign, err error) {
	found, err := tx.lockCampaign(ctx, c.ID)
	var old store.Campaign
	if err == nil && found.row != nil {
		old, err = found.campaign()
	}
	if err == nil {
		err = checkRevision(c.Revision, old.Revision)
	}
	if err != nil {
		return next, err
	}
	next = c
	next.Revision++
	next.Updated = now()
	if next.Created = old.Created; old.Revision == 0 {
		next.Created = next.Updated
		if err := tx.makeCampaignRoom(ctx); err != nil {
			return next, err
		}
	}
	row, err := rows.EncodeCampaign(next)
	if err != nil {
		return next, err
	}
	sql := "insert into campaign (id, rev, ended, row) values ($1, $2, $3, $4)"
	if found.row != nil {
		sql = "update campaign set rev = $2, ended = $3, row = $4 where id = $1"
	}
	tx.Write(sql, c.ID, int64(next.Revision), next.State.Ended(), row)
	return next, nil
}

// makeCampaignRoom has the oldest campaign removed that has ended where there are as many as can be. Where none has,
// it says so.
func (tx *transaction) makeCampaignRoom(ctx context.Context) error {
	n, oldest := 0, ""
	err := tx.Read(ctx, one("select 1 from meta where k = 'schema' for update", nil, new(int)), one("select count(*) from campaign", nil, &n),
		one("select id from campaign where ended order by id limit 1", nil, &oldest))
	switch {
	case err != nil || n < store.MaxCampaigns:
		return err
	case oldest == "":
		return fmt.Errorf("%w: there are %d campaigns that go on, which is the most", store.ErrInvalid, n)
	}
	tx.dropCampaign(oldest)
	return nil
}

// dropCampaign removes a campaign and its devices.
func (tx *transaction) dropCampaign(id string) {
	tx.Write("delete from campaign_device where id = $1", id)
	tx.Write("delete from campaign where id = $1", id)
}

// Campaign implements [store.Store].
func (db *DB) Campaign(ctx context.Context, id string) (r store.CampaignRecord, err error) {
	var found campaignRow
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select id, row, progress from campaign where id = $1", text(id)).Scan(&found.id, &found.row, &found.progress))
	})
	if err == nil {
		r, err = found.record()
		db.unread.note(err)
	}
	if err != nil {
		return store.CampaignRecord{}, fmt.Errorf("campaign %q: %w", id, err)
	}
	return r, nil
}

// Campaigns implements [store.Store].
func (db *DB) Campaigns(ctx context.Context) (all []store.CampaignRecord, err error) {
	var list []campaignRow
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) (err error) {
		list, err = collect(ctx, q, "select id, row, progress from campaign order by id", nil, func(rows pgx.Rows) (r campaignRow, err error) { return r, rows.Scan(&r.id, &r.row, &r.progress) })
		return err
	})
	for _, found := range list {
		r, wrong := found.record()
		switch {
		case db.skips(wrong):
		case wrong != nil:
			err = errors.Join(err, fmt.Errorf("campaign %q: %w", found.id, wrong))
		default:
			all = append(all, r)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list campaigns: %w", err)
	}
	return all, nil
}

// DeleteCampaign implements [store.Store].
func (db *DB) DeleteCampaign(ctx context.Context, id string) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		found, err := tx.lockCampaign(ctx, id)
		if err == nil && found.row == nil {
			err = store.ErrNotFound
		}
		if err == nil {
			tx.dropCampaign(id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete campaign %q: %w", id, err)
	}
	db.unread.settled(store.KindCampaign, id)
	return nil
}

// AdvanceCampaign implements [store.Store].
func (db *DB) AdvanceCampaign(ctx context.Context, id string, p store.CampaignProgress, devices ...store.CampaignDevice) error {
	progress, err := rows.EncodeCampaignProgress(p)
	if err == nil {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			found, err := tx.lockCampaign(ctx, id)
			if err == nil && found.row == nil {
				err = store.ErrNotFound
			}
			if err != nil {
				return err
			}
			tx.Write("update campaign set progress = $2 where id = $1", id, progress)
			for _, d := range devices {
				if err := tx.putCampaignDevice(id, d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("advance campaign %q: %w", id, err)
	}
	return nil
}

// putCampaignDevice puts a device of a campaign, or removes one that is done.
func (tx *transaction) putCampaignDevice(id string, d store.CampaignDevice) error {
	if d.State == store.CampaignDeviceDone {
		tx.Write("delete from campaign_device where id = $1 and endpoint = $2", id, text(string(d.Endpoint)))
		return nil
	}
	row, err := rows.EncodeCampaignDevice(d)
	if err == nil {
		tx.Write("insert into campaign_device (id, endpoint, open, row) values ($1, $2, $3, $4) on conflict (id, endpoint) do update set open = excluded.open, row = excluded.row", id, text(string(d.Endpoint)), d.State.Open(), row)
	}
	return err
}

// CampaignDevice implements [store.Store].
func (db *DB) CampaignDevice(ctx context.Context, id string, ep lwm2m.EndpointName) (d store.CampaignDevice, err error) {
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, "select row from campaign_device where id = $1 and endpoint = $2", text(id), text(string(ep))).Scan(&row))
	})
	if err == nil {
		d, err = rows.DecodeCampaignDevice(row)
		err = unreadable("campaign_device", id+" "+string(ep), err)
	}
	if err != nil {
		return store.CampaignDevice{}, fmt.Errorf("device %q of campaign %q: %w", ep, id, err)
	}
	return d, nil
}

// CampaignDevices implements [store.Store].
func (db *DB) CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) (page []store.CampaignDevice, err error) {
	type found struct {
		ep  string
		row []byte
	}
	limit, after := pageLimit(q.Limit), string(q.After)
	for more := true; more && err == nil && len(page) < limit; {
		asked := limit - len(page)
		var list []found
		err = db.link.View(ctx, func(ctx context.Context, r cluster.Reader) (err error) {
			list, err = collect(ctx, r, "select endpoint, row from campaign_device where id = $1 and open = $2 and endpoint > $3 order by endpoint limit $4", []any{text(q.Campaign), q.Open, text(after), asked},
				func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.ep, &f.row) })
			return err
		})
		for _, f := range list {
			after = f.ep
			d, wrong := rows.DecodeCampaignDevice(f.row)
			switch wrong = unreadable("campaign_device", q.Campaign+" "+f.ep, wrong); {
			case db.skips(wrong):
			case wrong != nil:
				err = wrong
			default:
				page = append(page, d)
			}
		}
		more = len(list) == asked
	}
	if err != nil {
		return nil, fmt.Errorf("list devices of campaign %q: %w", q.Campaign, err)
	}
	return page, nil
}
