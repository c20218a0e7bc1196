package history

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

func addressAt(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5684)
}

// usedBy lets device i use address i.
func (l *Addresses) usedBy(i int) {
	name := fmt.Sprintf("urn:imei:%015d", i)
	l.Use(addressAt(i).String(), "id-"+name, lwm2m.EndpointName(name))
}

// The addresses are bounded, and the one unused for longest goes.
func TestLastAddressesAreBounded(t *testing.T) {
	l := newAddresses(3)
	for _, i := range []int{1, 2, 3, 1, 4} {
		l.usedBy(i)
	}
	for i, want := range map[int]bool{1: true, 2: false, 3: true, 4: true} {
		if _, ok := l.At(addressAt(i)); ok != want {
			t.Errorf("address %d is known: %t", i, ok)
		}
	}
	if l.add(LastUse{address: addressAt(5)}) || len(l.where) != 3 || l.byUse.Len() != 3 {
		t.Errorf("%d addresses, %d in order", len(l.where), l.byUse.Len())
	}
	l.Drop(addressAt(3))
	if !l.add(LastUse{address: addressAt(1), Endpoint: "earlier"}) || !l.add(LastUse{address: addressAt(5)}) {
		t.Error("there is no room")
	}
	if u, _ := l.At(addressAt(1)); u.Endpoint == "earlier" {
		t.Error("an earlier use replaces a later one")
	}
}

// An address takes some 300 bytes.
func TestLastAddressSize(t *testing.T) {
	const most = 350
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l := newAddresses(maxAddresses)
	for i := range maxAddresses + 1000 {
		l.usedBy(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / maxAddresses
	t.Logf("%d bytes", each)
	if each > most || len(l.where) != maxAddresses {
		t.Errorf("%d bytes each, want at most %d; there are %d", each, most, len(l.where))
	}
}

// A pager has sessions without end.
type pager struct{ pages int }

func (p *pager) Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error) {
	p.pages++
	page := make([]store.Session, q.Limit)
	for i := range page {
		n := p.pages*q.Limit + i
		page[i] = store.Session{ID: fmt.Sprint(n), Endpoint: "meter", Remote: addressAt(n).String(), Transport: store.TransportDTLS, Proof: store.ProofIdentity, Stage: store.StageDone}
	}
	return page, ctx.Err()
}

// Reading the history ends at a limit, where the memory is full, and with the server.
func TestLastAddressesReadSoMuch(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		ctx          context.Context
		limit, pages int
	}{{t.Context(), maxAddresses, maxRead / maxReadOnce}, {t.Context(), maxReadOnce + 1, 2}, {ended, maxAddresses, 1}} {
		from := new(pager)
		if err := newAddresses(tt.limit).Read(tt.ctx, from); err != tt.ctx.Err() || from.pages != tt.pages {
			t.Errorf("with room for %d: %d pages, want %d; error %v", tt.limit, from.pages, tt.pages, err)
		}
	}
}

// Records of lost associations, whose addresses may be forged, have a share of their own: a
// flood of them takes nothing from the shares of others.
func TestUnknownAssociationsHaveAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		h := New(historyConfig(d, nil))
		const networks, minutes = 30, 3
		flood := func(i int) store.Session {
			return store.Session{ID: fmt.Sprintf("%09d", i), Endpoint: lwm2m.EndpointName(fmt.Sprintf("meter-%d", i)), Known: true, Proof: store.ProofNone, Transport: store.TransportDTLS,
				Remote: fmt.Sprintf("10.0.%d.1:%d", i%networks, i), Started: time.Now(), Ended: time.Now(), Stage: store.StageDatagram, Cause: store.CauseAssociationUnknown}
		}
		for i := range minutes * 6000 {
			h.Refused(flood(i))
			time.Sleep(time.Minute / 6000)
		}
		for i, s := range []store.Session{
			{Identity: "x", Cause: store.CauseIdentityUnknown},
			{Endpoint: "meter-1", Known: true, Cause: store.CauseKeyDiffers},
			{Stage: store.StageDatagram, Cause: store.CauseWrongPort},
		} {
			s.ID, s.Remote, s.Transport, s.Proof, s.Started, s.Ended = fmt.Sprintf("z%d", i), "192.0.2.7:9", store.TransportDTLS, store.ProofNone, time.Now(), time.Now()
			if !h.Refused(s) {
				t.Errorf("%s has no record of its own", s.Cause)
			}
		}
		h.Close()
		told, gathered := 0, 0
		for _, s := range d.kept {
			switch {
			case s.Cause != store.CauseAssociationUnknown:
			case s.Network != "":
				gathered++
			default:
				told++
			}
		}
		if most := (minutes + 1) * lostRecords; told < minutes*lostRecords || told > most || gathered == 0 || gathered > (minutes+1)*networkRecords {
			t.Errorf("%d records, at most %d are to be; %d of networks", told, most, gathered)
		}
	})
}
