package site

import (
	"io"
	"net/http"
	"os"
	"time"
)

// defaultStep is for how long a body may stand still while it is read, and an answer while it is written. What goes on
// may last: an import, a backup and events do. Tests have a shorter
// stepTime.
const defaultStep = 30 * time.Second

var stepTime = defaultStep

// patiently serves a request whose body and answer may not stand still for longer than stepTime.
func patiently(w http.ResponseWriter, r *http.Request, h http.Handler) {
	out := http.NewResponseController(w)
	if r.Body == nil || r.Body == http.NoBody {
		h.ServeHTTP(&steadyWriter{w, out}, r)
		return
	}
	body := &steadyBody{ReadCloser: r.Body, out: out}
	r.Body = body
	defer func() {
		if !body.ended { // the server reads some of what is left
			_ = out.SetReadDeadline(time.Now().Add(restTime))
		}
	}()
	h.ServeHTTP(&steadyWriter{w, out}, r)
}

// restTime is how long the rest of a body may take that no handler has read.
const restTime = 5 * time.Second

// A steadyBody sets a deadline for each read. There is none between reads: the server would take it for the end of the
// connection.
type steadyBody struct {
	io.ReadCloser
	out   *http.ResponseController
	ended bool
}

// Read implements [io.Reader].
func (b *steadyBody) Read(p []byte) (int, error) {
	_ = b.out.SetReadDeadline(time.Now().Add(stepTime)) // a writer of a test has none
	n, err := b.ReadCloser.Read(p)
	_ = b.out.SetReadDeadline(time.Time{})
	if b.ended = err != nil; os.IsTimeout(err) {
		err = ErrSlow
	}
	return n, err
}

// A steadyWriter sets a deadline for each write.
type steadyWriter struct {
	http.ResponseWriter
	out *http.ResponseController
}

// Write implements [io.Writer].
func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.out.SetWriteDeadline(time.Now().Add(stepTime))
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
