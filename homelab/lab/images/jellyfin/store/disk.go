package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The formats that the versions write. The first three steps follow Jellyfin's own: 10.11 replaced library.db
// by jellyfin.db, 12.0 normalises user names and turns legacy authorization off. The fourth is the lab's:
// every step from one of the hub's tags to the next must make the old image need the old data.
const (
	schemaLibraryFile     = 1
	schemaOneFile         = 2
	schemaNormalizedNames = 3
	schemaWatchRows       = 4
)

const (
	currentFile = "jellyfin.json"
	libraryFile = "library.json" // before 10.11
)

// disk is a State with what only the file has.
type disk struct {
	Schema  int
	Version string
	State
	WatchRows []watchRow `json:",omitempty"`
}

type watchRow struct {
	UserID, ItemID string
	Watch
}

func fileOf(schema int) string {
	if schema == schemaLibraryFile {
		return libraryFile
	}
	return currentFile
}

// load reads the newest file of folder; nil means that there is none.
func load(folder string) (*disk, error) {
	for _, name := range []string{currentFile, libraryFile} {
		path := filepath.Join(folder, name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var found disk
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", path, err)
		}
		return &found, nil
	}
	return nil, nil
}

func encode(s State, schema int, v Version) ([]byte, error) {
	out := disk{Schema: schema, Version: v.String(), State: s}
	if schema >= schemaWatchRows {
		for user, items := range s.Watch {
			for item, watch := range items {
				out.WatchRows = append(out.WatchRows, watchRow{user, item, watch})
			}
		}
		out.Watch = nil
	}
	return json.Marshal(out)
}

// migrate brings what was found to the present format and returns the steps that it took.
func migrate(found *disk, target int, v Version) []string {
	var steps []string
	if found.Schema < schemaOneFile && target >= schemaOneFile {
		steps = append(steps, "MigrateLibraryDb")
	}
	if found.Schema < schemaNormalizedNames && target >= schemaNormalizedNames {
		for i := range found.Users {
			found.Users[i].NormalizedName = strings.ToUpper(found.Users[i].Name)
		}
		found.Configuration.EnableLegacyAuthorization = v.LegacyAuthorization()
		steps = append(steps, "UpdateNormalizedUsername", "DisableLegacyAuthorization")
	}
	if found.Schema < schemaWatchRows && target >= schemaWatchRows {
		steps = append(steps, "HomelabWatchRows")
	}
	if found.Watch == nil {
		found.Watch = map[string]map[string]Watch{}
	}
	for _, row := range found.WatchRows {
		if found.Watch[row.UserID] == nil {
			found.Watch[row.UserID] = map[string]Watch{}
		}
		found.Watch[row.UserID][row.ItemID] = row.Watch
	}
	found.WatchRows = nil
	if found.Named == nil {
		found.Named = map[string]map[string]any{}
	}
	return steps
}

// replace writes text to path so that a reader, also one after a crash, sees either the old or the new.
func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
