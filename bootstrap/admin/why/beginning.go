package why

import (
	"cmp"
	"context"

	"lwbs/store"
)

// minBeginning is how long the beginning of a name must be to stand for it.
const minBeginning = 3

// asked is the name that is looked for: the one that was asked about, or the one that it begins.
func (i *inquiry) asked() string { return cmp.Or(i.whole, i.why.Name) }

// beginning takes the name as the beginning of an endpoint name or an identity, and returns the
// attempts of the only one that begins so. Where there are several, they are near.
func (i *inquiry) beginning(ctx context.Context) ([]store.Session, error) {
	if _, ok := addressOf(i.why.Name); ok || len(i.why.Name) < minBeginning {
		return nil, nil
	}
	found, err := i.store.NamesBeginning(ctx, i.why.Name, maxNear+1)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	if len(found) > 1 {
		if len(found) > maxNear {
			found = found[:maxNear]
			i.note("More than %d names begin so: lwbs device list --prefix lists those of devices.", maxNear)
		}
		i.why.Near = found
		return nil, nil
	}
	i.whole = cmp.Or(found[0].Identity, string(found[0].Endpoint))
	if found[0].Identity == "" {
		i.note("%q is the beginning of the name of the device %q.", i.why.Name, i.whole)
	} else {
		i.note("%q is the beginning of the identity %q.", i.why.Name, i.whole)
	}
	if err := i.resolve(ctx, i.whole); err != nil {
		return nil, err
	}
	return i.attempts(ctx)
}
