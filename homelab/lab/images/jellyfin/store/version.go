package store

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a release of Jellyfin. Since 12.0 the leading "10." is dropped: 10.11 is followed by 12.0.
type Version [3]int

// ParseVersion reads "12.4", "12.4.0" or "10.11.6".
func ParseVersion(text string) (Version, error) {
	var v Version
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > len(v) {
		return v, fmt.Errorf("%q is no version of Jellyfin", text)
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return v, fmt.Errorf("%q is no version of Jellyfin", text)
		}
		v[i] = n
	}
	return v, nil
}

// String has three parts always, as System/Info says it.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// Before tells whether v is older than other.
func (v Version) Before(other Version) bool {
	for i := range v {
		if c := cmp.Compare(v[i], other[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

// LegacyAuthorization is the default of EnableLegacyAuthorization: 12.0 turned it off, also for upgraded servers.
func (v Version) LegacyAuthorization() bool { return v.Before(Version{12, 0, 0}) }

// schema is the format in which this version keeps its data.
func (v Version) schema() int {
	switch {
	case v.Before(Version{10, 11, 0}):
		return schemaLibraryFile
	case v.Before(Version{12, 0, 0}):
		return schemaOneFile
	case v.Before(Version{12, 4, 0}):
		return schemaNormalizedNames
	default:
		return schemaWatchRows
	}
}

// oldest is the oldest version whose data this one can take over, as the release notes say:
// 12.x wants 10.10.7 or later, 10.11 wants 10.9.11.
func (v Version) oldest() Version {
	switch {
	case v.Before(Version{10, 11, 0}):
		return Version{}
	case v.Before(Version{12, 0, 0}):
		return Version{10, 9, 11}
	default:
		return Version{10, 10, 7}
	}
}
