package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// try fails the test on an error, of a call that stands inside another expression.
func try[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func text(s string) *string { return &s }

// sample has a layer that two images share, a program of this machine, and every kind of entry.
func sample(t *testing.T, tree string) *Recipe {
	mode := uint32(0o1777)
	return &Recipe{
		Architecture: "amd64", Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Roots: []string{"/"},
		Libraries: []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"},
		Layers: []Layer{
			{Name: "base", About: "folders", Entries: []Entry{
				{Path: "/tmp", Dir: true, Mode: &mode}, {Path: "/lib", Link: "usr/lib"}, {Path: "/etc/passwd", Text: text("root:x:0:0::/:/bin/sh\n")}}},
			{Name: "sh", Entries: []Entry{{Path: "/usr/bin/sh", File: "/bin/sh", Needs: true}}},
			{Name: "again", Entries: []Entry{{Path: "/usr/bin/sh2", File: "/bin/sh", Needs: true}, {Path: "/data", Tree: "/" + tree, Skip: []string{"no"}, UID: 7}}},
		},
		Images: []Image{
			{Tags: []string{"1"}, Layers: []string{"base", "sh"}},
			{Tags: []string{"2", "latest"}, Layers: []string{"base", "sh", "again"}, Config: v1.Config{
				Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/up"}, Interval: 2 * time.Second}}},
		},
	}
}

func folder(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"yes", "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("yes", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pack runs the program's own main part.
func pack(t *testing.T, r *Recipe) (string, map[string]string) {
	t.Helper()
	out := t.TempDir()
	recipe := filepath.Join(out, "recipe.json")
	if err := os.WriteFile(recipe, try(json.Marshal(r))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(recipe, out); err != nil {
		t.Fatal(err)
	}
	var tags map[string]string
	if err := json.Unmarshal(try(os.ReadFile(filepath.Join(out, "tags.json")))(t), &tags); err != nil {
		t.Fatal(err)
	}
	return out, tags
}

func blob(t *testing.T, out, digest string) []byte {
	t.Helper()
	return try(os.ReadFile(blobPath(out, strings.TrimPrefix(digest, "sha256:"))))(t)
}

func manifest(t *testing.T, out, digest string) v1.Manifest {
	t.Helper()
	return *try(v1.ParseManifest(strings.NewReader(string(blob(t, out, digest)))))(t)
}

func list(t *testing.T, out, digest string) map[string]tar.Header {
	t.Helper()
	in := try(os.Open(blobPath(out, strings.TrimPrefix(digest, "sha256:"))))(t)
	defer in.Close()
	archive, found := tar.NewReader(try(gzip.NewReader(in))(t)), map[string]tar.Header{}
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		found[h.Name] = *try(h, err)(t)
	}
}

func TestSameInputsSameDigests(t *testing.T) {
	tree := folder(t)
	_, first := pack(t, sample(t, tree))
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(tree, "yes"), later, later); err != nil {
		t.Fatal(err)
	}
	_, second := pack(t, sample(t, tree))
	if len(first) != 3 || first["2"] != first["latest"] || first["1"] == first["2"] {
		t.Errorf("tags: %v", first)
	}
	for tag, digest := range first {
		if second[tag] != digest {
			t.Errorf("%s: %s, then %s", tag, digest, second[tag])
		}
	}
	if err := os.WriteFile(filepath.Join(tree, "yes"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, third := pack(t, sample(t, tree)); third["1"] != first["1"] || third["2"] == first["2"] {
		t.Errorf("another file: %v, then %v", first, third)
	}
}

func TestImagesShareLayersAndKeepTheirHealthcheck(t *testing.T) {
	out, tags := pack(t, sample(t, folder(t)))
	one, two := manifest(t, out, tags["1"]), manifest(t, out, tags["2"])
	for i := range one.Layers {
		if one.Layers[i].Digest != two.Layers[i].Digest {
			t.Errorf("layer %d differs", i)
		}
	}
	if got := string(two.MediaType); got != "application/vnd.docker.distribution.manifest.v2+json" {
		t.Errorf("media type %s", got)
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(blob(t, out, two.Config.Digest.String()), &config); err != nil {
		t.Fatal(err)
	}
	if h := config.Config.Healthcheck; h == nil || h.Test[1] != "/up" || h.Interval != 2*time.Second {
		t.Errorf("healthcheck: %+v", h)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || len(config.RootFS.DiffIDs) != 3 || config.History[0].CreatedBy != "folders" {
		t.Errorf("config: %+v", config)
	}
}

func TestLayersHoldWhatIsAskedAndWhatItNeeds(t *testing.T) {
	out, tags := pack(t, sample(t, folder(t)))
	layers := manifest(t, out, tags["2"]).Layers
	base, sh, again := list(t, out, layers[0].Digest.String()), list(t, out, layers[1].Digest.String()), list(t, out, layers[2].Digest.String())
	if base["tmp/"].Mode != 0o1777 || base["lib"].Linkname != "usr/lib" || base["etc/passwd"].Size == 0 || base["etc/"].Mode != 0o755 {
		t.Errorf("base: %v", base)
	}
	libc, loader := false, false
	for name := range sh {
		libc = libc || strings.HasSuffix(name, "/libc.so.6")
		loader = loader || strings.Contains(name, "/ld-linux-")
	}
	if !libc || !loader {
		t.Errorf("no C library or no loader in %v", sh)
	}
	for name := range again {
		if strings.Contains(name, "libc.so") || strings.Contains(name, "ld-linux") {
			t.Errorf("%s is there twice", name)
		}
	}
	if h := again["data/yes"]; h.Uid != 7 || h.Mode != 0o644 || h.ModTime.Year() != 2026 || again["data/link"].Linkname != "yes" {
		t.Errorf("tree: %v", again)
	}
	if _, there := again["data/no"]; there {
		t.Error("what was to be left out is there")
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for name, change := range map[string]func(*Recipe){
		"/usr/bin/nope":              func(r *Recipe) { r.Layers[1].Entries[0].File = "/usr/bin/nope" },
		"library libc.so.6":          func(r *Recipe) { r.Libraries = []string{"/nowhere"} },
		`no layer "nope"`:            func(r *Recipe) { r.Images[0].Layers = []string{"nope"} },
		"nothing says what it is":    func(r *Recipe) { r.Layers[0].Entries = []Entry{{Path: "/x"}} },
		"layer again: /data: lstat ": func(r *Recipe) { r.Layers[2].Entries[1].Tree = "//nowhere" },
	} {
		r := sample(t, folder(t))
		change(r)
		if _, err := r.Pack(t.TempDir()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
