package api

import (
	"errors"
	"io"
	"mime/multipart"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"homelab/images/immich/db"
	"homelab/images/immich/photos"
)

// arrival is an uploaded file that is not stored yet, with the form's other fields.
type arrival struct {
	path, name string
	size       int64
	checksum   []byte
	form       map[string]string
}

// upload stores a photo. The same file once more is not stored again: 200 and "duplicate" instead of 201.
func (s *Server) upload(c *call) (any, error) {
	in, err := s.receive(c)
	if in.path != "" {
		defer os.Remove(in.path) // does nothing once it is stored
	}
	if err != nil {
		return nil, err
	}
	kind, mime, ok := photos.Kind(in.name)
	if !ok {
		return nil, bad("Unsupported file type " + filepath.Ext(in.name))
	}
	if sent := c.r.Header.Get("x-immich-checksum"); sent != "" {
		if want, err := checksum(sent); err != nil || string(want) != string(in.checksum) {
			return nil, bad("the file that arrived has another checksum")
		}
	}
	asset, err := s.describe(c, in, kind, mime)
	if err != nil {
		return nil, err
	}
	id, added, err := s.DB.AddAsset(c.r.Context(), asset)
	if err != nil || !added {
		os.Remove(asset.Path)
		return fields{"id": id, "status": "duplicate"}, err
	}
	return created{fields{"id": id, "status": "created"}}, nil
}

func (s *Server) receive(c *call) (in arrival, err error) {
	in.form = map[string]string{}
	parts, err := c.r.MultipartReader()
	if err != nil {
		return in, bad("an upload is multipart/form-data")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return in, bad("the upload broke off: " + err.Error())
		}
		if err := s.take(part, &in); err != nil {
			return in, err
		}
	}
	if in.path == "" {
		return in, bad("assetData is needed")
	}
	return in, nil
}

func (s *Server) take(part *multipart.Part, in *arrival) (err error) {
	switch {
	case part.FormName() == "assetData" && in.path == "":
		in.name = filepath.Base(part.FileName())
		in.path, in.size, in.checksum, err = s.Files.Receive(part)
	case part.FileName() == "":
		text, _ := io.ReadAll(io.LimitReader(part, 1<<16))
		in.form[part.FormName()] = string(text)
	}
	return err
}

// describe moves the file to its place and says what is known of it; the photo's own date wins over the form's.
func (s *Server) describe(c *call, in arrival, kind, mime string) (db.Asset, error) {
	created, err := when(in.form["fileCreatedAt"])
	if err != nil {
		return db.Asset{}, err
	}
	modified, err := when(in.form["fileModifiedAt"])
	if err != nil {
		return db.Asset{}, err
	}
	if name := in.form["filename"]; name != "" {
		in.name = filepath.Base(name)
	}
	facts := photos.Look(in.path)
	if facts.TakenAt != nil {
		created = *facts.TakenAt
	}
	id := photos.NewID()
	path, err := s.Files.Keep(in.path, c.user.ID, id, in.name)
	if err != nil {
		return db.Asset{}, err
	}
	favorite, _ := strconv.ParseBool(in.form["isFavorite"])
	wall := time.Date(created.Year(), created.Month(), created.Day(), created.Hour(), created.Minute(), created.Second(), 0, time.UTC)
	return db.Asset{ID: id, OwnerID: c.user.ID, Checksum: in.checksum, Type: kind, Mime: mime, Name: in.name, Path: path,
		Size: in.size, Width: facts.Width, Height: facts.Height, Make: facts.Make, Model: facts.Model, Latitude: facts.Latitude,
		Longitude: facts.Longitude, Favorite: favorite, TakenAt: created, LocalAt: wall, ModifiedAt: modified}, nil
}

func when(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, bad(text + " is no date such as 2026-01-31T12:00:00Z")
	}
	return at, nil
}
