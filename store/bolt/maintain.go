package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
)

// Stats implements [store.Store].
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	s := store.Stats{Backend: "bolt", Schema: schema}
	err := db.view(ctx, func(tx *bbolt.Tx) error {
		s.Devices = tx.Bucket(bucketDevice).Stats().KeyN
		s.Profiles = tx.Bucket(bucketProfile).Stats().KeyN
		s.Sessions = int(countSessions(tx))
		s.Bytes = tx.Size()
		s.Free = int64(db.db.Stats().FreePageN) * int64(db.db.Info().PageSize)
		return nil
	})
	if err != nil {
		return store.Stats{}, fmt.Errorf("database statistics: %w", err)
	}
	return s, nil
}

func countSessions(tx *bbolt.Tx) (n uint64) {
	for _, h := range histories {
		n += count(tx, h.count)
	}
	return n
}

// Backup writes a compacted copy to file, whole or not at all, while the database is
// in use. A plain copy of the file would keep the secrets of deleted records. It
// never replaces a file: then the error wraps [fs.ErrExist].
func (db *DB) Backup(ctx context.Context, file string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch _, err := os.Lstat(file); {
	case err == nil:
		return fmt.Errorf("back up to %s: %w", file, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("back up: %w", err)
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fmt.Errorf("back up to %s: its folder: %w", file, err)
	}
	part := file + ".part"
	if err := db.compactInto(part); err != nil {
		return fmt.Errorf("back up to %s: %w", file, errors.Join(adapt(err), removeIfAny(part)))
	}
	err := errors.Join(os.Link(part, file), os.Remove(part), store.SyncDir(filepath.Dir(file)))
	if err != nil {
		return fmt.Errorf("back up to %s: %w", file, err)
	}
	return nil
}

func (db *DB) compactInto(part string) error {
	if err := removeIfAny(part); err != nil {
		return err
	}
	opts := Options{}.withDefaults().bbolt()
	opts.NoFreelistSync = false // so that the copy can be opened for reading alone
	dst, err := bbolt.Open(part, 0o600, opts)
	if err != nil {
		return err
	}
	return errors.Join(bbolt.Compact(dst, db.db, 1<<20), dst.Sync(), dst.Close())
}

// Check looks at every page, every record and every index entry and returns all that
// is wrong; nil where nothing is. It reads the whole file.
func (db *DB) Check(ctx context.Context) error {
	err := db.view(ctx, func(tx *bbolt.Tx) error {
		var problems []error
		for err := range tx.Check() {
			problems = append(problems, fmt.Errorf("%w: %w", store.ErrCorrupt, err))
		}
		if len(problems) > 0 {
			return errors.Join(problems...) // records on damaged pages tell nothing more
		}
		problems = append(problems, db.checkDevices(tx)...)
		problems = append(problems, checkProfiles(tx)...)
		problems = append(problems, checkSessions(tx)...)
		return errors.Join(problems...)
	})
	return err
}

// entries is what the index buckets should hold, by bucket and key.
type entries map[string]map[string]string

func (e entries) add(bucket, key []byte, value string) {
	if e[string(bucket)] == nil {
		e[string(bucket)] = make(map[string]string)
	}
	e[string(bucket)][string(key)] = value
}

// compare returns how the buckets differ from what they should hold.
func (e entries) compare(tx *bbolt.Tx, buckets ...[]byte) (problems []error) {
	for _, name := range buckets {
		want := e[string(name)]
		found := 0
		_ = tx.Bucket(name).ForEach(func(k, v []byte) error {
			if value, ok := want[string(k)]; !ok || value != string(v) && !strings.HasPrefix(value, string(v)+"\x00") {
				problems = append(problems, fmt.Errorf("%w: index %s has %q, which no record does", store.ErrCorrupt, name, k))
			} else {
				found++
			}
			return nil
		})
		if found != len(want) {
			problems = append(problems, fmt.Errorf("%w: index %s lacks %d of %d entries", store.ErrCorrupt, name, len(want)-found, len(want)))
		}
	}
	return problems
}

func (db *DB) checkDevices(tx *bbolt.Tx) (problems []error) {
	want := make(entries)
	_ = tx.Bucket(bucketDevice).ForEach(func(k, v []byte) error {
		d, err := store.DecodeDevice(db.keyring, v)
		if err == nil && d.Endpoint != lwm2m.EndpointName(k) {
			err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, d.Endpoint)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("device %q: %w", k, err))
			return nil
		}
		if tx.Bucket(bucketProfile).Get([]byte(d.Profile)) == nil {
			problems = append(problems, fmt.Errorf("device %q: %w: its profile %q is missing", k, store.ErrCorrupt, d.Profile))
		}
		want.add(bucketDeviceProfile, pair(d.Profile, string(k)), "")
		for _, c := range d.Credentials {
			want.add(bucketIdentity, pair(string(c.Kind), c.Identity), string(k))
		}
		for _, tag := range d.Tags {
			want.add(bucketDeviceTag, pair(tag, string(k)), "")
		}
		return nil
	})
	return append(problems, want.compare(tx, bucketDeviceProfile, bucketIdentity, bucketDeviceTag)...)
}

func checkProfiles(tx *bbolt.Tx) (problems []error) {
	_ = tx.Bucket(bucketProfile).ForEach(func(k, v []byte) error {
		p, err := store.DecodeProfile(v)
		if err == nil && p.Name != string(k) {
			err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, p.Name)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("profile %q: %w", k, err))
		}
		return nil
	})
	return problems
}

func checkSessions(tx *bbolt.Tx) (problems []error) {
	want, counts := make(entries), make(map[string]uint64)
	_ = tx.Bucket(bucketSession).ForEach(func(k, v []byte) error {
		s, err := store.DecodeSession(v)
		if err == nil && !bytes.Equal(k, []byte(s.ID)) {
			err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, s.ID)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("session %q: %w", k, err))
			return nil
		}
		h := historyOf(s)
		counts[string(h.count)]++
		want.add(h.bucket, k, string(entryOf(s)))
		want.add(bucketSessionEndpoint, pair(string(s.Endpoint), s.ID), string(proofMark(s.Proof)))
		if s.Identity != "" {
			want.add(bucketSessionIdentity, pair(s.Identity, s.ID), "")
		}
		if s.Claimed != "" {
			want.add(bucketSessionClaimed, pair(string(s.Claimed), s.ID), "")
		}
		if s.Cause.Failure() {
			want.add(bucketSessionFailed, k, "")
		}
		return nil
	})
	for _, h := range histories {
		if have := count(tx, h.count); have != counts[string(h.count)] {
			problems = append(problems, fmt.Errorf("%w: count %s is %d, there are %d", store.ErrCorrupt, h.count, have, counts[string(h.count)]))
		}
	}
	return append(problems, want.compare(tx, bucketSessionEndpoint, bucketSessionIdentity, bucketSessionFailed, bucketSessionClaimed,
		bucketSessionKnown, bucketSessionPlain, bucketSessionUnproved, bucketSessionStranger)...)
}
