package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/pages"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// maxProblems is how many problems a check tells of one by one.
const maxProblems = 1000

// Check looks at every page, every record and every index entry and returns all that
// is wrong, a line for each; nil where nothing is. It reads the whole file, while that is
// in use.
func (db *DB) Check(ctx context.Context) error { return db.check(ctx, false) }

// check is Check. A salvaged database may lack LwM2M Servers that its profiles name, which is told by
// other means.
func (db *DB) check(ctx context.Context, salvaged bool) error {
	return db.view(ctx, func(tx *transaction) error {
		file, meta, err := db.file.Pages(tx.Tx.Tx)
		if err != nil {
			return err
		}
		c := checker{ctx: ctx, keyring: db.keyring, salvaged: salvaged}
		c.file(file, meta)
		return c.result()
	})
}

// CheckFile is Check for a file that no process uses. It writes nothing to the file. Without a Keyring
// it does not check secrets. Errors: store.ErrLocked, the error of the system if the file cannot be
// opened, and all damage.
func CheckFile(ctx context.Context, file string, keyring *seal.Keyring) error {
	f, size, err := dbfile.OpenToRead(file)
	if err != nil {
		return err
	}
	defer f.Close()
	c := checker{ctx: ctx, keyring: keyring}
	in, err := pages.Open(f, size)
	if err != nil {
		c.problem("%w", err)
		return c.result()
	}
	for page := range 2 {
		if wrong := in.Wrong(page); wrong != nil {
			c.problem("%w: %s", wrong, dbfile.LastEdit)
		}
	}
	meta, _ := in.Newest()
	if apart := in.Apart(); apart > 1 {
		c.problem("the meta pages are of edits that are %d apart: one of them was not written, or is an old one", apart)
	}
	if lacks := in.Lacks(meta); lacks > 0 {
		c.problem("the file has %d bytes, and %d more belong to it: it was cut", size, lacks)
	}
	if free, err := in.FreePages(meta); err != nil {
		c.problem("%w: it is the list of free pages, which is made anew", err)
	} else {
		c.free = free
	}
	c.file(in, meta)
	return c.result()
}

// A checker looks for what is wrong.
type checker struct {
	ctx      context.Context
	keyring  *seal.Keyring // nil: secrets are not looked at
	free     []uint64      // pages that are said to be free
	trees    map[string]pages.Tree
	want     map[string]tally // what the indexes should have, by bucket
	unread   map[string]bool  // records that cannot be read, by bucket 0 key
	problems []error
	more     int // problems above maxProblems
	whole    bool
	salvaged bool // LwM2M Servers that profiles name may be missing
}

func (c *checker) problem(text string, args ...any) {
	if len(c.problems) >= maxProblems {
		c.more++
		return
	}
	c.problems = append(c.problems, fmt.Errorf("%w: %w", store.ErrCorrupt, fmt.Errorf(text, args...)))
}

func (c *checker) result() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if c.more > 0 {
		c.problems = append(c.problems, fmt.Errorf("%w: and %d problems more", store.ErrCorrupt, c.more))
	}
	return errors.Join(c.problems...)
}

// file looks at all that m refers to.
func (c *checker) file(f *pages.File, m pages.Meta) {
	survey, _ := f.Survey(m, func(uint64) bool { return c.ctx.Err() == nil })
	c.trees, c.want, c.unread, c.whole = survey.Buckets, make(map[string]tally), make(map[string]bool), len(survey.Lost) == 0
	for _, lost := range survey.Lost {
		c.lost(lost)
	}
	for _, page := range c.free {
		if survey.Used.Has(page) {
			c.problem("page %d is in use, and the list of free pages has it", page)
		}
	}
	for _, name := range missing(c.trees) {
		c.problem("bucket %s is missing", name)
		c.whole = false
	}
	c.meta()
	c.records(bucketDevice, c.device)
	c.records(bucketProfile, c.profile)
	c.records(bucketGroup, c.group)
	c.records(bucketLwM2MServer, c.lwm2mServer)
	c.records(bucketSession, c.session)
	c.records(bucketAssociation, c.association)
	c.records(bucketPendingDevice, pendingDeviceAt)
	for _, bucket := range ofCampaigns {
		c.records(bucket, func(key, row []byte) error { return campaignRowAt(bucket, key, row) })
	}
	c.records(bucketFormerProfile, func(key, row []byte) error {
		_, err := formerAt(key, row)
		return err
	})
	for _, bucket := range ofAccess {
		c.records(bucket, func(key, row []byte) error { return accessRowAt(c.keyring, bucket, key, row) })
	}
	c.records(bucketAudit, auditRowAt)
	c.records(bucketOutbox, c.message)
	c.records(bucketOutboxDead, c.message)
	if c.whole {
		c.compare()
	}
}

// missing are the buckets that every database has and that trees lack.
func missing(trees map[string]pages.Tree) (names [][]byte) {
	for _, name := range buckets {
		if _, found := trees[string(name)]; !found && !slices.ContainsFunc(added, func(b []byte) bool { return bytes.Equal(b, name) }) {
			names = append(names, name)
		}
	}
	return names
}

// lost tells of a page, and of which records were on it.
func (c *checker) lost(l pages.LostIn) {
	switch {
	case l.Bucket == "":
		c.problem("%w: it has the names of the buckets", l.Err)
	case l.From == nil && l.To == nil:
		c.problem("%w: it has all of bucket %s", l.Err, l.Bucket)
	case l.To == nil:
		c.problem("%w: it has bucket %s from %q on", l.Err, l.Bucket, l.From)
	default:
		c.problem("%w: it has bucket %s from %q to before %q", l.Err, l.Bucket, l.From, l.To)
	}
}

// meta looks at what the database says of itself.
func (c *checker) meta() {
	tree, found := c.trees[string(bucketMeta)]
	if !found {
		return
	}
	version, err := tree.Get(keySchema)
	if n, wrong := strconv.Atoi(string(version)); err == nil && (wrong != nil || n < 1) {
		c.problem("schema %q", version)
	}
	check, err := tree.Get(keyKeyCheck)
	if err != nil || c.keyring == nil {
		return
	}
	if text, err := c.keyring.Open(check, keyCheckPlace); err != nil || string(text) != keyCheckText {
		c.problem("the sealing key does not fit, or what tells so is damaged")
	}
}

// records calls each with those of a bucket that can be read.
func (c *checker) records(bucket []byte, each func(key, row []byte) error) {
	tree := c.trees[string(bucket)]
	if tree.File == nil {
		return
	}
	tree.Ascend(nil, func(k, row []byte) bool {
		if err := each(k, row); err != nil {
			c.unread[string(pair(string(bucket), string(k)))] = true
			c.problem("%s %q: %w", bucket, k, err)
		}
		return c.ctx.Err() == nil
	}, nil)
}

func (c *checker) device(key, row []byte) error {
	d, err := rows.DecodeDevice(c.keyring, row)
	if err == nil && d.Endpoint != lwm2m.EndpointName(key) {
		err = fmt.Errorf("it is of %q", d.Endpoint)
	}
	if err != nil {
		return err
	}
	if p, err := c.trees[string(bucketProfile)].Get([]byte(d.Profile)); p == nil && err == nil && c.whole {
		c.problem("device %q: its profile %q is missing", key, d.Profile)
	}
	if g, err := c.trees[string(bucketGroup)].Get([]byte(d.Group)); d.Group != "" && g == nil && err == nil && c.whole {
		c.problem("device %q: its group %q is missing", key, d.Group)
	}
	for _, e := range indexEntries(d) {
		c.expect(e)
	}
	return nil
}

func (c *checker) group(key, row []byte) error {
	g, err := groups.at(c.keyring, string(key), row)
	if err != nil {
		return err
	}
	if p, err := c.trees[string(bucketProfile)].Get([]byte(g.Profile)); p == nil && err == nil && c.whole {
		c.problem("group %q: its profile %q is missing", key, g.Profile)
	}
	return nil
}

func (c *checker) lwm2mServer(key, row []byte) error {
	_, err := lwm2mServers.at(c.keyring, string(key), row)
	return err
}

func (c *checker) profile(key, row []byte) error {
	p, err := profiles.at(c.keyring, string(key), row)
	if err != nil {
		return err
	}
	for _, a := range p.Accounts {
		for _, server := range a.ServerNames() {
			if s, err := c.trees[string(bucketLwM2MServer)].Get([]byte(server)); s == nil && err == nil && c.whole && !c.salvaged {
				c.problem("profile %q: account %q is of LwM2M Server %q, which is missing", key, a.Name, server)
			}
		}
	}
	return nil
}

func (c *checker) session(key, row []byte) error {
	s, err := rows.DecodeSession(row)
	if err == nil && s.ID != string(key) {
		err = fmt.Errorf("it is of %q", s.ID)
	}
	if err != nil {
		return err
	}
	for _, e := range sessionEntries(s) {
		c.expect(e)
	}
	return nil
}

func (c *checker) association(key, row []byte) error {
	a, err := rows.DecodeAssociation(c.keyring, row)
	if err == nil && !bytes.Equal(a.Bytes(), key) {
		err = fmt.Errorf("it is of %v", a.AssociationKey)
	}
	return err
}

// A tally is how many entries there are, and a sum of what they are: two that are the same
// are of the same entries, in whatever order.
type tally struct{ n, sum uint64 }

var tallySeed = maphash.MakeSeed()

func (t *tally) add(key, value []byte) {
	t.n++
	t.sum += maphash.Bytes(tallySeed, append(append([]byte(strconv.Itoa(len(key))+" "), key...), value...))
}

func (c *checker) expect(e indexEntry) {
	t := c.want[e.bucket]
	t.add([]byte(e.key), []byte(e.value))
	c.want[e.bucket] = t
}

// compare looks whether the indexes have what the records say.
func (c *checker) compare() {
	for _, name := range slices.Concat(ofDevices, ofSessions) {
		var have tally
		c.trees[string(name)].Ascend(nil, func(k, v []byte) bool {
			have.add(k, v)
			return c.ctx.Err() == nil
		}, nil)
		if bytes.Equal(name, bucketSessionIdentity) && have != c.want[string(name)] {
			have = tally{}
			c.trees[string(name)].Ascend(nil, func(k, v []byte) bool {
				if !c.former(k) {
					have.add(k, v)
				}
				return c.ctx.Err() == nil
			}, nil)
		}
		if have != c.want[string(name)] && c.ctx.Err() == nil {
			c.differ(name)
		}
	}
	for key, bucket := range counted {
		c.count(key, bucket)
	}
	c.outbox()
}

func (c *checker) message(key, row []byte) error {
	m, err := rows.DecodeMessage(c.keyring, row)
	if err == nil && !bytes.Equal(key, messageKey(m.Receiver, m.ID)) {
		err = fmt.Errorf("it is message %v for %q", m.ID, m.Receiver)
	}
	return err
}

// outbox compares the counts of messages with what is counted.
func (c *checker) outbox() {
	tree := c.trees[string(bucketOutboxCount)]
	if tree.File == nil {
		return
	}
	want := countOutbox(func(bucket []byte, each func(k, v []byte) bool) {
		if tree := c.trees[string(bucket)]; tree.File != nil {
			tree.Ascend(nil, func(k, v []byte) bool { return each(k, v) && c.ctx.Err() == nil }, nil)
		}
	})
	tree.Ascend(nil, func(k, v []byte) bool {
		have, ok := decodeOutboxCount(string(k), v)
		expected := want[string(k)]
		expected.Receiver, expected.Lost = have.Receiver, have.Lost
		delete(want, string(k))
		if (!ok || have != expected) && c.ctx.Err() == nil {
			c.problem("the outbox has %d messages and %d dead letters for %q, and not %d and %d", expected.Queued, expected.Dead, k, have.Queued, have.Dead)
		}
		return c.ctx.Err() == nil
	}, nil)
	for receiver, n := range want {
		if n.Queued+n.Dead > 0 {
			c.problem("the outbox has %d messages for %q, which are not counted", n.Queued+n.Dead, receiver)
		}
	}
}

// differ tells how an index differs from what it should have.
func (c *checker) differ(name []byte) {
	want := make(map[string]string)
	collect := func(e indexEntry) {
		if e.bucket == string(name) {
			want[e.key] = e.value
		}
	}
	c.trees[string(bucketDevice)].Ascend(nil, func(_, row []byte) bool {
		d, _ := rows.DecodeDevice(nil, row)
		for _, e := range indexEntries(d) {
			collect(e)
		}
		return true
	}, nil)
	c.trees[string(bucketSession)].Ascend(nil, func(_, row []byte) bool {
		if s, err := rows.DecodeSession(row); err == nil {
			for _, e := range sessionEntries(s) {
				collect(e)
			}
		}
		return true
	}, nil)
	all, found := len(want), 0
	c.trees[string(name)].Ascend(nil, func(k, v []byte) bool {
		value, expected := want[string(k)]
		switch {
		case expected && (value == string(v) || strings.HasPrefix(value, string(v)+"\x00")): // as the first databases have it
			delete(want, string(k))
			found++
		case bytes.Equal(name, bucketSessionIdentity) && c.former(k):
		case !c.ofUnread(name, k, v):
			c.problem("index %s has %q, which no record does", name, k)
		}
		return true
	}, nil)
	for key := range want {
		c.problem("index %s lacks %d of %d entries, such as %q", name, len(want), all, key)
		break
	}
}

// former reports whether an entry of the index by identity is one that an older lwbs has made: of a session whose identity is
// the name of its device.
func (c *checker) former(key []byte) bool {
	v, err := c.trees[string(bucketSessionEndpoint)].Get(key)
	return err == nil && v != nil
}

// ofUnread reports whether an index entry is of a record that cannot be read, which has been
// told of.
func (c *checker) ofUnread(index, key, value []byte) bool {
	owner, kind := key[bytes.LastIndexByte(key, 0)+1:], bucketSession
	if slices.ContainsFunc(ofDevices, func(name []byte) bool { return bytes.Equal(name, index) }) {
		if kind = bucketDevice; len(value) > 0 {
			owner = value
		}
	}
	return c.unread[string(pair(string(kind), string(owner)))]
}

// count compares one of the counts in meta with what is counted.
func (c *checker) count(key string, bucket []byte) {
	b, err := c.trees[string(bucketMeta)].Get([]byte(key))
	if err != nil || b == nil {
		return
	}
	have, ok := countOf(b)
	n := uint64(0)
	c.trees[string(bucket)].Ascend(nil, func(_, _ []byte) bool {
		n++
		return c.ctx.Err() == nil
	}, nil)
	if c.ctx.Err() == nil && (!ok || have != n) {
		c.problem("count %s is %d, there are %d", key, have, n)
	}
}
