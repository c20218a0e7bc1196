package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"lwbs/store"
	"lwbs/store/rows"
)

// Former revisions of profiles are rows of [rows.EncodeProfile], by name and revision. The newest is in
// the bucket of profiles only.

// formerKey is the key of a former revision: the name, 0, and the revision as 8 bytes.
func formerKey(name string, rev store.Revision) []byte {
	return binary.BigEndian.AppendUint64(pair(name, ""), uint64(rev))
}

// formerKeys are the keys of the former revisions of a profile, the oldest first.
func formerKeys(tx *transaction, name string) (keys [][]byte) {
	prefix := pair(name, "")
	underPrefix(tx.Bucket(bucketFormerProfile), prefix, nil, func(k []byte) bool {
		if len(k) == len(prefix)+8 {
			keys = append(keys, slices.Clone(k))
		}
		return true
	})
	return keys
}

// keepFormer keeps the profile as it is now among its former revisions, before it is replaced, and drops the
// oldest above the limit. One that cannot be read is not kept.
func keepFormer(tx *transaction, name string) error {
	row := tx.Bucket(bucketProfile).Get([]byte(name))
	if row == nil {
		return nil
	}
	p, err := rows.DecodeProfile(row)
	if err != nil || p.Name != name {
		return nil
	}
	errs := []error{tx.Bucket(bucketFormerProfile).Put(formerKey(name, p.Revision), slices.Clone(row))}
	keys := formerKeys(tx, name)
	for i := 0; i < len(keys)-store.MaxFormerProfiles; i++ {
		errs = append(errs, tx.Bucket(bucketFormerProfile).Delete(keys[i]))
	}
	return errors.Join(errs...)
}

// dropFormer removes the former revisions of a profile.
func dropFormer(tx *transaction, name string) error {
	var errs []error
	for _, k := range formerKeys(tx, name) {
		errs = append(errs, tx.Bucket(bucketFormerProfile).Delete(k))
	}
	return errors.Join(errs...)
}

// ProfileRevisions implements [store.Store].
func (db *DB) ProfileRevisions(ctx context.Context, name string) (all []store.Profile, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		now, err := db.profile(tx, name)
		if err != nil {
			return err
		}
		all = append(all, now)
		keys := formerKeys(tx, name)
		for _, k := range slices.Backward(keys) {
			p, err := formerAt(k, tx.Bucket(bucketFormerProfile).Get(k))
			switch err = unreadable(bucketFormerProfile, formerName(k), err); {
			case db.skips(err):
			case err != nil:
				return err
			default:
				all = append(all, p)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("revisions of profile %q: %w", name, err)
	}
	return all, nil
}

// formerAt reads the row under key.
func formerAt(key, row []byte) (store.Profile, error) {
	p, err := rows.DecodeProfile(row)
	if err == nil && !bytes.Equal(key, formerKey(p.Name, p.Revision)) {
		err = fmt.Errorf("%w: it is of revision %d of %q", store.ErrCorrupt, p.Revision, p.Name)
	}
	return p, err
}

// formerName is the key of a former revision for people.
func formerName(key []byte) string {
	if at := len(key) - 8; at > 0 {
		return fmt.Sprintf("%s revision %d", key[:at-1], binary.BigEndian.Uint64(key[at:]))
	}
	return string(key)
}
