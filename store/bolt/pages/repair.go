package pages

// A Repair is what is to be written so that bbolt can edit a file that was not closed in
// order, or that is damaged: a list of free pages, which has none that something may depend
// on; trees without what is lost of them, where nobody needs to know what that was; and a
// meta that refers to these. All else stays as it is, but for the older meta.
type Repair struct {
	Pages []Write // in any order; to be synced before Meta is written
	Meta  Write
}

// A Write is bytes for a place in the file.
type Write struct {
	At    int64
	Bytes []byte
}

// Repair returns what makes f fit for bbolt, and whether that is anything. S is the Survey of
// m, which is the newest. Cut says of which buckets what is lost is cut off. The error is an
// [*Error].
//
// Where nothing is lost, the free pages are all those that are not used. Else pages below a
// damaged one cannot be told from free ones. Then only those are free that the list in the
// file has, if there is one and it fits what is used; without one, none is, and the file
// grows instead.
func (s *Survey) Repair(f *File, m Meta, cut map[string]bool) (r Repair, needed bool, err error) {
	c := &cutter{file: f, end: m.End}
	next := m
	if next.Root, err = s.cut(c, m, cut); err != nil {
		return Repair{}, false, err
	}
	free := s.free(f, m)
	if free == nil && next.Root == m.Root {
		return Repair{}, false, nil
	}
	if free != nil {
		next.Free = c.end
		b := encodeFree(next.Free, *free, f.pageSize)
		c.writes = append(c.writes, Write{int64(next.Free) * int64(f.pageSize), b})
		c.end += uint64(len(b) / f.pageSize)
	}
	next.Txid++
	next.End = c.end
	meta, page := next.Encode()
	return Repair{c.writes, Write{int64(page) * int64(f.pageSize), meta}}, true, nil
}

// cut cuts off what is lost of some buckets, and returns the root of the buckets' names.
func (s *Survey) cut(c *cutter, m Meta, cut map[string]bool) (uint64, error) {
	lost := make(map[string][]LostIn)
	for _, l := range s.Lost {
		if cut[l.Bucket] {
			lost[l.Bucket] = append(lost[l.Bucket], l)
		}
	}
	if len(lost) == 0 {
		return m.Root, nil
	}
	roots := make(map[string]uint64)
	for bucket, parts := range lost {
		root, err := c.cut(s.Buckets[bucket], parts)
		if err != nil {
			return 0, err
		}
		roots[bucket] = root
	}
	return c.names(c.file.Buckets(m), roots), nil
}

// free is the list of free pages that f should have; nil where it has the right one.
func (s *Survey) free(f *File, m Meta) *[]uint64 {
	listed, err := f.FreePages(m)
	have := err == nil && m.Free != NoFree
	for _, page := range listed {
		have = have && !s.Used.Has(page)
	}
	if len(s.Lost) > 0 {
		if have {
			return nil
		}
		return new([]uint64)
	}
	var unused []uint64
	for page := uint64(2); page < m.End; page++ {
		if !s.Used.Has(page) {
			unused = append(unused, page)
		}
	}
	if list, err := f.ListOfFree(m); have && err == nil && len(unused) == len(listed)+len(list)/f.pageSize {
		return nil
	}
	return &unused
}
