package ddf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lwbs/lwm2m"
)

// maxFiles is how many files a folder may have: the whole registry with all past versions
// is some 700.
const maxFiles = 10_000

// ReadDir returns the Objects that the files *.xml of a folder define; folders in it are
// not looked at. Files of Objects that are built in are read and left out, since those are
// known already with their past versions. An error has every mistake in every file.
func ReadDir(dir string) ([]lwm2m.ObjectDefinition, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() || !strings.EqualFold(filepath.Ext(e.Name()), ".xml")
	})
	if len(entries) == 0 || len(entries) > maxFiles {
		return nil, fmt.Errorf("%s has %d files *.xml: want 1 to %d", dir, len(entries), maxFiles)
	}
	var out []lwm2m.ObjectDefinition
	var errs []error
	from := make(map[string]string) // file by Object and version
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		defs, err := readFile(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, d := range defs {
			key := fmt.Sprintf("Object %d in version %v", d.ID, d.Version)
			if other, twice := from[key]; twice {
				errs = append(errs, &Problem{name, 1, fmt.Sprintf("%s is in %s already", key, other)})
			}
			from[key] = name
			if !lwm2m.BuiltIn(d.ID) {
				out = append(out, d)
			}
		}
	}
	return out, errors.Join(errs...)
}

func readFile(name string) ([]lwm2m.ObjectDefinition, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSize {
		return nil, tooLarge(name, info.Size())
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Read(name, b)
}

func tooLarge(name string, size int64) *Problem {
	return &Problem{name, 1, fmt.Sprintf("the file has %d bytes, at most %d are read", size, maxSize)}
}
