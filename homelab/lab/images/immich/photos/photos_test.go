package photos

import (
	"bytes"
	"crypto/sha1"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileIsKeptUnderItsOwner(t *testing.T) {
	files := Files{t.TempDir()}
	received, size, sum, err := files.Receive(strings.NewReader("photo"))
	want := sha1.Sum([]byte("photo"))
	if err != nil || size != 5 || !bytes.Equal(sum, want[:]) {
		t.Fatal(size, sum, err)
	}
	id := NewID()
	path, err := files.Keep(received, "owner", id, "IMG.JPG")
	if err != nil || path != filepath.Join(files.Root, "upload", "owner", id[:2], id[2:4], id+".jpg") {
		t.Fatal(path, err)
	}
	files.Forget(path, "owner", id)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("it is still there:", err)
	}
}

func TestPicturesAreTurnedUpright(t *testing.T) {
	// One red pixel in the corner of a 2×3 picture; where it must be afterwards, by orientation.
	for orientation, want := range map[int]image.Point{
		1: {0, 0}, 2: {1, 0}, 3: {1, 2}, 4: {0, 2}, 5: {0, 0}, 6: {2, 0}, 7: {2, 1}, 8: {0, 1},
	} {
		picture := image.NewRGBA(image.Rect(0, 0, 2, 3))
		picture.Set(0, 0, color.RGBA{255, 0, 0, 255})
		turned := upright(picture, orientation)
		if turned.RGBAAt(want.X, want.Y).R != 255 {
			t.Errorf("orientation %d: not at %v of %v", orientation, want, turned.Bounds())
		}
	}
}

func TestAThumbnailKeepsTheShape(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "wide.png")
	file, _ := os.Create(path)
	if err := png.Encode(file, image.NewRGBA(image.Rect(0, 0, 1000, 10))); err != nil {
		t.Fatal(err)
	}
	file.Close()
	small, err := Files{folder}.Thumbnail(path, "owner", NewID(), "thumbnail")
	if err != nil {
		t.Fatal(err)
	}
	read, _ := os.Open(small)
	defer read.Close()
	size, kind, err := image.DecodeConfig(read)
	if err != nil || kind != "jpeg" || size.Width != 250 || size.Height != 2 {
		t.Error(size, kind, err)
	}
	if _, err := (Files{folder}).Thumbnail(filepath.Join(folder, "no.png"), "owner", NewID(), "thumbnail"); err == nil {
		t.Error("a file that is not there has a thumbnail")
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]string{"a.JPG": "IMAGE", "b.mov": "VIDEO"} {
		if kind, _, ok := Kind(name); !ok || kind != want {
			t.Errorf("%s: %s %v", name, kind, ok)
		}
	}
	if _, _, ok := Kind("notes.txt"); ok {
		t.Error("a text passes for a photo")
	}
}
