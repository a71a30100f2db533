package media

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"homelab/images/jellyfin/store"
)

var extensions = map[string]bool{
	".mp4": true, ".m4v": true, ".mkv": true, ".webm": true, ".mov": true, ".avi": true, ".ogv": true, ".ts": true,
}

// Scan lists the films of libraries; those of before that have not changed are taken over as they are.
// progress is told the percentage; complain gets what went wrong with one file and does not stop the rest.
func Scan(ctx context.Context, t Tools, libraries []store.Library, before []store.Item,
	progress func(percent float64), complain func(error)) []store.Item {
	known := map[string]store.Item{}
	for _, item := range before {
		known[item.ID] = item
	}
	found := list(libraries, complain)
	for i := range found {
		if ctx.Err() != nil {
			return before
		}
		old, seen := known[found[i].ID]
		if seen {
			found[i].Created = old.Created
		}
		if seen && old.Size == found[i].Size && old.Modified.Equal(found[i].Modified) && old.RunTimeTicks > 0 {
			found[i].RunTimeTicks, found[i].Bitrate, found[i].Streams = old.RunTimeTicks, old.Bitrate, old.Streams
		} else if err := t.Probe(ctx, &found[i]); err != nil {
			complain(err)
		}
		progress(100 * float64(i+1) / float64(len(found)))
	}
	return found
}

func list(libraries []store.Library, complain func(error)) []store.Item {
	var found []store.Item
	for _, library := range libraries {
		for _, location := range library.Locations {
			err := filepath.WalkDir(location, func(path string, entry fs.DirEntry, err error) error {
				if err != nil {
					complain(err)
					return nil
				}
				if hidden := strings.HasPrefix(entry.Name(), ".") && path != location; hidden && entry.IsDir() {
					return filepath.SkipDir
				} else if hidden || entry.IsDir() || !extensions[strings.ToLower(filepath.Ext(path))] {
					return nil
				}
				info, err := entry.Info()
				if err != nil {
					complain(err)
					return nil
				}
				found = append(found, film(library, path, info))
				return nil
			})
			if err != nil {
				complain(err)
			}
		}
	}
	return found
}

func film(library store.Library, path string, info fs.FileInfo) store.Item {
	kind := "Video"
	if library.CollectionType == "movies" {
		kind = "Movie"
	}
	name, year := Title(path)
	return store.Item{
		ID: ItemID(kind, path), LibraryID: library.ID, Type: kind, Name: name, Year: year, Path: path,
		Container: strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), "."),
		Size:      info.Size(), Modified: info.ModTime().UTC(), Created: time.Now().UTC(),
	}
}

// ItemID follows Jellyfin's rule that the same path gives the same item, so that watch state survives a new scan.
func ItemID(kind, path string) string {
	sum := md5.Sum([]byte(kind + path))
	return hex.EncodeToString(sum[:])
}
