// Package store keeps the server's state in one file, safe against kill -9, and knows which versions may open it.
package store

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Store is the state of one server and the file that it lies in.
type Store struct {
	Version Version
	folder  string
	mutex   sync.Mutex
	state   State
}

// TooOld means that the data's version cannot be upgraded to this one directly.
type TooOld struct{ Data, Server, Oldest Version }

func (e TooOld) Error() string {
	return fmt.Sprintf("the data is of Jellyfin %s; Jellyfin %s upgrades from %s or later only: "+
		"upgrade to 10.10.7 or 10.11 first, or restore a backup", e.Data, e.Server, e.Oldest)
}

// TooNew means that a newer version has migrated the data.
type TooNew struct{ Data, Server Version }

func (e TooNew) Error() string {
	return fmt.Sprintf("the data was migrated by Jellyfin %s and this is Jellyfin %s: "+
		"there is no downgrade; restore the backup made before the upgrade", e.Data, e.Server)
}

// Open reads the state in folder, creating it for a new server, and migrates it; log gets one line a step.
//
// Its errors are TooOld, TooNew, or the file system's.
func Open(folder, serverName string, v Version, log func(format string, args ...any)) (*Store, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	found, err := load(folder)
	if err != nil {
		return nil, err
	}
	s := &Store{Version: v, folder: folder}
	if found == nil {
		s.state = fresh(NewID(), serverName, v)
		return s, s.save()
	}
	data, err := ParseVersion(found.Version)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	if found.Schema > v.schema() {
		return nil, TooNew{data, v}
	}
	if data.Before(v.oldest()) {
		return nil, TooOld{data, v, v.oldest()}
	}
	was := fileOf(found.Schema)
	for _, step := range migrate(found, v.schema(), v) {
		log("Perform migration %s", step)
	}
	s.state = found.State
	if err := s.save(); err != nil {
		return nil, err
	}
	if was != fileOf(v.schema()) { // Jellyfin keeps library.db.old, too
		return s, os.Rename(filepath.Join(folder, was), filepath.Join(folder, was+".old"))
	}
	return s, nil
}

// Read calls f with the state, which f must neither change nor keep.
func (s *Store) Read(f func(*State)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	f(&s.state)
}

// Change calls f, and writes the state unless f fails; f must fail before it changes anything.
func (s *Store) Change(f func(*State) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := f(&s.state); err != nil {
		return err
	}
	return s.save()
}

func (s *Store) save() error {
	text, err := encode(s.state, s.Version.schema(), s.Version)
	if err != nil {
		return err
	}
	return replace(filepath.Join(s.folder, fileOf(s.Version.schema())), text)
}

// NewID is a random identifier in Jellyfin's form: 32 hexadecimal digits.
func NewID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // cannot fail since Go 1.24
	return hex.EncodeToString(b)
}
