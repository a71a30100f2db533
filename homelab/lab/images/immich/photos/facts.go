package photos

import (
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"time"

	"github.com/rwcarlsen/goexif/exif"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// Facts is what a photo says about itself; nil where it does not.
type Facts struct {
	Width, Height       *int
	Make, Model         *string
	Latitude, Longitude *float64
	TakenAt             *time.Time
	Orientation         int // 1 to 8 as in EXIF; 1 is upright
}

// Look reads a photo's EXIF block and its size. A file that is no image has no facts.
func Look(path string) Facts {
	facts := Facts{Orientation: 1}
	file, err := os.Open(path)
	if err != nil {
		return facts
	}
	defer file.Close()
	if found, err := exif.Decode(file); err == nil {
		facts.read(found)
	}
	if _, err := file.Seek(0, 0); err != nil {
		return facts
	}
	if size, _, err := image.DecodeConfig(file); err == nil {
		if facts.Orientation > 4 { // it lies on its side
			size.Width, size.Height = size.Height, size.Width
		}
		facts.Width, facts.Height = &size.Width, &size.Height
	}
	return facts
}

func (f *Facts) read(found *exif.Exif) {
	if tag, err := found.Get(exif.Orientation); err == nil {
		if n, err := tag.Int(0); err == nil && n >= 1 && n <= 8 {
			f.Orientation = n
		}
	}
	text := func(name exif.FieldName) *string {
		if tag, err := found.Get(name); err == nil {
			if s, err := tag.StringVal(); err == nil && s != "" {
				return &s
			}
		}
		return nil
	}
	f.Make, f.Model = text(exif.Make), text(exif.Model)
	if at, err := found.DateTime(); err == nil {
		f.TakenAt = &at
	}
	if north, east, err := found.LatLong(); err == nil {
		f.Latitude, f.Longitude = &north, &east
	}
}
