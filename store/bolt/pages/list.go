package pages

import (
	"errors"
	"slices"
)

// List returns what gives f the list free, in ascending order, in place of the one that m refers
// to. M is the newest meta.
func (f *File) List(m Meta, free []uint64) Repair {
	next := m
	next.Free = m.End
	b := encodeFree(next.Free, free, f.pageSize)
	next.End += uint64(len(b) / f.pageSize)
	return f.repair(m, next, []Write{{int64(next.Free) * int64(f.pageSize), b}})
}

// repair is the Repair that next refers to, in the place of the meta that is not m.
func (f *File) repair(m, next Meta, writes []Write) Repair {
	next.Txid++
	if next.Txid%2 == uint64(f.MetaAt(m)/int64(f.pageSize)) {
		next.Txid++ // else it would be written over the only one that is right
	}
	meta, page := next.Encode()
	return Repair{writes, Write{int64(page) * int64(f.pageSize), meta}}
}

// errListed is returned by Relist where a page is on the list already.
var errListed = errors.New("a page is free twice")

// Relist returns what adds more free pages, in ascending order, to the list that m refers to. M is
// the newest meta, and has a list.
func (f *File) Relist(m Meta, more []uint64) (Repair, error) {
	listed, err := f.FreePages(m)
	if err != nil {
		return Repair{}, err
	}
	own, err := f.listPages(m)
	if err != nil {
		return Repair{}, err
	}
	all := slices.Concat(listed, own, more)
	slices.Sort(all)
	if n := len(all); len(slices.Compact(all)) < n {
		return Repair{}, errListed
	}
	return f.List(m, all), nil
}

// listPages are those that the list of m is on.
func (f *File) listPages(m Meta) (own []uint64, err error) {
	if m.Free == NoFree {
		return nil, nil
	}
	b, err := f.ListOfFree(m)
	for i := range len(b) / f.pageSize {
		own = append(own, m.Free+uint64(i))
	}
	return own, err
}

// Unlisted returns the pages before the end of m that are neither used, nor on the list of m, nor
// of that list, in ascending order. S is the Survey of m, without anything lost.
func (s *Survey) Unlisted(f *File, m Meta) ([]uint64, error) {
	listed, err := f.FreePages(m)
	if err != nil {
		return nil, err
	}
	own, err := f.listPages(m)
	if err != nil {
		return nil, err
	}
	known := NewSet(m.End)
	for _, page := range slices.Concat(listed, own) {
		known.Add(page)
	}
	var free []uint64
	for page := uint64(2); page < m.End; page++ {
		if !s.Used.Has(page) && !known.Has(page) {
			free = append(free, page)
		}
	}
	return free, nil
}
