package db

import (
	"context"
	"time"
)

// Album is a choice of an owner's assets.
type Album struct {
	ID          string
	Name        string
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Assets      int
	Cover       *string // the newest asset
	From, Until *time.Time
}

const albumQuery = `SELECT b.id::text, b.name, b.description, b.created_at, b.updated_at, count(a.id),
	(array_agg(a.id::text ORDER BY a.local_at DESC) FILTER (WHERE a.id IS NOT NULL))[1], min(a.taken_at), max(a.taken_at)
	FROM albums b LEFT JOIN album_assets m ON m.album_id = b.id
	LEFT JOIN assets a ON a.id = m.asset_id AND a.deleted_at IS NULL
	WHERE b.owner_id = $1 AND ($2 = '' OR b.id::text = $2)
	AND ($3 = '' OR b.id IN (SELECT album_id FROM album_assets WHERE asset_id::text = $3))
	GROUP BY b.id ORDER BY b.created_at DESC`

// Albums are an owner's; asset, unless empty, keeps those that contain it.
func (d *DB) Albums(ctx context.Context, owner, asset string) ([]Album, error) {
	rows, err := d.Query(ctx, albumQuery, owner, "", asset)
	return many[Album](rows, err)
}

// Album finds one; ErrNone.
func (d *DB) Album(ctx context.Context, owner, id string) (Album, error) {
	rows, err := d.Query(ctx, albumQuery, owner, id, "")
	return one[Album](rows, err, ErrNone)
}

// AddAlbum makes an empty album.
func (d *DB) AddAlbum(ctx context.Context, owner, name, description string) (Album, error) {
	var id string
	err := d.QueryRow(ctx, "INSERT INTO albums (owner_id, name, description) VALUES ($1, $2, $3) RETURNING id::text",
		owner, name, description).Scan(&id)
	if err != nil {
		return Album{}, err
	}
	return d.Album(ctx, owner, id)
}

// EditAlbum changes name and description, where they are given; ErrNone.
func (d *DB) EditAlbum(ctx context.Context, owner, id string, name, description *string) (Album, error) {
	if _, err := d.Exec(ctx, `UPDATE albums SET name = coalesce($3, name), description = coalesce($4, description),
		updated_at = now() WHERE owner_id = $1 AND id::text = $2`, owner, id, name, description); err != nil {
		return Album{}, err
	}
	return d.Album(ctx, owner, id)
}

// DropAlbum forgets an album and leaves its assets; ErrNone.
func (d *DB) DropAlbum(ctx context.Context, owner, id string) error {
	done, err := d.Exec(ctx, "DELETE FROM albums WHERE owner_id = $1 AND id::text = $2", owner, id)
	if err == nil && done.RowsAffected() == 0 {
		return ErrNone
	}
	return err
}

// Put puts an asset of the owner's into an album; ErrNone for a strange asset, ErrTaken when it is in there.
func (d *DB) Put(ctx context.Context, owner, album, asset string) error {
	if _, err := d.Asset(ctx, owner, asset); err != nil {
		return err
	}
	done, err := d.Exec(ctx, "INSERT INTO album_assets VALUES ($1, $2) ON CONFLICT DO NOTHING", album, asset)
	if err == nil && done.RowsAffected() == 0 {
		return ErrTaken
	}
	return err
}

// Take takes an asset out of an album; ErrNone when it is not in there.
func (d *DB) Take(ctx context.Context, album, asset string) error {
	done, err := d.Exec(ctx, "DELETE FROM album_assets WHERE album_id::text = $1 AND asset_id::text = $2", album, asset)
	if err == nil && done.RowsAffected() == 0 {
		return ErrNone
	}
	return err
}
