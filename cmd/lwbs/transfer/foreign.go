package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/input"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/importer"
)

// peeked is how much of a file is looked at to find out what it is, in bytes.
const peeked = 64 << 10

// javaMagic begins a file of java.io.ObjectOutputStream, about which package importer tells more.
var javaMagic = []byte{0xac, 0xed}

// foreignFile opens a file of another server, which is read a part at a time. What comes from a pipe, or has
// to be decoded, is kept in memory: up to 64 MiB. Wanted is what the file should be.
func foreignFile(c *cli.Context, name, wanted string) (f importer.File, closed func() error, err error) {
	wrong := func(shown string, err error) error { return fmt.Errorf("import %s: %w", output.Text(shown), err) }
	in, size, shown, err := openDevices(c, name)
	if err != nil {
		return f, nil, err
	}
	f.Name = filepath.Base(shown)
	if file, regular := in.(*os.File); regular && size > 0 {
		head := make([]byte, min(size, peeked))
		if _, err := io.ReadFull(file, head); err != nil {
			return f, nil, errors.Join(wrong(f.Name, err), in.Close())
		}
		plain, err := input.Text(head[:len(head)&^1], wanted)
		if bytes.HasPrefix(head, javaMagic) || err == nil && sameText(plain, head) {
			f.In, f.Size = readerAt{c.Context, file}, size
			return f, in.Close, nil
		}
		if err != nil {
			return f, nil, errors.Join(wrong(f.Name, err), in.Close())
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return f, nil, errors.Join(wrong(f.Name, err), in.Close())
		}
	}
	defer in.Close()
	b, err := input.ReadStream("the data to import", shown, input.Interruptible(c.Context, in), input.MaxStream)
	if err != nil {
		return f, nil, err
	}
	plain, err := input.Text(b, wanted)
	if bytes.HasPrefix(b, javaMagic) {
		plain, err = b, nil
	}
	if err != nil {
		return f, nil, wrong(f.Name, err)
	}
	f.In, f.Size = bytes.NewReader(plain), int64(len(plain))
	return f, func() error { return nil }, nil
}

// A readerAt reads until its context ends.
type readerAt struct {
	ctx context.Context
	in  io.ReaderAt
}

// ReadAt implements [io.ReaderAt].
func (r readerAt) ReadAt(b []byte, at int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.ReadAt(b, at)
}

// sameText reports whether a text is what it was decoded from, but for a byte order mark.
func sameText(plain, from []byte) bool {
	from = bytes.TrimPrefix(from, []byte("\ufeff"))
	return bytes.HasPrefix(from, plain) && len(from)-len(plain) <= 1
}
