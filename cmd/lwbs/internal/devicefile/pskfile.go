package devicefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"lwbs/store/importer/sheet"
)

// PSKFile returns the devices of a file of lines IDENTITY:KEY. Without a template the endpoint name
// is the identity. Its errors are as those of [Table].
func PSKFile(in io.Reader, columns ColumnOptions) (*Source, error) {
	if columns.Templates["endpoint"] == "" {
		setIn(&columns.Templates, "endpoint", "{{.identity}}")
	}
	return Table(splitLast(in), sheet.Options{Separator: ':', Columns: []string{"identity", "psk-key"}}, columns)
}

// splitLast turns lines of IDENTITY:KEY into CSV with a colon: the identity may have colons.
func splitLast(in io.Reader) io.Reader {
	out, feed := io.Pipe()
	go func() {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, maxLine)
		var err error
		for err == nil && lines.Scan() {
			line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
			identity, key, ok := cutLast(line, ":")
			if line != "" && !ok {
				identity, key = line, ""
			}
			_, err = fmt.Fprintf(feed, "\"%s\":\"%s\"\n", strings.ReplaceAll(identity, `"`, `""`), strings.ReplaceAll(key, `"`, `""`))
		}
		feed.CloseWithError(errors.Join(err, lines.Err()))
	}()
	return out
}

// maxLine is the longest line of JSON, or of a PSK file, in bytes.
const maxLine = 1 << 20
