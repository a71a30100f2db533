package api

import (
	"errors"

	"homelab/images/immich/db"
)

func (s *Server) albums() map[string]handler {
	return map[string]handler{
		"GET /api/albums":                s.allAlbums,
		"POST /api/albums":               s.addAlbum,
		"GET /api/albums/{id}":           s.album,
		"PATCH /api/albums/{id}":         s.editAlbum,
		"DELETE /api/albums/{id}":        s.dropAlbum,
		"PUT /api/albums/{id}/assets":    s.put,
		"DELETE /api/albums/{id}/assets": s.takeOut,
	}
}

// albumView has no assets: since v3 they are found by a search with albumIds.
func albumView(a db.Album, owner db.User) fields {
	view := fields{"id": a.ID, "albumName": a.Name, "description": a.Description, "createdAt": a.CreatedAt,
		"updatedAt": a.UpdatedAt, "assetCount": a.Assets, "albumThumbnailAssetId": a.Cover, "shared": false,
		"hasSharedLink": false, "isActivityEnabled": true, "order": "desc",
		"albumUsers": []fields{{"role": "owner", "user": userView(owner)}}}
	if a.From != nil {
		view["startDate"], view["endDate"] = a.From, a.Until
	}
	return view
}

func (s *Server) allAlbums(c *call) (any, error) {
	found, err := s.DB.Albums(c.r.Context(), c.user.ID, c.r.URL.Query().Get("assetId"))
	views := []fields{}
	for _, album := range found {
		views = append(views, albumView(album, c.user))
	}
	return views, err
}

func (s *Server) album(c *call) (any, error) {
	found, err := s.DB.Album(c.r.Context(), c.user.ID, c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return albumView(found, c.user), nil
}

func (s *Server) addAlbum(c *call) (any, error) {
	var in struct {
		AlbumName, Description string
		AssetIDs               []string `json:"assetIds"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if in.AlbumName == "" {
		return nil, bad("albumName is needed")
	}
	made, err := s.DB.AddAlbum(c.r.Context(), c.user.ID, in.AlbumName, in.Description)
	if err != nil {
		return nil, err
	}
	for _, id := range in.AssetIDs {
		if err := s.DB.Put(c.r.Context(), c.user.ID, made.ID, id); err != nil && !errors.Is(err, db.ErrTaken) {
			return nil, err
		}
	}
	made, err = s.DB.Album(c.r.Context(), c.user.ID, made.ID)
	return created{albumView(made, c.user)}, err
}

func (s *Server) editAlbum(c *call) (any, error) {
	var in struct{ AlbumName, Description *string }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	changed, err := s.DB.EditAlbum(c.r.Context(), c.user.ID, c.r.PathValue("id"), in.AlbumName, in.Description)
	if err != nil {
		return nil, err
	}
	return albumView(changed, c.user), nil
}

func (s *Server) dropAlbum(c *call) (any, error) {
	return nil, s.DB.DropAlbum(c.r.Context(), c.user.ID, c.r.PathValue("id"))
}

func (s *Server) put(c *call) (any, error) {
	return s.each(c, func(album, asset string) error { return s.DB.Put(c.r.Context(), c.user.ID, album, asset) })
}

func (s *Server) takeOut(c *call) (any, error) {
	return s.each(c, func(album, asset string) error { return s.DB.Take(c.r.Context(), album, asset) })
}

// each does something with an album and every asset of the body, and tells for each how it went.
func (s *Server) each(c *call, do func(album, asset string) error) (any, error) {
	var in idList
	if err := c.body(&in); err != nil {
		return nil, err
	}
	album, err := s.DB.Album(c.r.Context(), c.user.ID, c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	results := []fields{}
	for _, id := range in.IDs {
		result := fields{"id": id, "success": true}
		switch err := do(album.ID, id); {
		case errors.Is(err, db.ErrTaken):
			result = fields{"id": id, "success": false, "error": "duplicate"}
		case errors.Is(err, db.ErrNone):
			result = fields{"id": id, "success": false, "error": "not_found"}
		case err != nil:
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}
