package media

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var withYear = regexp.MustCompile(`^(.+?)[ ._]*\((\d{4})\)`)

// Title reads a film's name and year from a file name such as "Nosferatu (1922).mp4"; no year is 0.
func Title(path string) (name string, year int) {
	base := filepath.Base(path)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	if m := withYear.FindStringSubmatch(base); m != nil {
		year, _ = strconv.Atoi(m[2])
		return strings.TrimSpace(m[1]), year
	}
	return base, 0
}
