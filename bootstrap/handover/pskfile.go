package handover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// A pskFile is a file of lines identity:hexkey, which mosquitto and others read. It is replaced as a
// whole, so that a reader sees it before or after a change. Changes that come at the same time share
// one replacement.
type pskFile struct {
	path string

	mu      sync.Mutex // held while the file is replaced
	waiting pskChanges // guarded by next
	next    sync.Mutex
}

// A pskChange is what becomes of an identity: a line, or none where it is empty.
type pskChange struct{ identity, line string }

type pskChanges struct {
	all  []pskChange
	done []chan error
}

// maxPSKFile is the size of a file that is read, in bytes.
const maxPSKFile = 64 << 20

// pskFiles are those that this process writes, by their paths: two of one path would undo each other's
// changes.
var pskFiles sync.Map

func pskFileAt(path string) *pskFile {
	f, _ := pskFiles.LoadOrStore(filepath.Clean(path), &pskFile{path: filepath.Clean(path)})
	return f.(*pskFile)
}

func (f *pskFile) Put(ctx context.Context, a Account) error {
	identity, err := a.pskText()
	switch {
	case err != nil:
		return err
	case a.Mode != lwm2m.SecurityPSK || a.Master.Len() > 0:
		return refused("a file of keys takes accounts with a PSK, and no others")
	case identity == "" || strings.ContainsAny(identity, ":\r\n\x00") || strings.HasPrefix(identity, "#"):
		return refused("the identity of %s cannot be in a file of keys: it is empty, begins with # or has a colon or the end of a line in it", a.Endpoint)
	}
	return f.change(ctx, pskChange{identity, identity + ":" + hexOf(a.Key)})
}

func (f *pskFile) Remove(ctx context.Context, a Account) error {
	return f.change(ctx, pskChange{identity: string(a.Identity)})
}

// change hands a change to whoever replaces the file next, which may be itself.
func (f *pskFile) change(ctx context.Context, c pskChange) error {
	done := make(chan error, 1)
	f.next.Lock()
	f.waiting.all, f.waiting.done = append(f.waiting.all, c), append(f.waiting.done, done)
	leads := len(f.waiting.all) == 1
	f.next.Unlock()
	if leads {
		go f.replace()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err() // the file may be changed later, which does no harm
	}
}

// replace makes all changes that wait when the one before it is done.
func (f *pskFile) replace() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next.Lock()
	changes := f.waiting
	f.waiting = pskChanges{}
	f.next.Unlock()
	err := f.write(changes.all)
	for _, done := range changes.done {
		done <- err
	}
}

// write replaces the file. Lines that it does not change stay as they are. Where path is a symbolic link,
// the file that it leads to is replaced.
func (f *pskFile) write(changes []pskChange) error {
	path, err := resolved(f.path)
	if err != nil {
		return f.failed(err)
	}
	if real := pskFileAt(path); real != f { // which no other path has: so they do not wait for each other
		real.mu.Lock()
		defer real.mu.Unlock()
	}
	var old []byte
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return f.failed(err)
	case !info.Mode().IsRegular():
		return refused("%s is not a file", path)
	case info.Size() > maxPSKFile:
		return refused("%s has more than %d bytes", path, maxPSKFile)
	default:
		if old, err = os.ReadFile(path); err != nil {
			return f.failed(err)
		}
	}
	next, err := changed(old, changes)
	if err != nil {
		return refused("%s: %v", path, err)
	}
	if bytes.Equal(next, old) {
		return nil
	}
	return f.failed(replaceFile(path, next, info))
}

// resolved is where a path leads to without symbolic links. The file itself may be missing.
func resolved(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		return target, nil
	}
	if _, exists := os.Lstat(path); exists == nil {
		return "", fmt.Errorf("it is a symbolic link that leads to no file: %w", err)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(folder, filepath.Base(path)), err
}

func (f *pskFile) failed(err error) error {
	if err == nil {
		return nil
	}
	return refused("the file of keys cannot be replaced: %v", err)
}

// changed returns the lines of old with changes, the last of an identity counting: what is new comes
// last. It changes nothing but a file of keys.
func changed(old []byte, changes []pskChange) ([]byte, error) {
	becomes := make(map[string]string, len(changes))
	for _, c := range changes {
		becomes[c.identity] = c.line
	}
	written := make(map[string]bool)
	var next bytes.Buffer
	number := 0
	for line := range bytes.Lines(old) {
		number++
		text := string(bytes.TrimRight(line, "\r\n"))
		if !pskLine(text) {
			return nil, fmt.Errorf("line %d is not identity:hexkey, so this may be another file than one of keys, and it is left as it is", number)
		}
		identity, _, isKey := strings.Cut(text, ":")
		switch change, found := becomes[identity]; {
		case !found || !isKey:
			next.Write(line)
			if !bytes.HasSuffix(line, []byte("\n")) {
				next.WriteByte('\n')
			}
		case change != "" && !written[identity]:
			fmt.Fprintln(&next, change)
			written[identity] = true
		}
	}
	for _, c := range changes {
		if line := becomes[c.identity]; line != "" && !written[c.identity] {
			fmt.Fprintln(&next, line)
			written[c.identity] = true
		}
	}
	return next.Bytes(), nil
}

// pskLine reports whether a file of keys may have this line.
func pskLine(text string) bool {
	if text = strings.TrimSpace(text); text == "" || strings.HasPrefix(text, "#") {
		return !strings.Contains(text, "\x00")
	}
	identity, key, found := strings.Cut(text, ":")
	return found && utf8.ValidString(identity) && !strings.Contains(identity, "\x00") && strings.Trim(key, "0123456789abcdefABCDEF") == ""
}

// replaceFile puts a file with this content in the place of another, durably, with the owner and the
// mode of old, which is nil where there is none.
func replaceFile(path string, content []byte, old fs.FileInfo) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	mode := fs.FileMode(0o600)
	if old != nil {
		mode, err = old.Mode().Perm(), keepOwner(file, old)
	}
	if err == nil {
		_, err = file.Write(content)
	}
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = folder.Sync() // where the system cannot, the file is as durable as it can be
	return folder.Close()
}
