package bolt

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/runfile"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// associationsAt are associations that were heard of at these seconds.
func associationsAt(seconds ...int64) (out []store.Association) {
	for _, s := range seconds {
		out = append(out, store.Association{
			AssociationKey: store.AssociationKey{Heard: time.Unix(s, 0), ID: [16]byte{byte(s)}},
			State:          lwm2m.NewSecret([]byte("very-secret-state")),
		})
	}
	return out
}

// A place is a folder with a database in it.
type place struct {
	t   *testing.T
	dir string
	key *seal.Keyring
	db  *DB // nil while it is closed
}

func newPlace(t *testing.T) *place {
	t.Helper()
	key, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return &place{t: t, dir: t.TempDir(), key: key}
}

func (p *place) file() string { return filepath.Join(p.dir, "x.db") }

// resume opens the database, and returns how many associations were lost and why.
func (p *place) resume() (lost int, why string) {
	p.t.Helper()
	var err error
	if p.db, err = Open(p.file(), p.key, Options{}); err != nil {
		p.t.Fatal(err)
	}
	if lost, why, err = p.db.ResumeAssociations(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return lost, why
}

// keep keeps associations beside those that are there.
func (p *place) keep(seconds ...int64) {
	p.t.Helper()
	if err := p.db.KeepAssociations(p.t.Context(), associationsAt(seconds...), nil); err != nil {
		p.t.Fatal(err)
	}
}

// count is how many associations there are.
func (p *place) count() int {
	p.t.Helper()
	page, err := p.db.Associations(p.t.Context(), store.AssociationKey{}, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(page)
}

func (p *place) close() {
	p.t.Helper()
	if err := p.db.Check(p.t.Context()); err != nil {
		p.t.Error(err)
	}
	if err := p.db.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// crash ends the use of the database as kill -9 does: the files stay as they are.
func (p *place) crash() {
	p.t.Helper()
	files := p.read()
	if err := p.db.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.write(files)
}

// read returns the database and its run file as they are now; nil for none.
func (p *place) read() (files map[string][]byte) {
	p.t.Helper()
	files = make(map[string][]byte)
	for _, name := range []string{p.file(), p.file() + runfile.Suffix} {
		if b, err := os.ReadFile(name); err == nil {
			files[filepath.Base(name)] = b
		}
	}
	return files
}

// write puts files in the place of those that are there, in the same inodes.
func (p *place) write(files map[string][]byte) {
	p.t.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), b, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Associations go on after a restart and a crash, as often as that happens.
func TestAssociationsResume(t *testing.T) {
	p := newPlace(t)
	for round := range int64(5) {
		if lost, why := p.resume(); lost != 0 || why != "" || p.count() != int(2*round) {
			t.Fatalf("round %d: %d were lost, as %q; there are %d", round, lost, why, p.count())
		}
		p.keep(2*round + 1)
		p.keep(2*round + 2)
		if round%2 == 0 {
			p.crash()
		} else {
			p.close()
		}
	}
	// Other edits, of a command that does not keep associations, do not matter.
	db, err := Open(p.file(), p.key, Options{})
	if err != nil {
		t.Fatal(err)
	}
	appendSession(t, db, 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if lost, why := p.resume(); lost != 0 || why != "" || p.count() != 10 {
		t.Errorf("%d were lost, as %q; there are %d", lost, why, p.count())
	}
	p.close()
}

// Where associations go on, the run file is written in place, which takes no room on a disk
// that is full.
func TestResumeTakesNoRoom(t *testing.T) {
	p := newPlace(t)
	p.resume()
	p.keep(1)
	p.crash()
	before := must(os.Stat(p.file() + runfile.Suffix))
	if err := os.Mkdir(p.file()+runfile.Suffix+".new", 0o700); err != nil { // nothing can be created there
		t.Fatal(err)
	}
	if lost, why := p.resume(); lost != 0 || why != "" || p.count() != 1 {
		t.Errorf("%d were lost, as %q; there are %d", lost, why, p.count())
	}
	if after := must(os.Stat(p.file() + runfile.Suffix)); !os.SameFile(before, after) {
		t.Error("it is another file")
	}
	p.close()
}

// No copy of a database goes on with its associations, wherever it is put, but for one of
// the whole that is the newest.
func TestCopiesDoNotResume(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, p *place) // between a start that kept one association and the next start
		lost int
	}{
		{"nothing", func(*testing.T, *place) {}, 0},
		{"renamed folder", func(t *testing.T, p *place) {
			to := filepath.Join(t.TempDir(), "moved")
			if err := os.Rename(p.dir, to); err != nil {
				t.Fatal(err)
			}
			p.dir = to
		}, 0},
		{"copy of the file", func(t *testing.T, p *place) {
			files := p.read()
			delete(files, "x.db"+runfile.Suffix)
			p.dir = t.TempDir()
			p.write(files)
		}, 1},
		{"copy of the folder", func(t *testing.T, p *place) {
			files := p.read()
			p.dir = t.TempDir()
			p.write(files)
		}, 1},
		{"older copy put back", func(t *testing.T, p *place) {
			files := p.read()
			delete(files, "x.db"+runfile.Suffix)
			p.resume()
			p.close()
			p.write(files)
		}, 1},
		{"older copy put back after a crash", func(t *testing.T, p *place) {
			p.resume()
			files := p.read() // while it is in use
			delete(files, "x.db"+runfile.Suffix)
			p.keep(2)
			p.crash()
			p.write(files)
		}, 1},
		{"another database put back", func(t *testing.T, p *place) {
			other := newPlace(t)
			other.key = p.key
			other.resume()
			for s := range int64(9) {
				other.keep(s + 1)
			}
			other.close()
			files := other.read()
			delete(files, "x.db"+runfile.Suffix)
			p.write(files)
		}, 9},
		{"run file removed", func(t *testing.T, p *place) {
			if err := os.Remove(p.file() + runfile.Suffix); err != nil {
				t.Fatal(err)
			}
		}, 1},
		{"run file damaged", func(t *testing.T, p *place) {
			p.write(map[string][]byte{"x.db" + runfile.Suffix: []byte("lwbs-run 1\n00 1\n")})
		}, 1},
		{"run file empty", func(t *testing.T, p *place) { p.write(map[string][]byte{"x.db" + runfile.Suffix: nil}) }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "copy of the folder" && runtime.GOOS != "linux" {
				t.Skip("nothing tells one file from another here")
			}
			p := newPlace(t)
			p.resume()
			p.keep(1)
			p.close()
			tt.do(t, p)
			lost, why := p.resume()
			if lost != tt.lost || (why == "") != (tt.lost == 0) || p.count() != 1-min(tt.lost, 1) || strings.Contains(why, "\n") {
				t.Errorf("%d were lost, as %q; there are %d", lost, why, p.count())
			}
			p.keep(5) // and it goes on
			p.crash()
			if lost, why := p.resume(); lost != 0 || why != "" || p.count() == 0 {
				t.Errorf("after a restart %d were lost, as %q; there are %d", lost, why, p.count())
			}
			p.close()
		})
	}
}

// A backup and what is salvaged have no associations, not even sealed ones.
func TestCopiesHaveNoAssociations(t *testing.T) {
	p := newPlace(t)
	p.resume()
	p.keep(1, 2, 3)
	backup, salvaged := filepath.Join(p.dir, "backup.db"), filepath.Join(p.dir, "salvaged.db")
	if err := p.db.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	p.close()
	if _, err := SalvageFile(t.Context(), p.file(), salvaged, p.key); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{backup, salvaged} {
		raw, err := os.ReadFile(file)
		if err != nil || bytes.Contains(raw, []byte(`"association"`)) {
			t.Errorf("%s has a trace of associations; %v", file, err)
		}
		db, err := Open(file, p.key, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if lost, why, err := db.ResumeAssociations(t.Context()); lost != 0 || why != "" || err != nil {
			t.Errorf("%s: %d were lost, as %q; %v", file, lost, why, err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p.write(map[string][]byte{"x.db": must(os.ReadFile(backup))})
	if lost, why := p.resume(); lost != 0 || why != "" || p.count() != 0 {
		t.Errorf("a backup that was put back: %d were lost, as %q; there are %d", lost, why, p.count())
	}
	p.close()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is void stays void over a crash, also where the run file can only be removed; where
// neither is possible the error says so.
func TestVoidAssociations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(p *place)
		fails bool
	}{
		{"whole", func(*place) {}, false},
		{"not written", func(p *place) { p.db.run.File().Close() }, false},
		{"not written nor removed", func(p *place) {
			p.db.run.File().Close()
			if err := os.Remove(p.file() + runfile.Suffix); err != nil {
				p.t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(p.file()+runfile.Suffix, "x"), 0o700); err != nil {
				p.t.Fatal(err)
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.resume()
			p.keep(1)
			tt.spoil(p)
			if err := p.db.VoidAssociations(); (err != nil) != tt.fails {
				t.Errorf("error %v", err)
			}
			if tt.fails {
				_ = p.db.Close() // which says that the file is closed
				return
			}
			p.crash()
			if lost, why := p.resume(); lost != 1 || why == "" {
				t.Errorf("%d were lost, as %q", lost, why)
			}
			p.close()
		})
	}
}

// A record that is damaged, of another key or sealed by an unknown key is left out, and the
// others come.
func TestAssociationsThatCannotBeRead(t *testing.T) {
	p := newPlace(t)
	p.resume()
	p.keep(1, 2, 3, 4)
	err := p.db.file.Internals().DB().Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketAssociation)
		all := associationsAt(1, 2, 3, 4)
		row := bytes.Clone(b.Get(all[1].Bytes()))
		if err := b.Put(all[2].Bytes(), row); err != nil {
			return err
		}
		other, err := seal.NewKeyring()
		if err != nil {
			return err
		}
		if row, err = rows.EncodeAssociation(other, all[0]); err != nil {
			return err
		}
		return b.Put(all[0].Bytes(), row)
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := p.db.Associations(t.Context(), store.AssociationKey{}, 100)
	if err != nil || len(page) != 2 || page[0].Heard.Unix() != 4 || page[1].Heard.Unix() != 2 {
		t.Errorf("there are %+v, %v", page, err)
	}
	if err := p.db.Close(); err != nil {
		t.Fatal(err)
	}
}
