package photos

import (
	"crypto/rand"
	"crypto/sha1"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Files is the media location: originals in upload/, what is made of them in thumbs/.
type Files struct{ Root string }

// NewID is a random UUID.
func NewID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // cannot fail since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Receive writes an upload beside its final place and returns where, its length and its SHA-1.
func (f Files) Receive(from io.Reader) (path string, size int64, checksum []byte, err error) {
	folder := filepath.Join(f.Root, "upload")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", 0, nil, err
	}
	file, err := os.CreateTemp(folder, ".arriving-*")
	if err != nil {
		return "", 0, nil, err
	}
	sum := sha1.New() // Immich's checksum of an asset
	size, err = io.Copy(io.MultiWriter(file, sum), from)
	if err == nil {
		err = file.Sync()
	}
	if shut := file.Close(); err == nil {
		err = shut
	}
	if err != nil {
		os.Remove(file.Name())
		return "", 0, nil, err
	}
	return file.Name(), size, sum.Sum(nil), nil
}

// Keep moves a received file to where Immich has an owner's originals.
func (f Files) Keep(received, owner, id, name string) (string, error) {
	path := filepath.Join(f.Root, "upload", owner, id[:2], id[2:4], id+strings.ToLower(filepath.Ext(name)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if err := os.Chmod(received, 0o644); err != nil {
		return "", err
	}
	return path, os.Rename(received, path)
}

// Forget removes an original and its thumbnails.
func (f Files) Forget(path, owner, id string) {
	os.Remove(path)
	for size := range sizes {
		os.Remove(f.thumbnail(owner, id, size))
	}
}

func (f Files) thumbnail(owner, id, size string) string {
	return filepath.Join(f.Root, "thumbs", owner, id[:2], id[2:4], id+"_"+size+".jpeg")
}
