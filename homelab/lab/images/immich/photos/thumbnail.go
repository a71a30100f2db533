package photos

import (
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/image/draw"
)

// sizes are the longest sides in pixels, as in Immich's default settings.
var sizes = map[string]int{"thumbnail": 250, "preview": 1440}

// decoding is held by who decodes: a photo of 50 megapixels takes 200 MB.
var decoding sync.Mutex

const largest = 100_000_000 // pixels that are decoded at all

// Thumbnail returns the path of a small JPEG of an image, made when it is asked for the first time.
func (f Files) Thumbnail(path, owner, id, size string) (string, error) {
	longest, ok := sizes[size]
	if !ok {
		return "", fmt.Errorf("there is no size %q", size)
	}
	small := f.thumbnail(owner, id, size)
	if _, err := os.Stat(small); err == nil {
		return small, nil
	}
	decoding.Lock()
	defer decoding.Unlock()
	picture, err := decode(path)
	if err != nil {
		return "", err
	}
	return small, write(small, upright(shrink(picture, longest), Look(path).Orientation))
}

func decode(path string) (image.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, _, err := image.DecodeConfig(file)
	if err != nil {
		return nil, err
	}
	if size.Width*size.Height > largest {
		return nil, fmt.Errorf("%d×%d pixels are too many", size.Width, size.Height)
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	picture, _, err := image.Decode(file)
	return picture, err
}

func shrink(picture image.Image, longest int) *image.RGBA {
	w, h := picture.Bounds().Dx(), picture.Bounds().Dy()
	if long := max(w, h); long > longest {
		w, h = max(1, w*longest/long), max(1, h*longest/long)
	}
	small := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return small
}

// upright turns and mirrors a picture as EXIF's orientation says.
func upright(p *image.RGBA, orientation int) *image.RGBA {
	w, h := p.Bounds().Dx(), p.Bounds().Dy()
	from := map[int]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y },
		4: func(x, y int) (int, int) { return x, h - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, h - 1 - x },
		7: func(x, y int) (int, int) { return w - 1 - y, h - 1 - x },
		8: func(x, y int) (int, int) { return w - 1 - y, x },
	}[orientation]
	if from == nil {
		return p
	}
	across, down := w, h
	if orientation > 4 {
		across, down = h, w
	}
	turned := image.NewRGBA(image.Rect(0, 0, across, down))
	for y := range down {
		for x := range across {
			fx, fy := from(x, y)
			turned.SetRGBA(x, y, p.RGBAAt(fx, fy))
		}
	}
	return turned
}

func write(path string, picture image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	err = jpeg.Encode(file, picture, &jpeg.Options{Quality: 80})
	if shut := file.Close(); err == nil {
		err = shut
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
