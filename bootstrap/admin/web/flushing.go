package web

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"time"
)

// A flushing is a page that is sent while it is made.
type flushing struct {
	*bufio.Writer
	zip *gzip.Writer // nil where the browser does not take it
	out *http.ResponseController
}

// pageTime is for how long a page may be sent while it is made.
const pageTime = 2 * time.Minute

func newFlushing(r *request) *flushing {
	h := r.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Accel-Buffering", "no")
	f := &flushing{out: http.NewResponseController(r.w)}
	_ = f.out.SetWriteDeadline(time.Now().Add(pageTime))
	var to io.Writer = r.w
	if acceptsGzip(r.Request) {
		h.Set("Content-Encoding", "gzip")
		f.zip, _ = gzip.NewWriterLevel(r.w, gzip.BestSpeed)
		to = f.zip
	}
	f.Writer = bufio.NewWriter(to)
	return f
}

// flush sends what was written by now.
func (f *flushing) flush() {
	_ = f.Flush()
	if f.zip != nil {
		_ = f.zip.Flush()
	}
	_ = f.out.Flush()
}

// close ends the page.
func (f *flushing) close() {
	_ = f.Flush()
	if f.zip != nil {
		_ = f.zip.Close()
	}
}
