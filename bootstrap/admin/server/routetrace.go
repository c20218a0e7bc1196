package server

import (
	"log/slog"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
)

// trace answers with the messages of sessions while they pass. The log tells who began it, and for
// which device.
func (s *Server) trace(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	req, err := parse(r, nil)
	var o admin.TraceOptions
	if err == nil {
		err = req.body(&o)
	}
	if p, _ := access.From(r.Context()); err == nil && o.Reveal && !p.Role.Allows(access.Admin) {
		err = &access.ForbiddenError{Principal: p, Needed: access.Admin}
	}
	attrs := append([]slog.Attr{slog.String("device", string(o.Endpoint)), slog.Bool("reveal", o.Reveal)}, principalAttrs(r.Context())...)
	out := &traceWriter{copyWriter: copyWriter{w: w}, begin: func() { s.log.LogAttrs(r.Context(), slog.LevelInfo, "trace began", attrs...) }}
	if err == nil {
		err = s.api.Trace(r.Context(), o, out)
	}
	if out.begun {
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "trace ended", append(attrs, slog.Int("bytes", out.bytes), slog.Bool("done", err == nil))...)
	} else {
		writeProblem(w, wire.ProblemOf(err))
	}
}

// A traceWriter answers with each block as soon as it is written.
type traceWriter struct {
	copyWriter
	begin func()
	bytes int
}

// Write implements [io.Writer].
func (t *traceWriter) Write(b []byte) (int, error) {
	if !t.begun {
		t.begin()
	}
	n, err := t.copyWriter.Write(b)
	t.bytes += n
	if err == nil {
		err = http.NewResponseController(t.w).Flush()
	}
	return n, err
}
