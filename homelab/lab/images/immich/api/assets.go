package api

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"os"
	"time"

	"homelab/images/immich/db"
)

func (s *Server) assets() map[string]handler {
	return map[string]handler{
		"POST /api/assets":                    s.upload,
		"POST /api/assets/bulk-upload-check":  s.check,
		"GET /api/assets/statistics":          s.counts,
		"GET /api/assets/{id}":                s.asset,
		"PUT /api/assets/{id}":                s.edit,
		"DELETE /api/assets":                  s.remove,
		"GET /api/assets/{id}/original":       s.original,
		"GET /api/assets/{id}/thumbnail":      s.thumbnail,
		"GET /api/assets/{id}/video/playback": s.original,
		"POST /api/trash/empty":               s.emptyTrash,
		"POST /api/trash/restore":             s.restoreAll,
		"POST /api/trash/restore/assets":      s.restore,
	}
}

func assetView(a db.Asset) fields {
	return fields{
		"id": a.ID, "ownerId": a.OwnerID, "checksum": base64.StdEncoding.EncodeToString(a.Checksum), "type": a.Type,
		"originalFileName": a.Name, "originalPath": a.Path, "originalMimeType": a.Mime, "fileCreatedAt": a.TakenAt.UTC(),
		"fileModifiedAt": a.ModifiedAt.UTC(), "localDateTime": a.LocalAt, "createdAt": a.CreatedAt.UTC(),
		"updatedAt": a.UpdatedAt.UTC(), "width": a.Width, "height": a.Height, "isFavorite": a.Favorite,
		"isTrashed": a.DeletedAt != nil, "isArchived": false, "isEdited": false, "isOffline": false, "hasMetadata": true,
		"visibility": "timeline", "thumbhash": nil, "duration": nil, "libraryId": nil,
	}
}

func exifView(a db.Asset) fields {
	return fields{"make": a.Make, "model": a.Model, "latitude": a.Latitude, "longitude": a.Longitude, "fileSizeInByte": a.Size,
		"exifImageWidth": a.Width, "exifImageHeight": a.Height, "dateTimeOriginal": a.TakenAt.UTC()}
}

func (s *Server) find(c *call) (db.Asset, error) {
	return s.DB.Asset(c.r.Context(), c.user.ID, c.r.PathValue("id"))
}

func (s *Server) asset(c *call) (any, error) {
	found, err := s.find(c)
	if err != nil {
		return nil, err
	}
	view := assetView(found)
	view["exifInfo"], view["people"], view["tags"], view["owner"] = exifView(found), []fields{}, []fields{}, userView(c.user)
	return view, nil
}

func (s *Server) edit(c *call) (any, error) {
	var in struct{ IsFavorite *bool }
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if in.IsFavorite == nil {
		return nil, bad("this stand-in changes isFavorite only")
	}
	changed, err := s.DB.SetFavorite(c.r.Context(), c.user.ID, c.r.PathValue("id"), *in.IsFavorite)
	if err != nil {
		return nil, err
	}
	return assetView(changed), nil
}

// check tells which files, by SHA-1 in hexadecimal or base64, need not be uploaded.
func (s *Server) check(c *call) (any, error) {
	var in struct {
		Assets []struct{ ID, Checksum string }
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	results := []fields{}
	for _, asked := range in.Assets {
		sum, err := checksum(asked.Checksum)
		if err != nil {
			return nil, err
		}
		result := fields{"id": asked.ID, "action": "accept"}
		found, err := s.DB.AssetByChecksum(c.r.Context(), c.user.ID, sum)
		if err == nil {
			result = fields{"id": asked.ID, "action": "reject", "reason": "duplicate", "assetId": found.ID,
				"isTrashed": found.DeletedAt != nil}
		} else if !errors.Is(err, db.ErrNone) {
			return nil, err
		}
		results = append(results, result)
	}
	return fields{"results": results}, nil
}

func checksum(text string) ([]byte, error) {
	sum, err := hex.DecodeString(text)
	if len(text) == 28 {
		sum, err = base64.StdEncoding.DecodeString(text)
	}
	if err != nil || len(sum) != 20 {
		return nil, bad("a checksum is a SHA-1, as 40 hexadecimal digits or in base64")
	}
	return sum, nil
}

func (s *Server) counts(c *call) (any, error) {
	trashed, _ := c.flag("isTrashed")
	all, err := s.DB.Usages(c.r.Context(), trashed)
	for _, u := range all {
		if u.UserID == c.user.ID {
			return fields{"images": u.Photos, "videos": u.Videos, "total": u.Photos + u.Videos}, err
		}
	}
	return nil, err
}

// original sends the file as it came, whole or the range that was asked for.
func (s *Server) original(c *call) (any, error) {
	found, err := s.find(c)
	if err != nil {
		return nil, err
	}
	c.w.Header().Set("Content-Type", found.Mime)
	c.w.Header().Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": found.Name}))
	return s.send(c, found.Path, found.CreatedAt)
}

func (s *Server) thumbnail(c *call) (any, error) {
	found, err := s.find(c)
	if err != nil {
		return nil, err
	}
	size := c.r.URL.Query().Get("size")
	if size == "" {
		size = "thumbnail"
	}
	if size == "fullsize" || size == "original" {
		return s.original(c)
	}
	path, err := s.Files.Thumbnail(found.Path, found.OwnerID, found.ID, size)
	if err != nil {
		return nil, refusal{http.StatusNotFound, "Asset media not found: " + err.Error()}
	}
	c.w.Header().Set("Content-Type", "image/jpeg")
	return s.send(c, path, found.CreatedAt)
}

func (s *Server) send(c *call, path string, at time.Time) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, refusal{http.StatusNotFound, "the file is not at " + path}
	}
	defer file.Close()
	c.w.Header().Set("Cache-Control", "private, max-age=86400, no-transform")
	http.ServeContent(c.w, c.r, "", at, file)
	return sent{}, nil
}

type idList struct {
	IDs   []string `json:"ids"`
	Force bool
}

func (s *Server) remove(c *call) (any, error) {
	var in idList
	if err := c.body(&in); err != nil {
		return nil, err
	}
	if len(in.IDs) == 0 {
		return nil, bad("ids are needed")
	}
	if !in.Force {
		_, err := s.DB.Trash(c.r.Context(), c.user.ID, in.IDs, false)
		return nil, err
	}
	_, err := s.forget(c, in.IDs)
	return nil, err
}

// forget deletes rows first: a file without a row is waste, a row without a file is a lost photo.
func (s *Server) forget(c *call, ids []string) (int, error) {
	gone, err := s.DB.Delete(c.r.Context(), c.user.ID, ids)
	for _, asset := range gone {
		s.Files.Forget(asset.Path, asset.OwnerID, asset.ID)
	}
	return len(gone), err
}

func (s *Server) emptyTrash(c *call) (any, error) {
	n, err := s.forget(c, nil)
	return fields{"count": n}, err
}

func (s *Server) restoreAll(c *call) (any, error) {
	n, err := s.DB.Trash(c.r.Context(), c.user.ID, nil, true)
	return fields{"count": n}, err
}

func (s *Server) restore(c *call) (any, error) {
	var in idList
	if err := c.body(&in); err != nil {
		return nil, err
	}
	n, err := s.DB.Trash(c.r.Context(), c.user.ID, append([]string{}, in.IDs...), true)
	return fields{"count": n}, err
}
