package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

var lwm2mServers = named[store.LwM2MServer]{
	kind: "LwM2M Server", unreadable: store.KindLwM2MServer, table: "lwm2m_server", most: store.MaxLwM2MServers, version: "servers",
	head:     func(s *store.LwM2MServer) head { return head{s.Name, &s.Revision, &s.Created, &s.Updated} },
	validate: store.LwM2MServer.Validate, clone: store.LwM2MServer.Clone, encode: rows.EncodeLwM2MServer, decode: rows.DecodeLwM2MServer,
	inUse: serverInUse, gone: dropDeadLetters,
}

// PutLwM2MServer implements [store.Store].
func (db *DB) PutLwM2MServer(ctx context.Context, s store.LwM2MServer) (store.LwM2MServer, error) {
	return lwm2mServers.put(ctx, db, s)
}

// LwM2MServer implements [store.Store].
func (db *DB) LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error) {
	return lwm2mServers.get(ctx, db, name)
}

// LwM2MServers implements [store.Store].
func (db *DB) LwM2MServers(ctx context.Context) ([]store.LwM2MServer, error) {
	return lwm2mServers.list(ctx, db)
}

// DeleteLwM2MServer implements [store.Store].
func (db *DB) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	return lwm2mServers.delete(ctx, db, name, rev)
}

// serverInUse returns why an LwM2M Server cannot be deleted, for the profiles that name it and the messages that wait
// for it. The outbox is locked, so that none comes meanwhile.
func serverInUse(ctx context.Context, tx *transaction, name string) error {
	user := ""
	err := tx.Read(ctx, cluster.Query{SQL: "select name, row from profile order by name", Row: func(r pgx.Rows) error {
		var profile string
		var row []byte
		if err := r.Scan(&profile, &row); err != nil {
			return err
		}
		p, err := rows.DecodeProfile(row)
		if err == nil && user == "" && slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return slices.Contains(a.ServerNames(), name) }) {
			user = profile
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if user != "" {
		return fmt.Errorf("%w, by profile %q among others", store.ErrInUse, user)
	}
	counts, err := tx.lockOutbox(ctx)
	if err != nil {
		return err
	}
	if c := counts[name]; c != nil && c.Queued > 0 {
		return fmt.Errorf("%w: %d messages wait for it (lwbs outbox list --receiver %s): let them be delivered, or drop them", store.ErrInUse, c.Queued, name)
	}
	return nil
}

// dropDeadLetters removes all dead letters of a receiver, for which no messages wait, and its count.
func dropDeadLetters(_ context.Context, tx *transaction, receiver string) error {
	tx.Write("delete from outbox where receiver = $1", receiver)
	tx.Write("update outbox_count a set dead = a.dead - c.dead, bytes = a.bytes - c.bytes from outbox_count c where a.receiver = '' and c.receiver = $1", receiver)
	tx.Write("delete from outbox_count where receiver = $1", receiver)
	return nil
}
