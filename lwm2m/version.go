package lwm2m

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Version is a version of the LwM2M enabler, or of an Object: major and minor.
type Version struct{ Major, Minor uint8 }

// The versions of the enabler.
var (
	Version10 = Version{1, 0}
	Version11 = Version{1, 1}
	Version12 = Version{1, 2}
)

// Compare is negative where v is older than w, and positive where it is newer.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor))
}

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool { return v.Compare(w) < 0 }

// String is the version as the specifications write it, such as "1.1".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// ParseVersion reads a version such as "1.1".
func ParseVersion(text string) (Version, error) {
	major, minor, ok := strings.Cut(text, ".")
	a, err1 := strconv.ParseUint(major, 10, 8)
	b, err2 := strconv.ParseUint(minor, 10, 8)
	if !ok || err1 != nil || err2 != nil {
		return Version{}, fmt.Errorf("want a version such as 1.1, not %q", text)
	}
	return Version{uint8(a), uint8(b)}, nil
}
