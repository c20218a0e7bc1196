package ddf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"lwbs/lwm2m/object"
)

// maxFiles is how many files a folder may have: the registry with all past versions has about 700.
const maxFiles = 10_000

// ReadDir returns the Objects that the files *.xml of a folder define, and the problems of the files.
// It ignores folders in it, and files whose names begin with a dot. Built-in Objects are checked and
// left out, since their past versions are known. If several files define the same version of an
// Object, the newest revision counts, else the first by name. The error is about the folder itself.
func ReadDir(dir string) ([]object.Definition, []Problem, error) {
	names, err := filesOf(dir)
	if err != nil {
		return nil, nil, err
	}
	m := &merger{places: make(map[version]int)}
	for _, name := range names {
		defs, problems := ReadFile(name)
		m.problems = append(m.problems, problems...)
		for _, d := range defs {
			m.add(source{d, name})
		}
	}
	return m.defs(), m.problems, nil
}

// filesOf are the files *.xml of a folder, by name.
func filesOf(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), ".xml") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) == 0 || len(names) > maxFiles {
		return nil, fmt.Errorf("%s has %d files *.xml: want 1 to %d", dir, len(names), maxFiles)
	}
	return names, nil
}

// ReadFile is [Read] for a file on the disk. A file that cannot be read is a Problem too.
func ReadFile(name string) (defs []object.Definition, problems []Problem) {
	defer contain(name, &defs, &problems)
	info, err := os.Stat(name)
	var b []byte
	switch {
	case err != nil:
	case !info.Mode().IsRegular(): // reading a pipe would wait for its writer
		return nil, []Problem{{name, 1, "this is not a file", true}}
	case info.Size() > maxSize:
		return nil, []Problem{tooLarge(name, info.Size())}
	default:
		b, err = readUpTo(name, maxSize+1) // it may grow meanwhile
	}
	if err != nil {
		return nil, []Problem{{name, 1, "it cannot be read: " + reason(err), true}}
	}
	return Read(name, b)
}

// contain makes a Problem of a panic over a file, so that the others count. It must be deferred.
func contain(name string, defs *[]object.Definition, problems *[]Problem) {
	if p := recover(); p != nil {
		*defs, *problems = nil, []Problem{{name, 1, fmt.Sprintf("lwbs panicked over this file, which is a fault of lwbs: %v", p), true}}
	}
}

// readUpTo reads at most limit bytes of a file.
func readUpTo(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// reason is why a file could not be opened, without its name.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

func tooLarge(name string, size int64) Problem {
	return Problem{name, 1, fmt.Sprintf("the file has %d bytes, at most %d are read", size, maxSize), true}
}
