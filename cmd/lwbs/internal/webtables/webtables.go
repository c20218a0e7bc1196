// Package webtables imports files of devices for the pages, as lwbs import does.
package webtables

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/web"
	"lwbs/cmd/lwbs/internal/devicefile"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/store"
	"lwbs/store/importer/sheet"
)

// Tables implements [web.Tables]. The zero value is ready for use.
type Tables struct{}

// Bounds of what a page shows of an import.
const (
	maxWrong    = 100
	maxWarnings = 50
)

// Import implements [web.Tables].
func (Tables) Import(ctx context.Context, api admin.API, file io.Reader, o web.TableOptions) (web.TableResult, error) {
	source, err := open(file, o)
	if err != nil {
		return web.TableResult{}, fmt.Errorf("%w: %w", store.ErrInvalid, reworded(err))
	}
	var report, rejects bytes.Buffer
	result, err := source.Import(ctx, api, devicefile.Options{
		File: "the file", Profile: o.Profile, Tags: o.Tags, DryRun: o.DryRun, RejectsTo: &rejects, Out: &report, JSON: true,
	})
	if wrong := new(devicefile.ReadError); errors.As(err, &wrong) {
		return web.TableResult{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	if err != nil {
		return web.TableResult{}, err
	}
	out, err := resultOf(report.Bytes())
	if err != nil {
		return out, err
	}
	if o.Format == "csv" {
		out.Columns = columnsOf(source)
	}
	if result.Rejected {
		out.Rejects = rejects.Bytes()
	}
	return out, nil
}

// open reads the beginning of a file.
func open(file io.Reader, o web.TableOptions) (*devicefile.Source, error) {
	columns := devicefile.ColumnOptions{Keys: input.KeyForm{Format: o.Keys, Option: "--key-format"}, Mapped: make(map[string]string)}
	if o.Endpoint != "" {
		columns.Templates = map[string]string{"endpoint": o.Endpoint}
	}
	for _, text := range o.Map {
		i := strings.LastIndex(text, "=")
		if i < 1 {
			return nil, fmt.Errorf("%q is not COLUMN=NAME", text)
		}
		kind, rest, dotted := strings.Cut(strings.TrimSpace(text[i+1:]), ".")
		name := strings.ToLower(kind)
		if dotted { // and a name behind the dot, as it is
			name += "." + rest
		}
		columns.Mapped[strings.TrimSpace(text[:i])] = name
	}
	switch o.Format {
	case "csv":
		if err := columns.Names(); err != nil {
			return nil, err
		}
		return devicefile.Table(file, sheet.Options{}, columns)
	case "psk-file":
		return devicefile.PSKFile(file, columns)
	case "jsonl":
		return devicefile.JSONLines(file)
	}
	return nil, fmt.Errorf("there is no format %q: want csv, jsonl or psk-file", o.Format)
}

// options are those of the command line that a page has in another way.
var options = strings.NewReplacer(
	"--key-format", "“Keys are written as”", "--map", "“What columns are for”", "--endpoint", "“Name made of columns”",
	"say what the columns are with --columns, such as --columns endpoint,psk-key", "give the table a first row that names the columns",
)

// reworded is an error of the command line in the words of the page.
func reworded(err error) error { return errors.New(options.Replace(err.Error())) }

// columnsOf are the columns of a table, and what they are for.
func columnsOf(s *devicefile.Source) (all []web.TableColumn) {
	for line := range strings.Lines(s.Mapping()) {
		heading, as, _ := cutLast(strings.TrimSuffix(line, "\n"))
		all = append(all, web.TableColumn{Heading: heading, As: as})
	}
	for _, heading := range s.NotRead() {
		all = append(all, web.TableColumn{Heading: heading})
	}
	return all
}

// cutLast divides COLUMN=NAME.
func cutLast(text string) (before, after string, ok bool) {
	i := strings.LastIndex(text, "=")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// resultOf reads the report of an import.
func resultOf(report []byte) (out web.TableResult, err error) {
	var read struct {
		Rows []struct {
			Line     int                `json:"line"`
			Endpoint string             `json:"endpoint"`
			Outcome  admin.BatchOutcome `json:"outcome"`
			Error    string             `json:"error"`
			Warnings []string           `json:"warnings"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(report, &read); err != nil {
		return out, fmt.Errorf("the report of the import: %w", err)
	}
	warned := make(map[string]bool)
	for _, row := range read.Rows {
		out.Rows++
		switch row.Outcome {
		case admin.BatchAdded:
			out.Added++
		case admin.BatchChanged:
			out.Changed++
		case admin.BatchSame:
			out.Same++
		default:
			out.Refused++
			if len(out.Wrong) < maxWrong {
				out.Wrong = append(out.Wrong, web.TableRow{Line: row.Line, Endpoint: row.Endpoint, Text: row.Error})
			}
		}
		for _, w := range row.Warnings {
			if !warned[w] && len(out.Warnings) < maxWarnings {
				warned[w] = true
				out.Warnings = append(out.Warnings, web.TableRow{Line: row.Line, Endpoint: row.Endpoint, Text: w})
			}
		}
	}
	return out, nil
}
