package bolt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows"
)

func (s *salvager) device(key string, row []byte) (func(*transaction) error, error) {
	d, err := rows.DecodeDevice(s.keyring, row)
	if _, open := rows.DecodeDevice(nil, row); err != nil && open == nil {
		s.sealed++
	}
	if err == nil && d.Endpoint != lwm2m.EndpointName(key) {
		err = fmt.Errorf("it is of %q", d.Endpoint)
	}
	for _, c := range d.Credentials {
		if owner, taken := s.owners[identityKey(c)]; taken && owner != key && err == nil {
			err = fmt.Errorf("its %s identity %q belongs to device %q", c.Kind, c.Identity, owner)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, c := range d.Credentials {
		s.owners[identityKey(c)] = key
	}
	row = slices.Clone(row)
	return func(tx *transaction) error {
		return errors.Join(
			addCount(tx, keyDevices, 1),
			tx.Bucket(bucketDevice).Put([]byte(key), row),
			reindex(tx, nil, indexEntries(d)))
	}, nil
}

func identityKey(c store.Credential) string { return string(c.Kind) + "\x00" + c.Identity }

// withProfiles puts empty profiles in the place of those that are lost and that devices
// have. A device with one is not bootstrapped, until the profile is applied again.
func (s *salvager) withProfiles(db *DB) error {
	return db.edit(s.ctx, func(tx *transaction) (refused, failed error) {
		s.report.Profiles.Empty = nil
		s.report.Profiles.Empty = missingFrom(tx, bucketDeviceProfile, bucketProfile)
		tx.Bucket(bucketGroup).Ascend(nil, func(_, row []byte) bool {
			if g, err := rows.DecodeGroup(nil, row); err == nil && tx.Bucket(bucketProfile).Get([]byte(g.Profile)) == nil && !slices.Contains(s.report.Profiles.Empty, g.Profile) {
				s.report.Profiles.Empty = append(s.report.Profiles.Empty, g.Profile)
			}
			return true
		})
		for _, name := range s.report.Profiles.Empty {
			row, err := rows.EncodeProfile(store.Profile{Name: name, Revision: 1})
			failed = errors.Join(failed, err, addCount(tx, keyProfiles, 1), tx.Bucket(bucketProfile).Put([]byte(name), row))
		}
		return nil, failed
	})
}

// withGroups puts disabled groups without keys in the place of those that are lost and that devices
// have. A device whose key is derived from one cannot authenticate until that has its key again.
func (s *salvager) withGroups(db *DB) error {
	return db.edit(s.ctx, func(tx *transaction) (refused, failed error) {
		s.report.Groups.Empty = missingFrom(tx, bucketDeviceGroup, bucketGroup)
		for _, name := range s.report.Groups.Empty {
			row, err := rows.EncodeGroup(s.keyring, store.Group{Name: name, Revision: 1, Profile: profileIn(tx, name), Disabled: true})
			failed = errors.Join(failed, err, addCount(tx, keyGroups, 1), tx.Bucket(bucketGroup).Put([]byte(name), row))
		}
		return nil, failed
	})
}

// missingFrom returns the names that an index of devices begins with and that a bucket lacks.
func missingFrom(tx *transaction, index, bucket []byte) (names []string) {
	last := ""
	tx.Bucket(index).Ascend(nil, func(k, _ []byte) bool {
		name, _, _ := strings.Cut(string(k), "\x00")
		if name != last && tx.Bucket(bucket).Get([]byte(name)) == nil {
			names = append(names, name)
		}
		last = name
		return true
	})
	return names
}

// profileIn is the profile of the first device of a group.
func profileIn(tx *transaction, group string) (profile string) {
	underPrefix(tx.Bucket(bucketDeviceGroup), pair(group, ""), nil, func(k []byte) bool {
		d, err := rows.DecodeDevice(nil, tx.Bucket(bucketDevice).Get([]byte(second(k, group))))
		profile = d.Profile
		return err != nil
	})
	return profile
}

func (s *salvager) session(key string, row []byte) (func(*transaction) error, error) {
	record, err := rows.DecodeSession(row)
	if err == nil && record.ID != key {
		err = fmt.Errorf("it is of %q", record.ID)
	}
	row = slices.Clone(row)
	return func(tx *transaction) error {
		return errors.Join(indexSession(tx, record), tx.Bucket(bucketSession).Put([]byte(key), row))
	}, err
}

// others keeps what there is in buckets that this release does not know, and the pending devices,
// former profiles, campaigns, users, tokens, web sessions and the audit that can be read.
func (s *salvager) others(db *DB) error {
	message := (&checker{keyring: s.keyring}).message
	for name, tree := range s.survey.Buckets {
		look := map[string]func(key, row []byte) error{
			string(bucketPendingDevice): pendingDeviceAt, string(bucketOutbox): message, string(bucketOutboxDead): message, string(bucketAudit): auditRowAt,
			string(bucketFormerProfile): func(key, row []byte) error { _, err := formerAt(key, row); return err },
		}[name]
		if slices.ContainsFunc(ofCampaigns, func(b []byte) bool { return string(b) == name }) {
			look = func(key, row []byte) error { return campaignRowAt([]byte(name), key, row) }
		}
		if slices.ContainsFunc(ofAccess, func(b []byte) bool { return string(b) == name }) {
			look = func(key, row []byte) error { return accessRowAt(s.keyring, []byte(name), key, row) }
		}
		if look == nil && slices.ContainsFunc(buckets, func(b []byte) bool { return string(b) == name }) {
			continue
		}
		err := db.edit(s.ctx, func(tx *transaction) (refused, failed error) {
			b, err := tx.Tx.Tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return nil, err
			}
			tree.Ascend(nil, func(k, v []byte) bool {
				if look != nil {
					if err := look(k, v); err != nil {
						s.damage("%s %q: %v", name, k, err)
						return true
					}
				}
				failed = b.Put(slices.Clone(k), slices.Clone(v))
				return failed == nil
			}, nil)
			return nil, failed
		})
		if err != nil {
			return err
		}
	}
	return db.edit(s.ctx, func(tx *transaction) (refused, failed error) { return nil, recountOutbox(tx) })
}
