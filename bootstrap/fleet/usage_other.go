//go:build !linux

package fleet

func ownProcess() int { return 0 }

// A usage is not known where there is no /proc.
type usage struct{}

func measure(int) *usage { return nil }

func (*usage) end() *Usage { return nil }

// ProcessAt returns the process of this machine that has a UDP socket at the port; 0 where that is not
// known, as on this system.
func ProcessAt(uint16) int { return 0 }
