package media

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"homelab/images/jellyfin/store"
)

func TestTitlesFollowTheNamingRules(t *testing.T) {
	for path, want := range map[string]struct {
		name string
		year int
	}{
		"/media/Nosferatu (1922)/Nosferatu (1922).mp4":      {"Nosferatu", 1922},
		"Blade.Runner.(1982).2160p.mkv":                     {"Blade.Runner", 1982},
		"2001 A Space Odyssey (1968) - [imdbid-tt1234].mkv": {"2001 A Space Odyssey", 1968},
		"Home video.mov": {"Home video", 0},
		"(1999).mp4":     {"(1999)", 0},
	} {
		if name, year := Title(path); name != want.name || year != want.year {
			t.Errorf("%s: %q %d", path, name, year)
		}
	}
}

func TestAScanSeesFilmsOnlyAndKeepsTheirIdentity(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{"A (1920)/A (1920).mkv", "B.mp4", "notes.txt", ".hidden/C.mp4", ".D.mp4"} {
		at := filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte("film"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	libraries := []store.Library{{ID: "l", CollectionType: "movies", Locations: []string{folder, filepath.Join(folder, "gone")}}}
	complaints := 0
	scan := func(before []store.Item) []store.Item {
		return Scan(context.Background(), Tools{}, libraries, before, func(float64) {}, func(error) { complaints++ })
	}
	first := scan(nil)
	if len(first) != 2 || first[0].Name != "A" || first[0].Year != 1920 || first[0].Type != "Movie" {
		t.Fatalf("%+v", first)
	}
	if complaints != 3 { // two films without ffprobe, and a folder that is not there
		t.Error("complaints:", complaints)
	}
	second := scan(first)
	if second[0].ID != first[0].ID || !second[0].Created.Equal(first[0].Created) {
		t.Errorf("%+v", second[0])
	}
}
