// Package photos keeps the files of photos and videos, and looks into them.
package photos

import (
	"path/filepath"
	"strings"
)

// Images and Videos are the extensions that are taken, with their media types.
var (
	Images = map[string]string{
		".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp",
		".heic": "image/heic", ".avif": "image/avif", ".tif": "image/tiff", ".tiff": "image/tiff",
	}
	Videos = map[string]string{
		".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska", ".webm": "video/webm",
	}
)

// Kind is the type (IMAGE, VIDEO) and media type of a file by its name; ok is false for what is not taken.
func Kind(name string) (kind, mime string, ok bool) {
	extension := strings.ToLower(filepath.Ext(name))
	if mime, ok = Images[extension]; ok {
		return "IMAGE", mime, true
	}
	mime, ok = Videos[extension]
	return "VIDEO", mime, ok
}
