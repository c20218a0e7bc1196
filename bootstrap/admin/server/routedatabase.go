package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

func (s *Server) status(r request) (reply, error) {
	st, err := s.api.Status(r.Context())
	return reply{body: st}, err
}

func (s *Server) unreadable(r request) (reply, error) {
	parts, err := s.api.Unreadable(r.Context())
	return reply{body: orEmpty(parts)}, err
}

func (s *Server) check(r request) (reply, error) {
	return reply{body: struct{}{}}, s.api.Check(r.Context())
}

func (s *Server) backup(r request) (reply, error) {
	var b wire.BackupRequest
	err := r.body(&b)
	if p, _ := access.From(r.Context()); err == nil && p.Way != access.WaySocket {
		err = fmt.Errorf("%w: a file of the server's machine is written over its Unix socket only; POST /v1/backup/content answers with a copy", access.ErrForbidden)
	}
	if err == nil && !strings.HasPrefix(b.File, "/") {
		err = fmt.Errorf("%w: file %q is not an absolute path", wire.ErrBadRequest, b.File)
	}
	if err == nil {
		err = s.api.Backup(r.Context(), b.File)
	}
	if path := new(fs.PathError); errors.As(err, &path) && !errors.Is(err, store.ErrFull) && !errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %w", wire.ErrBadRequest, err) // there can be no such file
	}
	return reply{body: struct{}{}}, err
}

// backupContent answers with a copy of the database. One that fails on the way ends the connection,
// so that it is not taken for whole.
func (s *Server) backupContent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1)
	req, err := parse(r, nil)
	if err == nil {
		err = req.noBody()
	}
	out := &copyWriter{w: w}
	if err == nil {
		err = s.api.WriteBackup(r.Context(), out)
	}
	s.note(r, slog.Bool("done", err == nil))
	switch {
	case err == nil:
	case out.begun:
		panic(http.ErrAbortHandler)
	default:
		writeProblem(w, wire.ProblemOf(err))
	}
}

// A copyWriter answers with what is written to it.
type copyWriter struct {
	w     http.ResponseWriter
	begun bool
}

// Write implements [io.Writer].
func (c *copyWriter) Write(b []byte) (int, error) {
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", "application/octet-stream")
	}
	return c.w.Write(b)
}
