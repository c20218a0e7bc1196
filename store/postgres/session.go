package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// What a peer proved, as the column proof has it. Those below proofNone count among the device's own.
const (
	proofIdentity = 0
	proofAddress  = 1
	proofNone     = 2
)

func proofOf(s store.Session) int {
	switch s.Proof {
	case store.ProofNone:
		return proofNone
	case store.ProofAddress:
		return proofAddress
	}
	return proofIdentity
}

// historyUnknown is the history of attempts that belong to no device; else it is that of a proof.
const historyUnknown = 3

// historyOf is the part of all sessions that s belongs to, which has limits of its own.
func historyOf(s store.Session) int {
	if !s.Known {
		return historyUnknown
	}
	return proofOf(s)
}

// A sessionRow is a session that is to be stored.
type sessionRow struct {
	store.Session
	row []byte
}

func (db *DB) encodeSession(s store.Session) (sessionRow, error) {
	if s.ID == "" || text(s.ID) != s.ID {
		return sessionRow{}, fmt.Errorf("%w: a session needs an ID", store.ErrInvalid)
	}
	row, err := rows.EncodeSession(s)
	return sessionRow{s, row}, err
}

// A historyEdit stores sessions.
type historyEdit struct {
	sessions []sessionRow
	kept     map[string]string // the endpoints of those that are stored already, by ID
	servers  version           // of the LwM2M Servers
}

func newHistoryEdit(sessions []sessionRow) *historyEdit {
	return &historyEdit{sessions: sessions, kept: make(map[string]string)}
}

// reads is what is to be read before apply is called.
func (e *historyEdit) reads() []cluster.Query {
	ids := make([]string, len(e.sessions))
	for i, s := range e.sessions {
		ids[i] = s.ID
	}
	return []cluster.Query{
		{SQL: "select id, endpoint from session where id = any($1) order by id for update", Args: []any{ids}, Row: func(r pgx.Rows) error {
			var id, ep string
			err := r.Scan(&id, &ep)
			e.kept[id] = ep
			return err
		}},
		one(sqlServersVersion, nil, &e.servers.rev),
	}
}

// apply has the sessions written, and adds the events that they make.
func (e *historyEdit) apply(ctx context.Context, tx *transaction, o *outgoing) error {
	if err := e.follow(); err != nil {
		return err
	}
	if err := e.tell(ctx, tx, o); err != nil {
		return err
	}
	var c sessionColumns
	last := make(map[string]int) // of several with one ID the last one counts
	for i, s := range e.sessions {
		last[s.ID] = i
	}
	for i, s := range e.sessions {
		if last[s.ID] == i {
			c.add(s)
		}
	}
	c.write(tx)
	return nil
}

// follow gives sessions the name that their device has now, if it was renamed since they were stored first.
func (e *historyEdit) follow() error {
	for i, s := range e.sessions {
		ep, found := e.kept[s.ID]
		if !found || ep == text(string(s.Endpoint)) {
			continue
		}
		s.Endpoint = lwm2m.EndpointName(ep)
		row, err := rows.EncodeSession(s.Session)
		if err != nil {
			return err
		}
		e.sessions[i] = sessionRow{s.Session, row}
	}
	return nil
}

// tell adds the events of sessions that are not stored yet.
func (e *historyEdit) tell(ctx context.Context, tx *transaction, o *outgoing) error {
	if o.servers == nil {
		if _, err := o.serversAt(ctx, tx, e.servers); err != nil {
			return err
		}
	}
	wanted := false
	for _, s := range o.servers {
		wanted = wanted || slices.Contains(s.Events, store.EventBootstrapped) || slices.Contains(s.Events, store.EventFailed)
	}
	if !wanted {
		return nil
	}
	var names []string
	for _, s := range e.sessions {
		names = append(names, text(string(s.Endpoint)))
	}
	series := make(map[string][]byte)
	err := tx.Read(ctx, cluster.Query{SQL: "select endpoint, row from failure_series where endpoint = any($1) order by endpoint for update", Args: []any{names}, Row: func(r pgx.Rows) error {
		var ep string
		var row []byte
		err := r.Scan(&ep, &row)
		series[ep] = row
		return err
	}})
	if err != nil {
		return err
	}
	told := make(map[string]bool)
	for _, s := range e.sessions {
		if _, stored := e.kept[s.ID]; stored || told[s.ID] {
			continue
		}
		told[s.ID] = true
		if err := o.sessionEvent(ctx, tx, s.Session, series); err != nil {
			return err
		}
	}
	return nil
}

// sessionColumns are those of several sessions.
type sessionColumns struct {
	ids, names, claimed, identities []string
	proofs, histories               []int16
	failed                          []bool
	rows                            [][]byte
}

func (c *sessionColumns) add(s sessionRow) {
	c.ids, c.names = append(c.ids, s.ID), append(c.names, text(string(s.Endpoint)))
	c.claimed, c.identities = append(c.claimed, text(string(s.Claimed))), append(c.identities, text(s.Identity))
	c.proofs, c.histories = append(c.proofs, int16(proofOf(s.Session))), append(c.histories, int16(historyOf(s.Session)))
	c.failed, c.rows = append(c.failed, s.Cause.Failure()), append(c.rows, s.row)
}

// maxPruned is how many sessions of one device one edit removes at most.
const maxPruned = 100

// sqlReplace is what becomes of a session that is stored already.
const sqlReplace = ` on conflict (id) do update set endpoint = excluded.endpoint, claimed = excluded.claimed, identity = excluded.identity, proof = excluded.proof,
	history = excluded.history, failed = excluded.failed, row = excluded.row`

// write has the sessions written, and the oldest ones of their devices removed above the limits. For one session it
// has statements of its own, which take less than half of the time.
func (c *sessionColumns) write(tx *transaction) {
	const into = "insert into session (id, endpoint, claimed, identity, proof, history, failed, row) "
	if len(c.ids) == 1 {
		tx.Write(into+"values ($1, $2, $3, $4, $5, $6, $7, $8)"+sqlReplace, c.ids[0], c.names[0], c.claimed[0], c.identities[0], c.proofs[0], c.histories[0], c.failed[0], c.rows[0])
	} else {
		tx.Write(into+"select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::smallint[], $7::boolean[], $8::bytea[])"+sqlReplace,
			c.ids, c.names, c.claimed, c.identities, c.proofs, c.histories, c.failed, c.rows)
	}
	tx.prune(c.names, c.proofs)
}

// prune has the oldest sessions of devices removed above the limits, of those with the same proof.
func (tx *transaction) prune(names []string, proofs []int16) {
	limit := tx.db.opts.SessionsPerDevice
	unproved := min(limit, tx.db.opts.UnprovedPerDevice)
	if len(names) == 1 {
		if proofs[0] == proofNone {
			limit = unproved
		}
		if names[0] != "" {
			tx.Write("delete from session where id = any(array(select id from session where endpoint = $1 and proof = $2 order by id desc offset $3 limit $4))", names[0], proofs[0], limit, maxPruned)
		}
		return
	}
	tx.Write(`delete from session where id = any(array(select o.id from (select distinct endpoint, proof from unnest($1::text[], $2::smallint[]) as u (endpoint, proof) where endpoint <> '') n
		cross join lateral (select s.id from session s where s.endpoint = n.endpoint and s.proof = n.proof order by s.id desc offset case n.proof when $3 then $4::bigint else $5::bigint end limit $6) o))`,
		names, proofs, proofNone, unproved, limit, maxPruned)
}

// moveSessions makes the history of the device ep that of the device to. What cannot be read stays where it is, and so
// does what came before ep was a device.
func (tx *transaction) moveSessions(ctx context.Context, ep, to lwm2m.EndpointName) error {
	var c sessionColumns
	err := tx.Read(ctx, cluster.Query{SQL: "select row from session where endpoint = $1 and history <> $2 order by id for update", Args: []any{string(ep), historyUnknown}, Row: func(r pgx.Rows) error {
		var row []byte
		if err := r.Scan(&row); err != nil {
			return err
		}
		s, err := rows.DecodeSession(row)
		if err != nil {
			return nil
		}
		s.Endpoint = to
		if row, err = rows.EncodeSession(s); err != nil {
			return err
		}
		c.add(sessionRow{s, row})
		return nil
	}})
	if err == nil && len(c.ids) > 0 {
		c.write(tx)
	}
	return err
}
