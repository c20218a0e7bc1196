package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A File is a file of another server, and its name in reports. It is read several times, a part at a
// time.
type File struct {
	Name string
	In   io.ReaderAt // text in UTF-8
	Size int64       // bytes
}

// maxEntry is the largest entry, in bytes: those of real servers have a few thousand.
const maxEntry = 4 << 20

// utf8Mark may stand at the beginning.
const utf8Mark = "\ufeff"

// text returns a reader of the file behind a byte order mark, and how long that is.
func (f File) text() (in *bufio.Reader, skipped int64) {
	in = bufio.NewReaderSize(io.NewSectionReader(f.In, 0, f.Size), 64<<10)
	if head, _ := in.Peek(len(utf8Mark)); string(head) == utf8Mark {
		n, _ := in.Discard(len(utf8Mark))
		skipped = int64(n)
	}
	return in, skipped
}

// first returns the first byte that is not white space, and whether there is one.
func (f File) first() (first byte, ok bool) {
	in, _ := f.text()
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, false
		}
		if !bytes.ContainsRune([]byte(" \t\r\n\v\f"), rune(b)) {
			return b, true
		}
	}
}

// whole returns a file that is one entry.
func (f File) whole() (json.RawMessage, error) {
	in, _ := f.text()
	b, err := io.ReadAll(io.LimitReader(in, maxEntry+1))
	if err == nil && len(b) > maxEntry {
		err = errLongEntry
	}
	return bytes.TrimSpace(b), err
}

// lineAt returns the number of the line at an offset, from 1.
func (f File) lineAt(offset int64) int {
	in := bufio.NewReaderSize(io.NewSectionReader(f.In, 0, min(offset, f.Size)), 64<<10)
	for n := 1; ; n++ {
		for {
			_, err := in.ReadSlice('\n')
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return n
			}
		}
	}
}

// A jsonText is the JSON of a file, which is read an entry at a time.
type jsonText struct {
	file  File
	start int64 // of the JSON in the file
	d     *json.Decoder
	limit *limited
}

// openJSON reads up to the first entry of an object or an array.
func (f File) openJSON() (*jsonText, error) {
	in, start := f.text()
	limit := &limited{in: in, left: maxEntry}
	t := &jsonText{file: f, start: start, d: json.NewDecoder(limit), limit: limit}
	if _, err := t.d.Token(); err != nil {
		return nil, t.wrong(err)
	}
	return t, nil
}

// entry reads the next value. Offset is where it begins in the file.
func (t *jsonText) entry() (raw json.RawMessage, offset int64, err error) {
	t.limit.left = maxEntry
	if err := t.d.Decode(&raw); err != nil {
		return nil, 0, t.wrong(err)
	}
	return raw, t.start + t.d.InputOffset() - int64(len(raw)), nil
}

// wrong is what an error of the decoder is about; it may repeat a part of a key.
func (t *jsonText) wrong(err error) error {
	syntax := new(json.SyntaxError)
	if err != nil && !errors.As(err, &syntax) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err // of reading, or that the entry is too long
	}
	return wrong("not JSON from line %d on", t.file.lineAt(t.start+t.d.InputOffset()))
}

// end reports what follows the object or array.
func (t *jsonText) end() error {
	if _, err := t.d.Token(); err == nil {
		if _, err = t.d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	return t.wrong(nil)
}

// eachMember calls do with the members of the JSON object that a file is, in their order, with duplicates.
func (f File) eachMember(do func(name string, value json.RawMessage) error) error {
	t, err := f.openJSON()
	for err == nil && t.d.More() {
		var name json.Token
		if name, err = t.d.Token(); err != nil {
			return t.wrong(err)
		}
		text, isText := name.(string)
		if !isText {
			return t.wrong(nil)
		}
		var value json.RawMessage
		if value, _, err = t.entry(); err == nil {
			err = do(text, value)
		}
	}
	if err != nil {
		return err
	}
	return t.end()
}

// eachElement calls do with the elements of the JSON array that a file is, in their order from 1.
func (f File) eachElement(do func(n int, offset int64, value json.RawMessage) error) error {
	t, err := f.openJSON()
	for n := 1; err == nil && t.d.More(); n++ {
		var value json.RawMessage
		var offset int64
		if value, offset, err = t.entry(); err == nil {
			err = do(n, offset, value)
		}
	}
	if err != nil {
		return err
	}
	return t.end()
}

// at reads an entry again.
func (f File) at(offset int64, length int) (json.RawMessage, error) {
	b := make([]byte, length)
	if _, err := f.In.ReadAt(b, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	return b, nil
}

// limited limits how much is read for one entry.
type limited struct {
	in   io.Reader
	left int
}

var errLongEntry = fmt.Errorf("an entry of it has more than %d bytes", maxEntry)

// Read implements [io.Reader].
func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongEntry
	}
	n, err := l.in.Read(b)
	l.left -= n
	return n, err
}
