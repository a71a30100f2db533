package db

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations
var scripts embed.FS

// steps are the migrations in their order, with the first release that has each.
var steps = []struct {
	name  string
	since Version
}{
	{"1_photos", Version{0, 0, 0}},
	{"2_v3", Version{3, 0, 0}},
}

// TooNew means that the database has migrations that this version does not know.
type TooNew struct {
	Version Version
	Last    string
}

func (e TooNew) Error() string {
	return fmt.Sprintf("corrupted migrations: the database has migration %s, which Immich %s does not know; "+
		"there is no downgrade: start the newer version, or restore the backup made before the upgrade", e.Last, e.Version)
}

// migrate runs what is missing, all in one transaction, while no other server does.
func migrate(ctx context.Context, pool *pgxpool.Pool, version Version, log func(format string, args ...any)) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		const lock = 2283
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrations
			(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`); err != nil {
			return err
		}
		done, err := applied(ctx, tx)
		if err != nil {
			return err
		}
		for _, step := range steps {
			known := !version.Before(step.since)
			switch {
			case done[step.name] && !known:
				return TooNew{version, step.name}
			case known && !done[step.name]:
				if err := apply(ctx, tx, step.name); err != nil {
					return fmt.Errorf("migration %s: %w", step.name, err)
				}
				log("migration %s succeeded", step.name)
			}
			delete(done, step.name)
		}
		for name := range done { // a release after this program
			return TooNew{version, name}
		}
		_, err = tx.Exec(ctx, `INSERT INTO version_history (version) SELECT $1
			WHERE $1 IS DISTINCT FROM (SELECT version FROM version_history ORDER BY created_at DESC LIMIT 1)`, version.String())
		return err
	})
}

func applied(ctx context.Context, tx pgx.Tx) (map[string]bool, error) {
	rows, err := tx.Query(ctx, "SELECT name FROM migrations")
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	done := map[string]bool{}
	for _, name := range names {
		done[name] = true
	}
	return done, err
}

func apply(ctx context.Context, tx pgx.Tx, name string) error {
	script, err := scripts.ReadFile("migrations/" + name + ".sql")
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, string(script)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO migrations (name) VALUES ($1)", name)
	return err
}
