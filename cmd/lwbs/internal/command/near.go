package command

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/store"
	"lwbs/store/profilefile"
)

// NoteProfile warns that a list is empty because there is no profile of the requested name.
func NoteProfile(ctx context.Context, c *cli.Context, api admin.API) error {
	wanted := c.String("profile")
	if wanted == "" {
		return nil
	}
	_, err := api.Profile(ctx, wanted)
	if errors.Is(err, store.ErrNotFound) {
		fmt.Fprintf(c.App.ErrWriter, "warning: %v\n", NearProfile(ctx, api, wanted, err))
		return nil
	}
	return err
}

// NearProfile adds to an error about an unknown profile the name that was probably meant.
func NearProfile(ctx context.Context, api admin.API, wanted string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, missing := api.Profile(ctx, wanted); !errors.Is(missing, store.ErrNotFound) {
		return err // something else was not found
	}
	var known []string
	some, failed := api.Profiles(ctx, store.ProfileQuery{Limit: PageSize})
	for _, p := range some {
		known = append(known, p.Name)
	}
	if failed != nil {
		return err
	}
	return Near(err, wanted, known)
}

// Near adds to an error about the unknown name wanted the one of known that was probably meant. Where
// wanted is known, something else was not found.
func Near(err error, wanted string, known []string) error {
	if near := profilefile.Nearest(wanted, known); near != "" && !slices.Contains(known, wanted) {
		return Reword(err, fmt.Sprintf("%v: did you mean %q?", err, near))
	}
	return err
}
