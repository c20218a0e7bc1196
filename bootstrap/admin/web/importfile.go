package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// TableOptions say how a file of devices is read.
type TableOptions struct {
	Format  string   // csv, jsonl, psk-file
	Keys    string   // how keys are written: hex, base64 or text; empty where no column has keys
	Map     []string // COLUMN=NAME: what columns are for
	Profile string   // of the devices that name none
	Tags    []string // added to each
	DryRun  bool     // change nothing

	// Endpoint is a template that makes the endpoint name of other columns; empty where a column has it.
	Endpoint string
}

// A TableResult is what became of the rows of a file, or would.
type TableResult struct {
	Rows    int
	Added   int
	Changed int
	Same    int
	Refused int

	Wrong    []TableRow // the first ones that are refused
	Warnings []TableRow // the first ones with a warning

	Columns []TableColumn // of a table
	Rejects []byte        // the rows that are refused, as a table with the reasons; nil for none
}

// A TableRow is what is said of one row.
type TableRow struct {
	Line     int
	Endpoint string
	Text     string
}

// A TableColumn is one of a table, and what it is for; As is empty where it is not read.
type TableColumn struct{ Heading, As string }

// maxTable is the size of a file that a page imports; the command line has no such limit.
const maxTable = 8 << 20

// An importPage is an import: the form, what the file would do, or what it did.
type importPage struct {
	TableOptions
	File     string
	Profiles []string
	Failure  string
	Result   *TableResult
	Staged   string // by which the file is imported
	Rejects  bool   // there are rows to be taken home
}

func (p *Pages) importPage(r *request) error {
	if p.Tables == nil {
		return p.notFound(r)
	}
	return p.showImport(r, http.StatusOK, importPage{TableOptions: TableOptions{Format: "csv", Keys: "hex"}})
}

func (p *Pages) showImport(r *request, status int, page importPage) (err error) {
	if page.Profiles, err = p.profileNames(r); err != nil {
		return err
	}
	r.render(status, "import", view{Title: "Import a file", Nav: "add", Command: importCommand(page), Body: page})
	return nil
}

// importCommand is that of the command line for the same import.
func importCommand(page importPage) string {
	words := []any{"lwbs", "import", page.Format, "FILE"}
	if page.File != "" {
		words[3] = page.File
	}
	if page.Format == "csv" && page.Keys != "" {
		words = append(words, "--key-format", page.Keys)
	}
	for _, m := range page.Map {
		words = append(words, "--map", m)
	}
	if page.Endpoint != "" {
		words = append(words, "--endpoint", page.Endpoint)
	}
	if page.Profile != "" {
		words = append(words, "--profile", page.Profile)
	}
	for _, tag := range page.Tags {
		words = append(words, "--tag", tag)
	}
	if page.Result == nil || page.DryRun {
		words = append(words, "--dry-run")
	}
	return shellCommand(words...)
}

// tryImport tells what a file would do, and keeps it for a while so that it can be imported.
func (p *Pages) tryImport(r *request) error {
	if p.Tables == nil {
		return p.notFound(r)
	}
	defer func() {
		if r.MultipartForm != nil {
			_ = r.MultipartForm.RemoveAll()
		}
	}()
	page := importPage{TableOptions: TableOptions{Format: r.FormValue("format"), Keys: r.FormValue("keys"), Map: lines(r.FormValue("map")), Profile: r.text("profile"), Tags: fields(r.FormValue("tags")), Endpoint: r.text("endpoint"), DryRun: true}}
	var file []byte
	in, head, err := r.FormFile("file")
	switch {
	case err == nil:
		page.File = head.Filename
		file, err = io.ReadAll(in)
		in.Close()
	default: // the same file again, with other choices
		if s, ok := p.staged.get(r.FormValue("staged"), r.owner()); ok {
			page.File, file, err = s.page.File, s.file, nil
		}
	}
	if err != nil || len(file) == 0 {
		page.Failure = "Choose a file that is not empty."
		return p.showImport(r, http.StatusUnprocessableEntity, page)
	}
	result, err := p.Tables.Import(r.Context(), p.API, bytes.NewReader(file), page.TableOptions)
	if err != nil {
		if wire.ProblemOf(err).Status == http.StatusInternalServerError && r.Context().Err() != nil {
			return err
		}
		page.Failure = err.Error()
		page.Staged = p.staged.put(staged{who: r.owner(), page: page, file: file})
		return p.showImport(r, http.StatusUnprocessableEntity, page)
	}
	page.Result, page.Rejects = &result, len(result.Rejects) > 0
	page.Staged = p.staged.put(staged{who: r.owner(), page: page, file: file, rejects: result.Rejects})
	return p.showImport(r, http.StatusOK, page)
}

// runImport imports a file whose dry run was shown.
func (p *Pages) runImport(r *request) error {
	if p.Tables == nil {
		return p.notFound(r)
	}
	id := r.FormValue("staged")
	s, ok := p.staged.get(id, r.owner())
	if !ok {
		return fmt.Errorf("the file: %w: it is kept for %v only: choose it again", store.ErrNotFound, stagedFor)
	}
	page := s.page
	page.DryRun = false
	_ = http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(pageTime))
	// It goes on when the browser leaves: half an import helps no one.
	result, err := p.Tables.Import(context.WithoutCancel(r.Context()), p.API, bytes.NewReader(s.file), page.TableOptions)
	if err != nil {
		return err
	}
	s.rejects, page.Result, page.Rejects, page.Staged = result.Rejects, &result, len(result.Rejects) > 0, id
	s.file, s.page = nil, page
	p.staged.set(id, s)
	return p.showImport(r, http.StatusOK, page)
}

// rejects are the rows that were refused, as a file.
func (p *Pages) rejects(r *request) error {
	s, ok := p.staged.get(r.Form.Get("staged"), r.owner())
	if !ok || len(s.rejects) == 0 {
		return fmt.Errorf("the refused rows: %w: they are kept for %v only", store.ErrNotFound, stagedFor)
	}
	h := r.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="rejects.csv"`)
	_, err := r.w.Write(s.rejects)
	return err
}

// A staged file was tried, and can be imported. It may have keys: it is in memory only.
type staged struct {
	who     string
	page    importPage
	file    []byte
	rejects []byte
	until   time.Time
}

const (
	stagedFor = 15 * time.Minute
	maxStaged = 8 // files at a time; the oldest goes first
)

// A staging keeps files for a while, for the one who brought them.
type staging struct {
	mu    sync.Mutex
	files map[string]staged
	order []string
}

func newStaging() *staging { return &staging{files: make(map[string]staged)} }

// put keeps a file and returns its name, which cannot be guessed.
func (s *staging) put(f staged) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id = rand.Text()
	f.until = time.Now().Add(stagedFor)
	s.files[id], s.order = f, append(s.order, id)
	for len(s.order) > maxStaged || len(s.order) > 0 && time.Now().After(s.files[s.order[0]].until) {
		delete(s.files, s.order[0])
		s.order = s.order[1:]
	}
	return id
}

// set replaces a file that is kept.
func (s *staging) set(id string, f staged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, kept := s.files[id]; kept {
		s.files[id] = f
	}
}

// get returns a file of one who brought it.
func (s *staging) get(id, who string) (staged, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[id]
	if !ok || f.who != who || time.Now().After(f.until) {
		return staged{}, false
	}
	return f, true
}

// lines are those of a text that are not empty.
func lines(text string) (out []string) {
	for line := range bytes.Lines([]byte(text)) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, string(line))
		}
	}
	return out
}
