package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
)

// PutProfile implements [store.Store].
func (db *DB) PutProfile(ctx context.Context, p store.Profile) (store.Profile, error) {
	kept, err := db.PutProfiles(ctx, []store.Profile{p})
	if err != nil {
		return store.Profile{}, err
	}
	return kept[0], nil
}

// PutProfiles implements [store.Store].
func (db *DB) PutProfiles(ctx context.Context, ps []store.Profile) ([]store.Profile, error) {
	if err := validProfiles(ps); err != nil {
		return nil, err
	}
	var kept []store.Profile
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		next, encoded, err := db.nextProfiles(tx, ps)
		if err != nil {
			return err, nil
		}
		kept = next
		var errs []error
		for i, p := range next {
			if tx.Bucket(bucketProfile).Get([]byte(p.Name)) == nil {
				errs = append(errs, addCount(tx, keyProfiles, 1))
			}
			errs = append(errs, keepFormer(tx, p.Name), tx.Bucket(bucketProfile).Put([]byte(p.Name), encoded[i]))
		}
		return nil, errors.Join(errs...)
	})
	if err != nil {
		return nil, fmt.Errorf("put profiles: %w", err)
	}
	for _, p := range ps {
		db.file.Unread().Settled(bucketProfile, p.Name)
	}
	return kept, nil
}

// validProfiles reports the first of ps that cannot be kept, or has the name of another.
func validProfiles(ps []store.Profile) error {
	names := make(map[string]bool, len(ps))
	for _, p := range ps {
		err := p.Validate()
		if err == nil && names[p.Name] {
			err = fmt.Errorf("%w: two profiles of this name", store.ErrInvalid)
		}
		if err != nil {
			return fmt.Errorf("put profiles: profile %q: %w", p.Name, err)
		}
		names[p.Name] = true
	}
	return nil
}

// nextProfiles returns what ps become when they are kept, as encoded. It writes
// nothing.
func (db *DB) nextProfiles(tx *transaction, ps []store.Profile) (next []store.Profile, encoded [][]byte, err error) {
	for _, p := range ps {
		old, err := db.profile(tx, p.Name)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
			err = nil
		}
		if err == nil {
			err = checkRevision(p.Revision, old.Revision)
		}
		if err == nil {
			err = serversExist(tx, p)
		}
		var row []byte
		if err == nil {
			p.Revision++
			p.Created, p.Updated = old.Created, time.Now().UTC()
			if old.Revision == 0 {
				p.Created = p.Updated
			}
			row, err = rows.EncodeProfile(p)
		}
		if err == nil {
			p, err = rows.DecodeProfile(row) // shares nothing with the caller's
		}
		if err != nil {
			return nil, nil, fmt.Errorf("profile %q: %w", p.Name, err)
		}
		next, encoded = append(next, p), append(encoded, row)
	}
	return next, encoded, nil
}

// profile reads a row, or takes it for what it was last time.
func (db *DB) profile(tx *transaction, name string) (store.Profile, error) {
	row := tx.Bucket(bucketProfile).Get([]byte(name))
	if row == nil {
		return store.Profile{}, store.ErrNotFound
	}
	if p := fresh(tx, db.caches.profiles, string(bucketProfile), name); p != nil {
		return p.Clone(), nil
	}
	p, err := rows.DecodeProfile(row)
	if err != nil {
		return store.Profile{}, unreadable(bucketProfile, name, err)
	}
	if !tx.Writable() {
		db.caches.profiles.Add(name, &p, tx.ID())
	}
	return p, nil
}

// Profile implements [store.Store].
func (db *DB) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	if p, ok := db.caches.profiles.Get(name); ok && db.file.Usable(ctx) == nil {
		return p, nil
	}
	err = db.view(ctx, func(tx *transaction) error {
		p, err = db.profile(tx, name)
		return err
	})
	if err != nil {
		return store.Profile{}, fmt.Errorf("profile %q: %w", name, err)
	}
	return p, nil
}

// Profiles implements [store.Store].
func (db *DB) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	limit := pageLimit(q.Limit)
	err = db.view(ctx, func(tx *transaction) error {
		var failed error
		underPrefix(tx.Bucket(bucketProfile), nil, []byte(q.After), func(k []byte) bool {
			if string(k) == q.After {
				return true
			}
			p, err := db.profile(tx, string(k))
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("profile %q: %w", k, err)
				return false
			default:
				page = append(page, p)
			}
			return len(page) < limit
		})
		return failed
	})
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	return page, nil
}

// groupWith is the first group that has a profile; empty for none.
func groupWith(tx *transaction, profile string) (name string) {
	tx.Bucket(bucketGroup).Ascend(nil, func(k, row []byte) bool {
		if g, err := rows.DecodeGroup(nil, row); err == nil && g.Profile == profile {
			name = string(k)
		}
		return name == ""
	})
	return name
}

// DeleteProfile implements [store.Store].
func (db *DB) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.profile(tx, name)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		if err != nil && !(rev == 0 && errors.Is(err, store.ErrCorrupt)) {
			return err, nil
		}
		var user string
		underPrefix(tx.Bucket(bucketDeviceProfile), pair(name, ""), nil, func(k []byte) bool {
			user = second(k, name)
			return false
		})
		if user != "" {
			return fmt.Errorf("%w, by device %q among others", store.ErrInUse, user), nil
		}
		if user = groupWith(tx, name); user != "" {
			return fmt.Errorf("%w, by group %q", store.ErrInUse, user), nil
		}
		return nil, errors.Join(addCount(tx, keyProfiles, -1), dropFormer(tx, name), tx.Bucket(bucketProfile).Delete([]byte(name)))
	})
	if err != nil {
		return fmt.Errorf("delete profile %q: %w", name, err)
	}
	db.file.Unread().Settled(bucketProfile, name)
	return nil
}

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

// profileWith returns a profile that hands accounts over to a server; empty where there is none.
func profileWith(tx *transaction, server string) (profile string) {
	tx.Bucket(bucketProfile).Ascend(nil, func(k, row []byte) bool {
		p, err := rows.DecodeProfile(row)
		if err == nil && slices.ContainsFunc(p.Accounts, func(a store.Account) bool { return slices.Contains(a.ServerNames(), server) }) {
			profile = string(k)
		}
		return profile == ""
	})
	return profile
}

// serversExist reports a server that p names and that does not exist.
func serversExist(tx *transaction, p store.Profile) error {
	for _, a := range p.Accounts {
		for _, name := range a.ServerNames() {
			if tx.Bucket(bucketLwM2MServer).Get([]byte(name)) == nil {
				return fmt.Errorf("account %q: LwM2M Server %q: %w", a.Name, name, store.ErrNotFound)
			}
		}
	}
	return nil
}
