package db

import (
	"cmp"
	"fmt"
	"strings"
)

// Version is a release of Immich.
type Version [3]int

// ParseVersion reads "v3.3.5" or "3.3.5".
func ParseVersion(text string) (Version, error) {
	var v Version
	n, err := fmt.Sscanf(strings.TrimPrefix(text, "v"), "%d.%d.%d", &v[0], &v[1], &v[2])
	if err != nil || n != 3 || v.String() != "v"+strings.TrimPrefix(text, "v") {
		return Version{}, fmt.Errorf("%q is no version of Immich", text)
	}
	return v, nil
}

func (v Version) String() string { return fmt.Sprintf("v%d.%d.%d", v[0], v[1], v[2]) }

// Before tells whether v is older than other.
func (v Version) Before(other Version) bool {
	for i := range v {
		if c := cmp.Compare(v[i], other[i]); c != 0 {
			return c < 0
		}
	}
	return false
}
