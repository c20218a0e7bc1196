package cluster

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// migrationPatience is for how long a migration may take, and waits for that of another server.
const migrationPatience = 10 * time.Minute

// Migrate runs steps in one transaction, again where another came between. The steps find out themselves whether they
// have run.
func (db *DB) Migrate(ctx context.Context, steps func(ctx context.Context, tx pgx.Tx) error) error {
	end, err := db.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	for tries := db.newTries(); ; {
		err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error { return steps(ctx, tx) })
		if err == nil || !isAgain(err) && codeOf(err) != codeLockTimeout || !tries.between(ctx) {
			return db.adapt(ctx, err)
		}
	}
}
