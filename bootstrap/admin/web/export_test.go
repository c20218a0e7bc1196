package web

import "lwbs/bootstrap/admin/access"

// A Page is one of the table, for the tests that walk it.
type Page struct {
	Pattern string
	Role    access.Role
	MaxBody int64
}

// Table is that of the pages.
func Table() (all []Page) {
	for _, at := range table {
		all = append(all, Page{at.pattern, at.role, at.maxBody})
	}
	return all
}

// What tests of the package itself look at.
var (
	ShellCommand = shellCommand
	AgoText      = agoText
	NextOf       = nextOf
	QRCode       = qrCode
	AssetURL     = assetURL
	Count        = count
	Bytes        = byteText
)

// MaxTable is the size of an imported file.
const MaxTable = maxTable

// Assets are the names of the files that pages refer to, with their sizes on the wire.
func Assets() map[string]int {
	all := make(map[string]int)
	for name, a := range assets {
		all[name] = len(a.packed)
	}
	return all
}

// Limits.
const (
	MaxBulk     = maxBulk
	MaxStaged   = maxStaged
	MaxSearches = maxSearches
	StagedFor   = stagedFor
)

// Occupy begins a search through all devices, as far as the limit knows.
func (p *Pages) Occupy() (end func()) {
	p.searches <- struct{}{}
	return func() { <-p.searches }
}

// A Staging keeps files that were tried.
type Staging struct{ *staging }

// NewStaging returns an empty one.
func NewStaging() Staging { return Staging{newStaging()} }

// Put keeps a file.
func (s Staging) Put(who, file string) string { return s.put(staged{who: who, file: []byte(file)}) }

// Has reports whether a file is kept for someone.
func (s Staging) Has(id, who string) bool {
	_, ok := s.get(id, who)
	return ok
}
