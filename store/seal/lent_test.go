package seal

import (
	"io/fs"
	"testing"
)

// A key file of root that the group of the server may read is a credential of systemd or a secret of Kubernetes; any other
// that others can read is refused.
func TestKeyFileLentByRoot(t *testing.T) {
	for _, tt := range []struct {
		mode        fs.FileMode
		owner, user int
		want        bool
	}{
		{0o440, 0, 998, true}, {0o040, 0, 998, true},
		{0o640, 0, 998, false}, {0o460, 0, 998, false}, {0o444, 0, 998, false},
		{0o440, 0, 0, false}, {0o440, 998, 998, false}, {0o440, 1000, 998, false}, {0o440, -1, 998, false},
	} {
		if got := lent(tt.mode, tt.owner, tt.user); got != tt.want {
			t.Errorf("mode %o of user %d, read by %d: %v", tt.mode, tt.owner, tt.user, got)
		}
	}
}
