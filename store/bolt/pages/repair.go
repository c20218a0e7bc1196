package pages

// A Repair is what is to be written so that bbolt can edit a file that was not closed in order, or that is
// damaged. It has a list of free pages, without any that something may depend on. It has trees without what
// is lost of them, where the lost part need not be known. And it has a meta that refers to these, in place of
// the older or damaged one. All else stays as it is.
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
	end := s.end(f, m)
	c := &cutter{file: f, end: end}
	next := m
	if next.Root, err = s.cut(c, m, cut); err != nil {
		return Repair{}, false, err
	}
	free := s.free(f, m, end)
	if free == nil && next.Root == m.Root && end == m.End && f.wrong == [2]error{} {
		return Repair{}, false, nil
	}
	if free != nil {
		next.Free = c.end
		b := encodeFree(next.Free, *free, f.pageSize)
		c.writes = append(c.writes, Write{int64(next.Free) * int64(f.pageSize), b})
		c.end += uint64(len(b) / f.pageSize)
	}
	next.End = c.end
	return f.repair(m, next, c.writes), true, nil
}

// end is the page behind the last one that anything may depend on. It lies before that of m
// where the file is shorter than m says: else bbolt would write far behind the file.
func (s *Survey) end(f *File, m Meta) uint64 {
	end := uint64(f.size) / uint64(f.pageSize)
	for _, l := range s.Lost {
		if l.Err.Page < m.End {
			end = max(end, l.Err.Page+1)
		}
	}
	if free, err := f.FreePages(m); err == nil && len(free) > 0 && len(s.Lost) > 0 {
		end = max(end, free[len(free)-1]+1)
	}
	return min(end, m.End)
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

// free is the list of free pages before end that f should have; nil where it has the right one.
func (s *Survey) free(f *File, m Meta, end uint64) *[]uint64 {
	listed, err := f.FreePages(m)
	have := err == nil && m.Free != NoFree
	for _, page := range listed {
		have = have && page < end && !s.Used.Has(page)
	}
	if len(s.Lost) > 0 {
		if have {
			return nil
		}
		return new([]uint64)
	}
	var unused []uint64
	for page := uint64(2); page < end; page++ {
		if !s.Used.Has(page) {
			unused = append(unused, page)
		}
	}
	if list, err := f.ListOfFree(m); have && err == nil && len(unused) == len(listed)+len(list)/f.pageSize {
		return nil
	}
	return &unused
}
