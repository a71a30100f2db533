package db

import (
	"context"
	"errors"
	"time"
)

// Asset is a photo or a video.
type Asset struct {
	ID         string
	OwnerID    string
	Checksum   []byte // SHA-1 of the file
	Type       string // IMAGE or VIDEO
	Mime       string
	Name       string
	Path       string
	Size       int64
	Width      *int
	Height     *int
	Make       *string
	Model      *string
	Latitude   *float64
	Longitude  *float64
	Favorite   bool
	TakenAt    time.Time
	LocalAt    time.Time // what the clock on the wall said then
	ModifiedAt time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
	DeletedAt  *time.Time // in the trash since
}

const assetColumns = `id::text, owner_id::text, checksum, type, mime, name, path, size, width, height, make, model,
	latitude, longitude, favorite, taken_at, local_at, modified_at, created_at, updated_at, deleted_at`

// AddAsset stores an asset, or returns the owner's that has the same checksum.
func (d *DB) AddAsset(ctx context.Context, a Asset) (id string, added bool, err error) {
	rows, err := d.Query(ctx, `INSERT INTO assets (id, owner_id, checksum, type, mime, name, path, size, width, height,
		make, model, latitude, longitude, favorite, taken_at, local_at, modified_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)
		ON CONFLICT (owner_id, checksum) DO NOTHING RETURNING `+assetColumns,
		a.ID, a.OwnerID, a.Checksum, a.Type, a.Mime, a.Name, a.Path, a.Size, a.Width, a.Height,
		a.Make, a.Model, a.Latitude, a.Longitude, a.Favorite, a.TakenAt, a.LocalAt, a.ModifiedAt)
	stored, err := one[Asset](rows, err, ErrTaken)
	if errors.Is(err, ErrTaken) {
		stored, err = d.AssetByChecksum(ctx, a.OwnerID, a.Checksum)
		return stored.ID, false, err
	}
	return stored.ID, true, err
}

// Asset finds an owner's asset; ErrNone.
func (d *DB) Asset(ctx context.Context, owner, id string) (Asset, error) {
	rows, err := d.Query(ctx, "SELECT "+assetColumns+" FROM assets WHERE owner_id = $1 AND id::text = $2", owner, id)
	return one[Asset](rows, err, ErrNone)
}

// AssetByChecksum finds an owner's asset; ErrNone.
func (d *DB) AssetByChecksum(ctx context.Context, owner string, checksum []byte) (Asset, error) {
	rows, err := d.Query(ctx, "SELECT "+assetColumns+" FROM assets WHERE owner_id = $1 AND checksum = $2", owner, checksum)
	return one[Asset](rows, err, ErrNone)
}

// Search says which assets are wanted; what is left at its zero value does not matter.
type Search struct {
	Name, Type, Album, ID string
	Checksum              []byte
	Favorite              *bool
	Trashed               bool // those in the trash instead of those outside
	TakenAfter            *time.Time
	TakenBefore           *time.Time
	Month                 *time.Time // the month that begins then, by the clock on the wall
	Oldest                bool       // the oldest first
	Limit, Offset         int
}

// Assets are an owner's that search wants.
func (d *DB) Assets(ctx context.Context, owner string, s Search) ([]Asset, error) {
	order := "DESC"
	if s.Oldest {
		order = "ASC"
	}
	rows, err := d.Query(ctx, `SELECT `+assetColumns+` FROM assets WHERE owner_id = $1
		AND ($2 = '' OR strpos(lower(name), lower($2)) > 0) AND ($3 = '' OR type = $3)
		AND ($4 = '' OR id IN (SELECT asset_id FROM album_assets WHERE album_id::text = $4)) AND ($5 = '' OR id::text = $5)
		AND ($6::bytea IS NULL OR checksum = $6) AND ($7::boolean IS NULL OR favorite = $7) AND (deleted_at IS NOT NULL) = $8
		AND ($9::timestamptz IS NULL OR taken_at >= $9) AND ($10::timestamptz IS NULL OR taken_at <= $10)
		AND ($11::timestamp IS NULL OR date_trunc('month', local_at) = $11)
		ORDER BY local_at `+order+`, id LIMIT nullif($12, 0) OFFSET $13`,
		owner, s.Name, s.Type, s.Album, s.ID, s.Checksum, s.Favorite, s.Trashed, s.TakenAfter, s.TakenBefore, s.Month,
		s.Limit, s.Offset)
	return many[Asset](rows, err)
}

// Bucket is a month and how many assets it has.
type Bucket struct {
	Month time.Time
	Count int
}

// Buckets are the months of an owner's timeline, newest first; album "" means all.
func (d *DB) Buckets(ctx context.Context, owner, album string, trashed bool) ([]Bucket, error) {
	rows, err := d.Query(ctx, `SELECT date_trunc('month', local_at) AS month, count(*) FROM assets
		WHERE owner_id = $1 AND (deleted_at IS NOT NULL) = $2
		AND ($3 = '' OR id IN (SELECT asset_id FROM album_assets WHERE album_id::text = $3))
		GROUP BY month ORDER BY month DESC`, owner, trashed, album)
	return many[Bucket](rows, err)
}

// SetFavorite changes an asset; ErrNone.
func (d *DB) SetFavorite(ctx context.Context, owner, id string, favorite bool) (Asset, error) {
	rows, err := d.Query(ctx, `UPDATE assets SET favorite = $3, updated_at = now()
		WHERE owner_id = $1 AND id::text = $2 RETURNING `+assetColumns, owner, id, favorite)
	return one[Asset](rows, err, ErrNone)
}

// Trash moves assets to the trash or, with back, out of it, and returns how many were moved.
func (d *DB) Trash(ctx context.Context, owner string, ids []string, back bool) (int64, error) {
	done, err := d.Exec(ctx, `UPDATE assets SET deleted_at = CASE WHEN $3 THEN NULL ELSE now() END, updated_at = now()
		WHERE owner_id = $1 AND ($2::text[] IS NULL OR id::text = ANY($2)) AND (deleted_at IS NOT NULL) = $3`, owner, ids, back)
	return done.RowsAffected(), err
}

// Delete forgets assets for good; without ids those in the trash. It returns them, so that their files can go.
func (d *DB) Delete(ctx context.Context, owner string, ids []string) ([]Asset, error) {
	rows, err := d.Query(ctx, `DELETE FROM assets WHERE owner_id = $1
		AND (id::text = ANY($2) OR ($2::text[] IS NULL AND deleted_at IS NOT NULL)) RETURNING `+assetColumns, owner, ids)
	return many[Asset](rows, err)
}

// Usage is how much a user has stored.
type Usage struct {
	UserID, Name           string
	Photos, Videos         int
	PhotoBytes, VideoBytes int64
}

// Usages are all users'; trashed chooses what is in the trash instead of what is not.
func (d *DB) Usages(ctx context.Context, trashed bool) ([]Usage, error) {
	rows, err := d.Query(ctx, `SELECT u.id::text, u.name, count(a.id) FILTER (WHERE a.type = 'IMAGE'),
		count(a.id) FILTER (WHERE a.type = 'VIDEO'), coalesce(sum(a.size) FILTER (WHERE a.type = 'IMAGE'), 0)::bigint,
		coalesce(sum(a.size) FILTER (WHERE a.type = 'VIDEO'), 0)::bigint
		FROM users u LEFT JOIN assets a ON a.owner_id = u.id AND (a.deleted_at IS NOT NULL) = $1
		GROUP BY u.id, u.name, u.created_at ORDER BY u.created_at`, trashed)
	return many[Usage](rows, err)
}
