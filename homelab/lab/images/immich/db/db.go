// Package db keeps what Immich knows of photos in PostgreSQL.
package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is a database whose schema is the one of this version.
type DB struct{ *pgxpool.Pool }

// ErrNone means that there is no such row, or that it is somebody else's.
var ErrNone = errors.New("not found")

const (
	patience = 5 * time.Minute // how long Open waits for a database that does not answer
	again    = time.Second
)

// Settings reads the connection's parameters where the real image has them.
func Settings() (*pgxpool.Config, error) {
	if url := os.Getenv("DB_URL"); url != "" {
		return pgxpool.ParseConfig(url)
	}
	config, err := pgxpool.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	to := config.ConnConfig
	to.Host, to.Database = cmp.Or(os.Getenv("DB_HOSTNAME"), "database"), cmp.Or(os.Getenv("DB_DATABASE_NAME"), "immich")
	to.User, to.Password = cmp.Or(os.Getenv("DB_USERNAME"), "postgres"), cmp.Or(os.Getenv("DB_PASSWORD"), "postgres")
	to.Port, to.Fallbacks = 5432, nil
	if port := os.Getenv("DB_PORT"); port != "" {
		if _, err := fmt.Sscan(port, &to.Port); err != nil {
			return nil, fmt.Errorf("DB_PORT=%s: %w", port, err)
		}
	}
	return config, nil
}

// Open connects, waiting for a database that is still starting, and brings its schema to version's.
//
// It fails at once when the database refuses the user, and with TooNew when a newer version has been here.
func Open(ctx context.Context, config *pgxpool.Config, version Version, log func(format string, args ...any)) (*DB, error) {
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	where := fmt.Sprintf("%s:%d/%s", config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Database)
	if err := Wait(ctx, "the database "+where, pool.Ping, refused, log); err != nil {
		pool.Close()
		return nil, err
	}
	if err := migrate(ctx, pool, version, log); err != nil {
		pool.Close()
		return nil, err
	}
	return &DB{pool}, nil
}

// refused tells errors that waiting does not cure: a wrong user or password.
func refused(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "28P01" || said.Code == "28000")
}

// Wait calls try until it succeeds; log is told when the reason changes.
func Wait(ctx context.Context, what string, try func(context.Context) error, hopeless func(error) bool,
	log func(format string, args ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last := ""
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if hopeless(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err.Error() != last {
			last = err.Error()
			log("waiting for %s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %s", what, last)
		case <-time.After(again):
		}
	}
}
