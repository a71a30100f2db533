package api

import (
	"strconv"
	"time"

	"homelab/images/immich/db"
)

func (s *Server) timeline() map[string]handler {
	return map[string]handler{
		"GET /api/timeline/buckets": s.buckets,
		"GET /api/timeline/bucket":  s.bucket,
		"POST /api/search/metadata": s.search,
	}
}

func (s *Server) buckets(c *call) (any, error) {
	trashed, _ := c.flag("isTrashed")
	found, err := s.DB.Buckets(c.r.Context(), c.user.ID, c.r.URL.Query().Get("albumId"), trashed)
	views := []fields{}
	for _, b := range found {
		views = append(views, fields{"timeBucket": b.Month.Format(time.DateOnly), "count": b.Count})
	}
	return views, err
}

// bucket is a month's assets as columns, the form that the app's timeline reads.
func (s *Server) bucket(c *call) (any, error) {
	query := c.r.URL.Query()
	month, err := time.Parse(time.DateOnly, query.Get("timeBucket"))
	if err != nil {
		return nil, bad("timeBucket is a month such as 2026-01-01")
	}
	want := db.Search{Month: &month, Album: query.Get("albumId"), Oldest: query.Get("order") == "asc"}
	want.Trashed, _ = c.flag("isTrashed")
	if favorite, given := c.flag("isFavorite"); given {
		want.Favorite = &favorite
	}
	found, err := s.DB.Assets(c.r.Context(), c.user.ID, want)
	if err != nil {
		return nil, err
	}
	columns := map[string][]any{}
	for _, name := range []string{"id", "ownerId", "fileCreatedAt", "createdAt", "localOffsetHours", "isFavorite", "isImage",
		"isTrashed", "ratio", "visibility", "thumbhash", "duration", "livePhotoVideoId", "projectionType", "city", "country"} {
		columns[name] = []any{}
	}
	for _, a := range found {
		for name, value := range row(a) {
			columns[name] = append(columns[name], value)
		}
	}
	return columns, nil
}

func row(a db.Asset) fields {
	ratio := 1.0
	if a.Width != nil && a.Height != nil && *a.Height > 0 {
		ratio = float64(*a.Width) / float64(*a.Height)
	}
	const stamp = "2006-01-02T15:04:05.000"
	return fields{"id": a.ID, "ownerId": a.OwnerID, "fileCreatedAt": a.TakenAt.UTC().Format(stamp),
		"createdAt": a.CreatedAt.UTC().Format(stamp), "localOffsetHours": a.LocalAt.Sub(a.TakenAt).Round(15 * time.Minute).Hours(),
		"isFavorite": a.Favorite, "isImage": a.Type == "IMAGE", "isTrashed": a.DeletedAt != nil, "ratio": ratio,
		"visibility": "timeline", "thumbhash": nil, "duration": nil, "livePhotoVideoId": nil, "projectionType": nil,
		"city": nil, "country": nil}
}

// search finds assets by the conditions below; of Immich's many others it knows none.
func (s *Server) search(c *call) (any, error) {
	var in struct {
		ID, OriginalFileName, Type, Checksum, Order, Visibility string
		AlbumIDs                                                []string `json:"albumIds"`
		IsFavorite, WithDeleted, WithExif                       *bool
		TakenAfter, TakenBefore, TrashedAfter                   *time.Time
		Page, Size                                              int
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	want := db.Search{ID: in.ID, Name: in.OriginalFileName, Type: in.Type, Favorite: in.IsFavorite, TakenAfter: in.TakenAfter,
		TakenBefore: in.TakenBefore, Trashed: in.TrashedAfter != nil, Oldest: in.Order == "asc"}
	if in.Checksum != "" {
		sum, err := checksum(in.Checksum)
		if err != nil {
			return nil, err
		}
		want.Checksum = sum
	}
	if len(in.AlbumIDs) > 1 {
		return nil, bad("this stand-in searches one album at a time")
	} else if len(in.AlbumIDs) == 1 {
		want.Album = in.AlbumIDs[0]
	}
	if in.Size == 0 {
		in.Size = 250
	}
	in.Page = max(in.Page, 1)
	want.Limit, want.Offset = in.Size+1, (in.Page-1)*in.Size // one more tells whether there is a next page
	found, err := s.DB.Assets(c.r.Context(), c.user.ID, want)
	if err != nil {
		return nil, err
	}
	var next any
	if len(found) > in.Size {
		found, next = found[:in.Size], strconv.Itoa(in.Page+1)
	}
	items := []fields{}
	for _, a := range found {
		view := assetView(a)
		if in.WithExif != nil && *in.WithExif {
			view["exifInfo"] = exifView(a)
		}
		items = append(items, view)
	}
	none := fields{"total": 0, "count": 0, "items": []fields{}, "facets": []fields{}}
	return fields{"albums": none, "assets": fields{"total": len(items), "count": len(items), "items": items, "facets": []fields{},
		"nextPage": next, "nextCursor": nil}}, nil
}
