package devicefile

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

// progress shows on a terminal how far an import is.
type progress struct {
	out    io.Writer // nil where it is not shown
	size   int64
	offset atomic.Int64
	began  time.Time
	shown  time.Time
	rows   int
}

// progressEvery is how often it is shown.
const progressEvery = 500 * time.Millisecond

func (p *progress) row() {
	p.rows++
	if p.out == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	took := time.Since(p.began)
	line := fmt.Sprintf("%d rows, %.0f a second", p.rows, float64(p.rows)/took.Seconds())
	if at := p.offset.Load(); p.size > 0 && at > 0 && at < p.size {
		left := time.Duration(float64(took) * float64(p.size-at) / float64(at))
		line += fmt.Sprintf(", %d %%, %v left", 100*at/p.size, left.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\r%-60s", line)
}

func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", 60))
	}
}
