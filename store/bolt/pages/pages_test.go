package pages_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/store/bolt/pages"
)

// build makes a database with values of many sizes, written, edited and deleted in several
// transactions, and returns its file and what is in it.
func build(t testing.TB, records int) ([]byte, map[string]map[string]string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{NoFreelistSync: true, NoSync: true, PageSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	content := map[string]map[string]string{"large": {}, "small": {}, "empty": {}, "middle": {}}
	for range 10 {
		err := db.Update(func(tx *bbolt.Tx) error {
			for name := range content {
				if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
			for i := range records / 10 {
				key, value := fmt.Sprintf("key-%05d", r.IntN(records)), string(bytes.Repeat([]byte{byte('a' + i%26)}, r.IntN(600)))
				if r.IntN(100) == 0 {
					value = string(bytes.Repeat([]byte("long"), 1000+r.IntN(5000)))
				}
				b := tx.Bucket([]byte("large"))
				if r.IntN(4) == 0 {
					delete(content["large"], key)
					if err := b.Delete([]byte(key)); err != nil {
						return err
					}
					continue
				}
				content["large"][key] = value
				if err := b.Put([]byte(key), []byte(value)); err != nil {
					return err
				}
			}
			for i := range 40 {
				for name, n := range map[string]int{"small": 3, "middle": 40} {
					if i < n {
						key := fmt.Sprint(name, i)
						content[name][key] = "value of " + key
						if err := tx.Bucket([]byte(name)).Put([]byte(key), []byte("value of "+key)); err != nil {
							return err
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b, content
}

func open(t testing.TB, b []byte) (*pages.File, pages.Meta) {
	t.Helper()
	f, err := pages.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := f.Newest()
	return f, m
}

// A sound file is read as bbolt wrote it: all of it, forwards and backwards, from anywhere.
func TestSoundFile(t *testing.T) {
	b, content := build(t, 5000)
	f, m := open(t, b)
	survey, complete := f.Survey(m, nil)
	if !complete {
		t.Error("the survey is not complete")
	}
	if len(survey.Lost) > 0 {
		t.Fatalf("of a sound file is lost %v", survey.Lost[0].Err)
	}
	for name, want := range content {
		tree, found, err := f.Buckets(m).Bucket([]byte(name))
		if err != nil || !found {
			t.Fatalf("bucket %s: found %v, error %v", name, found, err)
		}
		keys := make([]string, 0, len(want))
		for k := range want {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, part := range []struct{ from, before string }{{}, {from: "key-02"}, {before: "key-02"}, {from: "key-02000", before: "key-021"}, {from: "zzz"}, {before: "a"}} {
			checkRange(t, tree, keys, want, part.from, part.before)
		}
		for k, v := range want {
			if got, err := tree.Get([]byte(k)); err != nil || string(got) != v {
				t.Fatalf("%s: %q, error %v", k, got, err)
			}
		}
		if got, err := tree.Get([]byte("key-none")); err != nil || got != nil {
			t.Errorf("a key that is not there: %q, error %v", got, err)
		}
		if err := tree.Check([]byte("key-03")); err != nil {
			t.Error(err)
		}
	}
	if _, found, err := f.Buckets(m).Bucket([]byte("none")); found || err != nil {
		t.Errorf("a bucket that is not there: found %v, error %v", found, err)
	}
}

// checkRange reads a part of a tree in both directions.
func checkRange(t *testing.T, tree pages.Tree, keys []string, want map[string]string, from, before string) {
	t.Helper()
	var part []string
	for _, k := range keys {
		if k >= from && (before == "" || k < before) {
			part = append(part, k)
		}
	}
	var got []string
	take := func(k, v []byte) bool {
		if (before == "" || string(k) < before) && string(k) >= from {
			got = append(got, string(k))
		}
		if want[string(k)] != string(v) {
			t.Errorf("%s has another value", k)
		}
		return true
	}
	tree.Ascend([]byte(from), take, nil)
	if !slices.Equal(got, part) {
		t.Errorf("from %q before %q: %d keys upwards, want %d", from, before, len(got), len(part))
	}
	got = nil
	var limit []byte
	if before != "" {
		limit = []byte(before)
	}
	tree.Descend(limit, take, nil)
	slices.Reverse(got)
	if !slices.Equal(got, part) {
		t.Errorf("from %q before %q: %d keys downwards, want %d", from, before, len(got), len(part))
	}
}
