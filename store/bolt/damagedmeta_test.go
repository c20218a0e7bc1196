package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/store"
)

// A metaField is where a number stands in a meta page, and how many bytes it has.
type metaField struct{ at, size int }

var (
	metaPageSize = metaField{24, 4}
	metaRoot     = metaField{32, 8}
	metaFree     = metaField{48, 8}
	metaEnd      = metaField{56, 8}
	metaTxid     = metaField{64, 8}
)

// setMeta changes a number in a meta page, with a checksum that is right.
func (s *specimen) setMeta(b []byte, page int, f metaField, n uint64) {
	p := s.page(b, page)
	if f.size == 4 {
		binary.NativeEndian.PutUint32(p[f.at:], uint32(n))
	} else {
		binary.NativeEndian.PutUint64(p[f.at:], n)
	}
	h := fnv.New64a()
	h.Write(p[16:72])
	binary.NativeEndian.PutUint64(p[72:], h.Sum64())
}

// Whatever a meta page says, with a checksum that is right: it is told, memory is bounded,
// nothing goes on for ever, and what is in the file is served or salvaged.
func TestDamagedMeta(t *testing.T) {
	for _, closed := range []bool{true, false} {
		s := newSpecimen(t, closed)
		newest := int(s.meta.Txid % 2)
		for _, test := range []struct {
			name  string
			field metaField
			value uint64
		}{
			{"no page size", metaPageSize, 0}, {"page size 1", metaPageSize, 1}, {"an odd page size", metaPageSize, 4097},
			{"half the page size", metaPageSize, uint64(s.size / 2)}, {"twice the page size", metaPageSize, uint64(2 * s.size)},
			{"pages of 4 GiB", metaPageSize, math.MaxUint32},
			{"an end in the file", metaEnd, 10}, {"an end of 16 TiB", metaEnd, 1 << 32}, {"an end of 4 PiB", metaEnd, 1 << 40},
			{"an end beyond all numbers", metaEnd, 1 << 60}, {"the last end", metaEnd, math.MaxUint64},
			{"a root far behind", metaRoot, 1 << 40}, {"a root that is a meta page", metaRoot, 1}, {"the last root", metaRoot, math.MaxUint64},
			{"a list of free pages far behind", metaFree, 1 << 40}, {"a list that is another page", metaFree, 2},
			{"the last transaction", metaTxid, math.MaxUint64}, {"the first transaction", metaTxid, 0},
		} {
			ways := [][]int{{newest}}
			if !closed {
				ways = [][]int{{1 - newest}, {0, 1}}
			}
			for _, which := range ways {
				b := bytes.Clone(s.bytes)
				for _, page := range which {
					s.setMeta(b, page, test.field, test.value)
				}
				s.tryMeta(t, damage{name: test.name, bytes: b}, which)
			}
		}
	}
}

func (s *specimen) tryMeta(t *testing.T, d damage, which []int) {
	t.Helper()
	dir, remove := quickly(t)
	defer remove()
	file := filepath.Join(dir, "x.db")
	if err := os.WriteFile(file, d.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	found := CheckFile(t.Context(), file, s.keyring)
	if len(which) > 1 {
		report, err := SalvageFile(t.Context(), file, file+".salvaged", s.keyring)
		if err != nil || report.Devices.Kept < len(s.devices) {
			t.Errorf("%s in %v: %d devices are salvaged, want %d: %v", d.name, which, report.Devices.Kept, len(s.devices), err)
		}
	}
	var told []string
	db, err := Open(file, s.keyring, Options{noSync: true, Unreadable: func(part *store.UnreadableError) { told = append(told, part.Error()) }})
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) || found == nil || !strings.Contains(err.Error(), "db salvage") {
			t.Errorf("%s in %v: opening: %v; the check says %v", d.name, which, err, found)
		}
		return
	}
	defer db.Close()
	for ep := range s.devices {
		if _, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, "id of "+ep); err != nil {
			t.Errorf("%s in %v: %v", d.name, which, err)
		}
	}
	if err := db.AppendSession(t.Context(), specimenSession(5000, store.Device{Endpoint: "dev-001"})); err != nil {
		t.Errorf("%s in %v: a session is not kept: %v", d.name, which, err)
	}
	if info, err := os.Stat(file); err != nil || info.Size() > int64(len(d.bytes))+64<<20 {
		t.Errorf("%s in %v: the file has %d bytes, error %v", d.name, which, info.Size(), err)
	}
	if found == nil && len(told) > 0 {
		t.Errorf("%s in %v: the check found nothing, and the opening says %q", d.name, which, told)
	}
}
