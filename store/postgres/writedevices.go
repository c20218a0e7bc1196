package postgres

import (
	"maps"
	"slices"

	"lwbs/lwm2m"
	"lwbs/store"
)

// write has the decided devices written, and what of the indexes changes.
func (x *putting) write() {
	var added, changed deviceColumns
	var out, in indexChanges
	for _, ep := range slices.Sorted(maps.Keys(x.rows)) {
		old, next := x.first[ep], x.last[ep]
		if old.Revision == 0 {
			added.add(next, x.rows[ep])
			x.tx.count(tallyDevices, 1)
		} else {
			changed.add(next, x.rows[ep])
		}
		if old.Group != next.Group {
			x.tx.countGroup(old.Group, -1)
			x.tx.countGroup(next.Group, 1)
		}
		before, after := indexOf(old), indexOf(next)
		out.add(before, after, ep)
		in.add(after, before, ep)
	}
	tx := x.tx
	if len(added.names) > 0 {
		tx.Write(`insert into device (endpoint, rev, created, profile, enrolment_group, row)
			select e, r, c, p, nullif(g, ''), b from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[]) as u (e, r, c, p, g, b)`, added.args()...)
	}
	switch {
	case len(changed.names) == 1: // as at the end of a session: the same, in less than half of the time
		tx.Write("update device set rev = $2, created = $3, profile = $4, enrolment_group = nullif($5, ''), row = $6 where endpoint = $1",
			changed.names[0], changed.revisions[0], changed.created[0], changed.profiles[0], changed.groups[0], changed.rows[0])
	case len(changed.names) > 1:
		tx.Write(`update device set rev = u.r, created = u.c, profile = u.p, enrolment_group = nullif(u.g, ''), row = u.b
			from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[]) as u (e, r, c, p, g, b) where endpoint = u.e`, changed.args()...)
	}
	if len(out.kinds) > 0 {
		tx.Write("delete from identity i using unnest($1::text[], $2::bytea[], $3::text[]) as u (k, i, e) where i.kind = u.k and i.identity = u.i and i.endpoint = u.e", out.kinds, out.identities, out.ofIdentities)
	}
	if len(in.kinds) > 0 {
		tx.Write("insert into identity (kind, identity, endpoint) select * from unnest($1::text[], $2::bytea[], $3::text[])", in.kinds, in.identities, in.ofIdentities)
	}
	if len(out.tags) > 0 {
		tx.Write("delete from device_tag t using unnest($1::text[], $2::text[]) as u (t, e) where t.tag = u.t and t.endpoint = u.e", out.tags, out.ofTags)
	}
	if len(in.tags) > 0 {
		tx.Write("insert into device_tag (tag, endpoint) select * from unnest($1::text[], $2::text[])", in.tags, in.ofTags)
	}
	if len(out.servers) > 0 {
		tx.Write("delete from device_handed_over h using unnest($1::text[], $2::bytea[], $3::text[]) as u (s, i, e) where h.server = u.s and h.identity = u.i and h.endpoint = u.e", out.servers, out.known, out.ofServers)
	}
	if len(in.servers) > 0 {
		tx.Write("insert into device_handed_over (server, identity, endpoint) select * from unnest($1::text[], $2::bytea[], $3::text[])", in.servers, in.known, in.ofServers)
	}
}

// deviceColumns are those of several devices.
type deviceColumns struct {
	names, profiles, groups []string
	revisions, created      []int64
	rows                    [][]byte
}

func (c *deviceColumns) add(d store.Device, row []byte) {
	c.names, c.profiles, c.groups = append(c.names, string(d.Endpoint)), append(c.profiles, d.Profile), append(c.groups, d.Group)
	c.revisions, c.created = append(c.revisions, int64(d.Revision)), append(c.created, nanoseconds(d.Created))
	c.rows = append(c.rows, row)
}

func (c *deviceColumns) args() []any {
	return []any{c.names, c.revisions, c.created, c.profiles, c.groups, c.rows}
}

// A deviceIndex is what of a device is looked for in tables of their own.
type deviceIndex struct {
	identities []identityKey
	tags       []string
	servers    []identityKey // the LwM2M Server and the identity that it knows the device by
}

func indexOf(d store.Device) (x deviceIndex) {
	for _, c := range d.Credentials {
		x.identities = append(x.identities, identityKey{string(c.Kind), c.Identity})
	}
	for _, tag := range d.Tags {
		if !slices.Contains(x.tags, tag) {
			x.tags = append(x.tags, tag)
		}
	}
	for _, h := range d.HandedOver {
		if key := (identityKey{h.Server, h.Identity}); !slices.Contains(x.servers, key) {
			x.servers = append(x.servers, key)
		}
	}
	return x
}

// indexChanges are rows of these tables, of several devices.
type indexChanges struct {
	kinds, ofIdentities []string
	identities          [][]byte
	tags, ofTags        []string
	servers, ofServers  []string
	known               [][]byte
}

// add adds what is in has and not in lacks.
func (c *indexChanges) add(has, lacks deviceIndex, ep lwm2m.EndpointName) {
	for _, k := range has.identities {
		if !slices.Contains(lacks.identities, k) {
			c.kinds, c.identities, c.ofIdentities = append(c.kinds, k.kind), append(c.identities, []byte(k.identity)), append(c.ofIdentities, string(ep))
		}
	}
	for _, tag := range has.tags {
		if !slices.Contains(lacks.tags, tag) {
			c.tags, c.ofTags = append(c.tags, tag), append(c.ofTags, string(ep))
		}
	}
	for _, k := range has.servers {
		if !slices.Contains(lacks.servers, k) {
			c.servers, c.known, c.ofServers = append(c.servers, k.kind), append(c.known, []byte(k.identity)), append(c.ofServers, string(ep))
		}
	}
}
