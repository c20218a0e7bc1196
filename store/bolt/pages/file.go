package pages

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// A File is the file of a database. Its methods may be called concurrently.
type File struct {
	in       io.ReaderAt
	size     int64
	pageSize int

	metas [2]Meta
	wrong [2]error // why a meta does not count
}

// ErrNoMeta is returned by Open where no meta page is valid.
var ErrNoMeta = errors.New("both meta pages are damaged")

// Open reads the metas of a file of size bytes. Where none is valid, its error wraps
// ErrNoMeta, and the File takes pages for as large as those of the system.
//
// The second meta page is where the first page ends, so that both must agree on the size of a
// page. Where they do not, that one counts whose tree begins with a page.
func Open(in io.ReaderAt, size int64) (*File, error) {
	f := &File{in: in, size: size, pageSize: os.Getpagesize()}
	first, wrong := f.meta(0, 0)
	if wrong == nil {
		f.pageSize = first.PageSize
	}
	f.metas[0], f.wrong[0] = first, wrong
	f.metas[1], f.wrong[1] = f.second(f.pageSize)
	if f.wrong[0] == nil && (f.wrong[1] == nil || f.rooted(first)) {
		return f, nil
	}
	for n := minPageSize; n <= maxPageSize; n *= 2 {
		second, err := f.second(n)
		if err != nil {
			continue
		}
		g := &File{in: in, size: size, pageSize: n, metas: [2]Meta{first, second}, wrong: [2]error{wrong, nil}}
		if wrong == nil && n != first.PageSize {
			g.wrong[0] = broken(0, "has pages of %d bytes, and the other meta page of %d", first.PageSize, n)
		}
		if wrong != nil || g.rooted(second) {
			return g, nil
		}
	}
	if wrong == nil {
		return f, nil
	}
	return f, fmt.Errorf("%w: %w; %w", ErrNoMeta, f.wrong[0], f.wrong[1])
}

// second reads the second meta page of a file with pages of so many bytes.
func (f *File) second(pageSize int) (Meta, error) {
	m, err := f.meta(1, int64(pageSize))
	if err == nil && m.PageSize != pageSize {
		err = broken(1, "has pages of %d bytes, and lies where those have %d", m.PageSize, pageSize)
	}
	return m, err
}

// Resized returns the File with pages of the size that most of its first pages agree with, each
// of which begins with its own number, and without metas: for one whose metas say another
// size.
func (f *File) Resized() *File {
	const looked = 4 << 20 // bytes
	b := make([]byte, min(f.size, looked))
	n, _ := f.in.ReadAt(b, 0)
	best, most := f.pageSize, 0
	for size := minPageSize; size <= maxPageSize; size *= 2 {
		agree := 0
		for at := 2 * size; at+8 <= n; at += size {
			if order.Uint64(b[at:]) == uint64(at/size) {
				agree += size // as smaller pages are more
			}
		}
		if agree > most {
			best, most = size, agree
		}
	}
	wrong := broken(0, "is of another size")
	return &File{in: f.in, size: f.size, pageSize: best, wrong: [2]error{wrong, wrong}}
}

// rooted reports whether the page that m begins its trees with is one.
func (f *File) rooted(m Meta) bool { return f.Read(new(Page), m.Root, m.End) == nil }

func (f *File) meta(page uint64, at int64) (Meta, error) {
	b := make([]byte, headerSize+metaSize)
	n, err := f.in.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return Meta{}, broken(page, "cannot be read: %v", err)
	}
	return parseMeta(b[:n], page)
}

// Newest returns the meta that counts, and whether there is one.
func (f *File) Newest() (Meta, bool) {
	switch {
	case f.wrong[0] != nil && f.wrong[1] != nil:
		return Meta{}, false
	case f.wrong[1] != nil || f.wrong[0] == nil && f.metas[0].Txid > f.metas[1].Txid:
		return f.metas[0], true
	}
	return f.metas[1], true
}

// Apart is how many transactions lie between the metas, which are of the last two; zero where
// one does not count.
func (f *File) Apart() uint64 {
	a, b := f.metas[0].Txid, f.metas[1].Txid
	if f.wrong != [2]error{} {
		return 0
	}
	return max(a, b) - min(a, b)
}

// MetaAt is where in the file the page of a meta stands, which f has.
func (f *File) MetaAt(m Meta) int64 {
	if f.wrong[0] == nil && m == f.metas[0] {
		return 0
	}
	return int64(f.pageSize)
}

// Wrong says why a meta page, 0 or 1, does not count; nil where it does.
func (f *File) Wrong(page int) error { return f.wrong[page] }

// PageSize is the size of a page, in bytes.
func (f *File) PageSize() int { return f.pageSize }

// Pages is the number of pages in the file, the last of which may be cut.
func (f *File) Pages() uint64 {
	return (uint64(f.size) + uint64(f.pageSize) - 1) / uint64(f.pageSize)
}

// Lacks reports how many bytes the file is shorter than m says; zero where it is not.
func (f *File) Lacks(m Meta) uint64 {
	if want := m.End * uint64(m.PageSize); want > uint64(f.size) {
		return want - uint64(f.size)
	}
	return 0
}

// Read reads a branch or leaf page into p, whose memory it uses again. End is that of the
// meta. The error is an [*Error].
func (f *File) Read(p *Page, id, end uint64) (err error) {
	if id < 2 || id >= end {
		return broken(id, "cannot be: the last is %d", end-1)
	}
	if p.b, err = f.bytes(p.b[:0], id, 1); err != nil {
		return err
	}
	if err := p.header(p.b, id, end); err != nil {
		return err
	}
	if p.Overflow > 0 { // which may be a wrong number, and too much to read
		heads := (headerSize + p.count*elementSize + f.pageSize - 1) / f.pageSize
		if heads <= p.Overflow+1 {
			p.b, err = f.bytes(p.b[:0], id, heads)
		}
		if err == nil && heads <= p.Overflow+1 && p.spans(f.pageSize) {
			p.b, err = f.bytes(p.b[:0], id, p.Overflow+1)
		}
		if err != nil {
			return err
		}
	}
	return p.check(end, f.pageSize)
}

// bytes reads n pages from id on into b, which it grows as needed.
func (f *File) bytes(b []byte, id uint64, n int) ([]byte, error) {
	size, at := int64(n)*int64(f.pageSize), int64(id)*int64(f.pageSize)
	if at > f.size-size {
		return b, broken(id, "is not there: the file ends before its end")
	}
	if int64(cap(b)) < size {
		b = make([]byte, size)
	}
	b = b[:size]
	switch _, err := f.in.ReadAt(b, at); {
	case errors.Is(err, io.EOF):
		return b, broken(id, "is not there: the file ends before its end")
	case err != nil:
		return b, broken(id, "cannot be read: %v", err)
	}
	return b, nil
}

// Running returns the File of a database that is in use, and grows: where its trees are is
// for the one who uses it to say.
func Running(in io.ReaderAt, pageSize int) *File {
	return &File{in: in, size: math.MaxInt64, pageSize: pageSize, wrong: [2]error{errRunning, errRunning}}
}

var errRunning = errors.New("not read: the database is in use")
