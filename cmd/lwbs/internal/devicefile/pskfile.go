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
	return Table(splitLast(text), sheet.Options{Separator: keySeparator, Columns: names}, columns)
}

// keySeparator stands between the identity and the key of a line once its last colon was found: of the
// control characters the one for that, which is as long as a colon, so that places in a line stay right.
const keySeparator = '\x1f'

// splitLast turns lines of IDENTITY:KEY into CSV with the separator keySeparator: the identity may have colons.
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
			_, err = fmt.Fprintf(feed, "%s%c%s\n", quoted(identity), keySeparator, quoted(key))
		}
		feed.CloseWithError(errors.Join(err, lineError(lines, n)))
	}()
	return out
}

// quoted is a cell of CSV, in quotes where it needs them.
func quoted(cell string) string {
	if !strings.ContainsAny(cell, "\""+string(keySeparator)) {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}
