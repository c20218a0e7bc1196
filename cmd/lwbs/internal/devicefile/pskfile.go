package devicefile

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"lwbs/store/importer/sheet"
)

// PSKFile returns the devices of a file of lines IDENTITY:KEY, or of the rows of one that were
// refused. Without a template the endpoint name is the identity. Its errors are as those of [Table].
func PSKFile(in io.Reader, columns ColumnOptions) (*Source, error) {
	if columns.Templates["endpoint"] == "" {
		setIn(&columns.Templates, "endpoint", "{{.identity}}")
	}
	text, err := sheet.Text(in)
	if err != nil {
		return nil, err
	}
	names := []string{"identity", "psk-key"}
	if isRejects(text, names) {
		return Table(text, sheet.Options{}, columns)
	}
	return Table(splitLast(text), sheet.Options{Separator: ':', Columns: names}, columns)
}

// splitLast turns lines of IDENTITY:KEY into CSV with a colon: the identity may have colons.
func splitLast(in io.Reader) io.Reader {
	out, feed := io.Pipe()
	go func() {
		lines, n := newLines(in), 0
		var err error
		for err == nil && lines.Scan() {
			n++
			line := strings.TrimSpace(lines.Text())
			identity, key, ok := cutLast(line, ":")
			if line != "" && !ok {
				identity, key = line, ""
			}
			_, err = fmt.Fprintf(feed, "\"%s\":\"%s\"\n", strings.ReplaceAll(identity, `"`, `""`), strings.ReplaceAll(key, `"`, `""`))
		}
		feed.CloseWithError(errors.Join(err, lineError(lines, n)))
	}()
	return out
}
