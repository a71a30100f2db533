package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// packed is a layer that lies in the folder of blobs. It implements v1.Layer.
type packed struct {
	digest, diffID v1.Hash
	size           int64
	file           string
	about          string
	paths          map[string]bool
}

func (p *packed) Digest() (v1.Hash, error)            { return p.digest, nil }
func (p *packed) DiffID() (v1.Hash, error)            { return p.diffID, nil }
func (p *packed) Compressed() (io.ReadCloser, error)  { return os.Open(p.file) }
func (p *packed) Size() (int64, error)                { return p.size, nil }
func (p *packed) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }
func (p *packed) Uncompressed() (rc io.ReadCloser, _ error) {
	return nil, errors.New("a packed layer is only read as it lies there")
}

// counter counts and hashes what is written through it.
type counter struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.sum.Write(p[:n])
	c.size += int64(n)
	return n, err
}

func (c *counter) hash() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(c.sum.Sum(nil))}
}

// writeLayer packs files, by their paths in order, once: hashes are taken as the bytes pass.
func writeLayer(folder string, files map[string]*file, created time.Time) (*packed, error) {
	out, err := os.CreateTemp(folder, ".layer-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	small := &counter{to: out, sum: sha256.New()}
	// The lab reads its images from a disk nearby: packing and unpacking cost more than bytes.
	zip, err := gzip.NewWriterLevel(small, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	plain := &counter{to: zip, sum: sha256.New()}
	archive := tar.NewWriter(plain)
	p := &packed{paths: map[string]bool{}}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := files[path].write(archive, path, created); err != nil {
			return nil, err
		}
		p.paths[path] = true
	}
	if err := errors.Join(archive.Close(), zip.Close(), out.Chmod(0o644), out.Close()); err != nil {
		return nil, err
	}
	p.digest, p.diffID, p.size = small.hash(), plain.hash(), small.size
	p.file = blobPath(folder, p.digest.Hex)
	return p, os.Rename(out.Name(), p.file)
}

func writeBlob(folder string, bytes []byte) error {
	sum := sha256.Sum256(bytes)
	return os.WriteFile(filepath.Clean(blobPath(folder, hex.EncodeToString(sum[:]))), bytes, 0o644)
}
