package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store"
)

// noteComesBack says that the group of a device that was deleted may enrol it again.
func noteComesBack(ctx context.Context, c *cli.Context, api admin.API, was admin.Device) error {
	if was.Group == "" {
		return nil
	}
	g, err := api.Group(ctx, was.Group, false)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if g.State == admin.GroupOpen && !slices.Contains(g.Denied, was.Endpoint) {
		fmt.Fprintf(c.App.ErrWriter, "group %s enrols it again when it comes: to prevent that, lwbs group deny %s %s\n", output.Name(g.Name), output.Name(g.Name), output.Name(was.Endpoint))
	}
	return nil
}

// deletedFrom are the groups of devices that were deleted, by name. Its methods may be called
// concurrently.
type deletedFrom struct{ names sync.Map }

// note notes a device that was deleted.
func (f *deletedFrom) note(d admin.Device) {
	if d.Group != "" {
		f.names.Store(d.Group, true)
	}
}

// tell says that the groups may enrol the devices again.
func (f *deletedFrom) tell(ctx context.Context, c *cli.Context, api admin.API) error {
	all, err := api.Groups(ctx)
	for _, g := range all {
		if _, of := f.names.Load(g.Name); of && g.State == admin.GroupOpen {
			fmt.Fprintf(c.App.ErrWriter, "group %s enrols those of its devices again that come: to prevent that, lwbs group disable %s, or lwbs group deny %s ENDPOINT for one\n", output.Name(g.Name), output.Name(g.Name), output.Name(g.Name))
		}
	}
	return err
}
