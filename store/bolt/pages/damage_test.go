package pages_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"lwbs/store/bolt/pages"
)

const pageSize = 4096

// FuzzDamage changes some bytes of a sound file and cuts it. Whatever they are, no reading panics, reads
// without end or holds much memory. Each element that is read was there, and each one that is not read is
// reported as lost; the pages that were changed are the exception.
func FuzzDamage(f *testing.F) {
	sound, content := build(f, 2000)
	f.Add(uint32(3*pageSize+8), uint64(1), uint16(1), uint32(0), uint64(0))
	f.Add(uint32(3*pageSize+12), uint64(0xff000000), uint16(1), uint32(3*pageSize+10), uint64(0xffff))
	f.Add(uint32(5*pageSize), uint64(0), uint16(512), uint32(0), uint64(7))
	f.Add(uint32(16), uint64(3), uint16(4000), uint32(pageSize+30), uint64(9))
	f.Add(uint32(7*pageSize+16), uint64(0x1000000000), uint16(1), uint32(7*pageSize+24), uint64(1))
	f.Fuzz(func(t *testing.T, at uint32, bits uint64, times uint16, at2 uint32, bits2 uint64) {
		b := bytes.Clone(sound)
		changed := make(map[uint64]bool)
		flip := func(at uint32, bits uint64) {
			i := int(at) % (len(b) - 8)
			binary.NativeEndian.PutUint64(b[i:], binary.NativeEndian.Uint64(b[i:])^bits)
			if bits != 0 {
				changed[uint64(i)/pageSize], changed[uint64(i+7)/pageSize] = true, true
			}
		}
		for i := range times % 600 {
			flip(at+8*uint32(i), bits)
		}
		flip(at2, bits2)
		inspect(t, b, sound, content, changed)
	})
}

// TestDamage does as FuzzDamage with whole pages: cut off, zeroed, exchanged, full of noise.
func TestDamage(t *testing.T) {
	sound, content := build(t, 700)
	r := rand.New(rand.NewPCG(3, 4))
	n := len(sound) / pageSize
	for id := range n {
		inspect(t, sound[:id*pageSize+r.IntN(pageSize)], sound, content, nil)
		page := func(b []byte, id int) []byte { return b[id*pageSize : (id+1)*pageSize] }

		b := bytes.Clone(sound)
		clear(page(b, id))
		inspect(t, b, sound, content, map[uint64]bool{uint64(id): true})

		b, other := bytes.Clone(sound), r.IntN(n)
		copy(page(b, id), page(sound, other))
		copy(page(b, other), page(sound, id))
		inspect(t, b, sound, content, map[uint64]bool{uint64(id): true, uint64(other): true})

		b = bytes.Clone(sound)
		for i := range page(b, id)[8:] {
			page(b, id)[8+i] = byte(r.Uint32())
		}
		inspect(t, b, sound, content, map[uint64]bool{uint64(id): true})
	}
}

// inspect reads all that can be read of b, in which the pages of changed differ from sound,
// and what is behind its end is missing.
func inspect(t *testing.T, b, sound []byte, content map[string]map[string]string, changed map[uint64]bool) {
	t.Helper()
	f, err := pages.Open(bytes.NewReader(b), int64(len(b)))
	_, before := open(t, sound)
	m, ok := f.Newest()
	if !ok || m != before {
		if err == nil && !ok {
			t.Fatal("there is no meta, and no error")
		}
		m = before // as a search for the root would find it
	}
	survey, _ := f.Survey(m, nil)
	if len(changed) == 0 && len(b) == len(sound) && len(survey.Lost) > 0 {
		t.Fatalf("of a sound file is lost: %v", survey.Lost[0].Err)
	}
	if _, err := f.FreePages(m); err != nil && m.Free == pages.NoFree {
		t.Error(err)
	}
	for name, want := range content {
		tree, found, err := f.Buckets(m).Bucket([]byte(name))
		if err != nil || !found {
			if len(changed) == 0 && len(b) == len(sound) {
				t.Fatalf("bucket %s: found %v, error %v", name, found, err)
			}
			continue
		}
		checkTree(t, tree, want, len(changed) > 0)
	}
}

// checkTree compares what is read of a tree, and what of it is said to be lost, with what was
// in it. Bytes of keys and values have no checksum: where some may be changed, few are.
func checkTree(t *testing.T, tree pages.Tree, want map[string]string, mayDiffer bool) {
	t.Helper()
	var lost []pages.Lost
	got := make(map[string]bool)
	differ := 0
	last := []byte(nil)
	tree.Ascend(nil, func(k, v []byte) bool {
		if last != nil && bytes.Compare(last, k) >= 0 {
			t.Fatalf("%q comes behind %q", k, last)
		}
		last = bytes.Clone(k)
		if got[string(k)] = true; want[string(k)] != string(v) {
			differ++
		}
		return true
	}, func(l pages.Lost) { lost = append(lost, l) })
	backwards := 0
	tree.Descend(nil, func(k, _ []byte) bool { backwards++; return true }, nil)
	if backwards != len(got) {
		t.Fatalf("%d elements upwards, %d downwards", len(got), backwards)
	}
	for k := range want {
		if got[k] {
			continue
		}
		told := false
		for _, l := range lost {
			told = told || (l.From == nil || string(l.From) <= k) && (l.To == nil || k < string(l.To))
		}
		if !told {
			differ++
		}
		if told && tree.Check([]byte(k)) == nil {
			t.Fatalf("%q is lost, and the way to it is sound", k)
		}
	}
	const onAPage = 300 // elements of a page and those of the pages that it may have been taken for
	if !mayDiffer && differ > 0 || differ > onAPage {
		t.Fatalf("%d elements are others or missing, and nothing is said to be lost", differ)
	}
}
