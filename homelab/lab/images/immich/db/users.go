package db

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// User is somebody with an account.
type User struct {
	ID        string
	Email     string
	Name      string
	Password  string // its hash
	IsAdmin   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ErrTaken means that there is such a row already.
var ErrTaken = errors.New("exists already")

const userColumns = "id::text, email, name, password, is_admin, created_at, updated_at"

// AddUser makes an account; the first one is made with admin, and ErrTaken says that there is one.
func (d *DB) AddUser(ctx context.Context, email, name, hash string, admin bool) (User, error) {
	rows, err := d.Query(ctx, `INSERT INTO users (email, name, password, is_admin)
		SELECT $1, $2, $3, $4 WHERE NOT ($4 AND EXISTS (SELECT 1 FROM users WHERE is_admin))
		RETURNING `+userColumns, email, name, hash, admin)
	return one[User](rows, err, ErrTaken)
}

// UserByEmail finds an account; ErrNone.
func (d *DB) UserByEmail(ctx context.Context, email string) (User, error) {
	rows, err := d.Query(ctx, "SELECT "+userColumns+" FROM users WHERE lower(email) = lower($1)", email)
	return one[User](rows, err, ErrNone)
}

// Users are all accounts, oldest first.
func (d *DB) Users(ctx context.Context) ([]User, error) {
	rows, err := d.Query(ctx, "SELECT "+userColumns+" FROM users ORDER BY created_at")
	return many[User](rows, err)
}

// Initialized tells whether there is an administrator.
func (d *DB) Initialized(ctx context.Context) (yes bool, err error) {
	err = d.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM users WHERE is_admin)").Scan(&yes)
	return yes, err
}

// AddToken lets token in as user; keyName is empty for a login.
func (d *DB) AddToken(ctx context.Context, user, token, keyName string) (id string, at time.Time, err error) {
	err = d.QueryRow(ctx, `INSERT INTO tokens (hash, user_id, key_name) VALUES ($1, $2, nullif($3, ''))
		RETURNING id::text, created_at`, hashOf(token), user, keyName).Scan(&id, &at)
	return id, at, err
}

// UserByToken tells who a token belongs to; key says whether it is an API key. ErrNone.
func (d *DB) UserByToken(ctx context.Context, token string, key bool) (User, error) {
	rows, err := d.Query(ctx, `SELECT `+userColumns+` FROM users WHERE id =
		(SELECT user_id FROM tokens WHERE hash = $1 AND (key_name IS NOT NULL) = $2)`, hashOf(token), key)
	return one[User](rows, err, ErrNone)
}

// EndToken forgets a login.
func (d *DB) EndToken(ctx context.Context, token string) error {
	_, err := d.Exec(ctx, "DELETE FROM tokens WHERE hash = $1", hashOf(token))
	return err
}

// Release is an entry of the version history.
type Release struct {
	ID        string
	Version   string
	CreatedAt time.Time
}

// Releases are the versions that have served this database, newest first.
func (d *DB) Releases(ctx context.Context) ([]Release, error) {
	rows, err := d.Query(ctx, "SELECT id::text, version, created_at FROM version_history ORDER BY created_at DESC")
	return many[Release](rows, err)
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func many[T any](rows pgx.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// one reads a row; without becomes the error when there is none, and ErrTaken when the row would be a second one.
func one[T any](rows pgx.Rows, err, without error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	found, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[T])
	var said *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return none, without
	case errors.As(err, &said) && said.Code == "23505": // unique_violation
		return none, ErrTaken
	case errors.As(err, &said) && said.Code == "22P02": // an identifier that is none
		return none, ErrNone
	}
	return found, err
}
