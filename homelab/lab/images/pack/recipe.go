package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Recipe is all images of one repository.
type Recipe struct {
	Architecture string    `json:"architecture"` // as Go names it
	Created      time.Time `json:"created"`      // of every image and of files without a time of their own
	Roots        []string  `json:"roots"`        // where programs and libraries are looked for, in this order
	Libraries    []string  `json:"libraries"`    // folders of libraries, below each root
	Layers       []Layer   `json:"layers"`
	Images       []Image   `json:"images"`
}

// Layer is one archive of files.
type Layer struct {
	Name    string  `json:"name"`
	About   string  `json:"about"` // shown as the layer's line of `docker history`
	Entries []Entry `json:"entries"`
}

// Image is what one or more tags name.
type Image struct {
	Tags   []string  `json:"tags"`
	Layers []string  `json:"layers"`
	Config v1.Config `json:"config"`
}

// Pack writes the images' blobs below folder; the manifest's digest for every tag.
func (r *Recipe) Pack(folder string) (map[string]string, error) {
	if err := os.MkdirAll(filepath.Dir(blobPath(folder, "any")), 0o755); err != nil {
		return nil, err
	}
	made := map[string]*packed{}
	for _, l := range r.Layers {
		files, err := r.gather(l, r.below(l.Name, made))
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.Name, err)
		}
		if made[l.Name], err = writeLayer(folder, files, r.Created); err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.Name, err)
		}
		made[l.Name].about = l.About
	}
	tags := map[string]string{}
	for _, image := range r.Images {
		digest, err := r.write(folder, image, made)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", image.Tags[0], err)
		}
		for _, tag := range image.Tags {
			tags[tag] = digest
		}
	}
	return tags, nil
}

// below is every path that the layers under the named one have, in the first image that uses it.
func (r *Recipe) below(name string, made map[string]*packed) map[string]bool {
	paths := map[string]bool{}
	for _, image := range r.Images {
		at := slices.Index(image.Layers, name)
		if at < 0 {
			continue
		}
		for _, under := range image.Layers[:at] {
			if made[under] == nil {
				continue // write says so
			}
			for path := range made[under].paths {
				paths[path] = true
			}
		}
		break
	}
	return paths
}

func (r *Recipe) write(folder string, image Image, made map[string]*packed) (string, error) {
	added := make([]mutate.Addendum, 0, len(image.Layers))
	for _, name := range image.Layers {
		layer := made[name]
		if layer == nil {
			return "", fmt.Errorf("there is no layer %q before it", name)
		}
		history := v1.History{Created: v1.Time{Time: r.Created}, CreatedBy: layer.about}
		added = append(added, mutate.Addendum{Layer: layer, History: history, MediaType: types.DockerLayer})
	}
	img, err := mutate.Append(empty.Image, added...)
	if err != nil {
		return "", err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", r.Architecture, image.Config
	config.Created = v1.Time{Time: r.Created}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return "", err
	}
	for _, blob := range []func() ([]byte, error){img.RawConfigFile, img.RawManifest} {
		bytes, err := blob()
		if err != nil {
			return "", err
		}
		if err := writeBlob(folder, bytes); err != nil {
			return "", err
		}
	}
	digest, err := img.Digest()
	return digest.String(), err
}

func blobPath(folder, hex string) string { return filepath.Join(folder, "blobs", "sha256", hex) }
