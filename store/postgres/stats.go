package postgres

import (
	"context"
	"fmt"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
)

// Stats implements [store.Store].
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	s := store.Stats{Backend: "postgres", Schema: schema}
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return q.QueryRow(ctx, `select (select coalesce(sum(n), 0)::bigint from tally where name = $1), (select count(*) from profile), (select count(*) from enrolment_group), (select count(*) from lwm2m_server),
			(select count(*) from session), pg_database_size(current_database())`, tallyDevices).Scan(&s.Devices, &s.Profiles, &s.Groups, &s.LwM2MServers, &s.Sessions, &s.Bytes)
	})
	if err != nil {
		return store.Stats{}, fmt.Errorf("database statistics: %w", err)
	}
	return s, nil
}
