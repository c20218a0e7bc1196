package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/request"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A step is one request of a session.
type step struct {
	op      lwm2m.Op
	path    lwm2m.Path
	format  lwm2m.Format // of payload; of the answer to a Read
	payload []byte

	keepAlive bool // the client may be asked this again and again while it waits
}

// maxAnswer is how many bytes of an answer are taken, over all its blocks: far more than devices
// answer. It bounds the memory that an answer and its links take.
const maxAnswer = 16 << 10

// request is the step as the specification puts it (Core 1.1.1 §6.1.7, Transport
// 1.1.1 §6.4.3). Accept tells a Bootstrap-Discover from a Bootstrap-Read.
func (st step) request() Request {
	r := st.message()
	r.MaxAnswer = maxAnswer
	return r
}

func (st step) message() Request {
	switch st.op {
	case lwm2m.OpDiscover:
		return Request{Method: GET, Path: segments(st.path), Accept: lwm2m.FormatLink}
	case lwm2m.OpRead:
		return Request{Method: GET, Path: segments(st.path), Accept: st.format}
	case lwm2m.OpDelete:
		return Request{Method: DELETE, Path: segments(st.path)}
	case lwm2m.OpFinish:
		return Request{Method: POST, Path: []string{request.PathBootstrap}}
	}
	return Request{Method: PUT, Path: segments(st.path), ContentFormat: st.format, Payload: st.payload}
}

// segments are the Uri-Path options of a path: none for the root.
func segments(p lwm2m.Path) []string {
	ids := p.IDs()
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.Itoa(int(id))
	}
	return out
}

// do carries out one step and records the operation. An error code in the answer is not a
// failure here.
func (s *session) do(ctx context.Context, st step) (Response, *outcome.Failure) {
	began := time.Now()
	answer, err := s.conn.Do(ctx, st.request())
	o := store.Operation{
		Op: st.op, Path: st.path, Format: st.format, Bytes: len(st.payload), Code: answer.Code,
		Took: time.Since(began), Transmissions: answer.Transmissions,
	}
	var f *outcome.Failure
	switch {
	case err != nil:
		f = s.unanswered(ctx, st, err)
		o.Code, o.Error = 0, outcome.Printable(err.Error(), outcome.MaxError)
	case answer.Code.Success():
		if st.op == lwm2m.OpDiscover || st.op == lwm2m.OpRead {
			o.Format, o.Bytes = answer.ContentFormat, len(answer.Payload)
		}
	default:
		o.Diagnostic = outcome.Printable(string(answer.Payload), outcome.MaxDiagnostic)
	}
	news := true
	s.update(func(r *store.Session) {
		if news = !st.keepAlive || !repeats(r, o); news {
			r.Operations = append(r.Operations, o)
		}
	})
	if err == nil {
		s.answered()
	}
	if answer.Quirk != "" {
		s.addQuirks(answer.Quirk)
	}
	if log := s.srv.cfg.Logger; log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "bootstrap operation",
			slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID),
			slog.String("operation", s.describe(o)), slog.String("code", o.Code.Dotted()),
			slog.String("error", o.Error), slog.Duration("took", o.Took))
	}
	if news {
		s.observe(EventOperation)
	}
	return answer, f
}

// repeats counts o in the last operation of r, where that is the same with the same answer.
func repeats(r *store.Session, o store.Operation) bool {
	if len(r.Operations) == 0 {
		return false
	}
	last := r.Operations[len(r.Operations)-1]
	if last.Op != o.Op || last.Path != o.Path || last.Code != o.Code || last.Error != o.Error {
		return false
	}
	changeLast(r, func(last *store.Operation) {
		last.Repeated++
		last.Took, last.Bytes, last.Transmissions = o.Took, o.Bytes, o.Transmissions
	})
	return true
}

// answered notes that the address of the client is validated, unless more than that is proved.
func (s *session) answered() {
	if s.record.Proof.Counts() || s.parking != nil { // without a record there is no one that it could be
		return
	}
	s.update(func(r *store.Session) { r.Proof = store.ProofAddress })
	s.srv.history.Began(s.snapshot())
}

// tolerate marks the last operation as failed without harm.
func (s *session) tolerate() {
	s.update(func(r *store.Session) { changeLast(r, func(o *store.Operation) { o.Tolerated = true }) })
}

// refused is the failure of a client that answered the last operation with an error.
func (s *session) refused() *outcome.Failure {
	last := s.record.Operations[len(s.record.Operations)-1]
	return outcome.Failed(store.CauseRefused, "%s", s.refusedNote(last))
}

// refusedNote puts an operation that was answered with an error into words.
func (s *session) refusedNote(o store.Operation) string {
	note := fmt.Sprintf("the client answered %s with %v", s.describe(o), o.Code)
	if o.Format != 0 {
		note = fmt.Sprintf("the client answered %s in %v with %v", s.describe(o), o.Format, o.Code)
	}
	if o.Diagnostic != "" {
		note += fmt.Sprintf(": %q", o.Diagnostic)
	}
	return note
}

// unanswered is the failure behind an error of [Conn.Do].
func (s *session) unanswered(ctx context.Context, st step, err error) *outcome.Failure {
	what := s.describe(store.Operation{Op: st.op, Path: st.path})
	switch {
	case ctx.Err() != nil:
		return interruption(ctx, " while the server waited for the answer to "+what)
	case errors.Is(err, ErrSilent):
		return outcome.Failed(store.CauseSilent, "the client did not answer %s, retransmissions included", what)
	case errors.Is(err, ErrReset):
		return outcome.Failed(store.CauseReset, "the client rejected %s with RST", what)
	case errors.Is(err, ErrBlockWise):
		return outcome.Failed(store.CauseBlockWise, "the client's answer to %s: %s", what, outcome.Printable(err.Error(), outcome.MaxError))
	case errors.Is(err, ErrAnswerTooLarge):
		return outcome.Failed(store.CauseAnswerTooLarge, "the client's answer to %s has more than %d bytes", what, maxAnswer)
	case errors.Is(err, ErrGone):
		return outcome.Failed(store.CauseGone, "the association ended before the client answered %s", what)
	}
	return outcome.Failed(store.CauseInternal, "%s was not sent: %s", what, outcome.Printable(err.Error(), outcome.MaxError))
}

// methods are the CoAP methods of the operations, for readers of network traces.
var methods = map[lwm2m.Op]Method{
	lwm2m.OpDiscover: GET, lwm2m.OpRead: GET, lwm2m.OpWrite: PUT, lwm2m.OpDelete: DELETE, lwm2m.OpFinish: POST,
}

// describe names an operation: "PUT /0/1 (LwM2M Security)".
func (s *session) describe(o store.Operation) string {
	switch o.Op {
	case lwm2m.OpFinish:
		return "POST /bs (Bootstrap-Finish)"
	case lwm2m.OpPack:
		return "GET /bspack (Bootstrap-Pack)"
	case lwm2m.OpDiscover:
		return fmt.Sprintf("GET %v (Bootstrap-Discover)", o.Path)
	}
	what := fmt.Sprintf("%v %v", methods[o.Op], o.Path)
	if def, ok := s.srv.cfg.Objects.Object(o.Path.Object()); ok && o.Path.Depth() > 0 {
		what += fmt.Sprintf(" (%s)", def.Name)
	}
	return what
}
