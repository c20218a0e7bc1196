package view

import (
	"fmt"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
)

// CountText tells of a count: 12 devices: 10 done, 2 failed.
func CountText(count admin.DeviceCount) string {
	text := output.Counted(count.Devices, "device", "devices")
	var parts []string
	for _, state := range admin.DeviceStates() {
		if n := count.States[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, StateText(state)))
		}
	}
	if len(parts) == 0 {
		return text
	}
	return text + ": " + strings.Join(parts, ", ")
}

// StateText is a state as a table has it.
func StateText(s admin.DeviceState) string {
	if s == admin.DeviceNever {
		return "never came"
	}
	return string(s)
}
