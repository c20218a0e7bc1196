package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/replay"
	"lwbs/bootstrap/admin/wire"
)

// Times of a watch of a server on another machine.
const (
	silence    = 50 * time.Second // after which a connection is lost: the server sends something every 15 s
	firstPause = time.Second      // before another connection; each time twice as long
	lastPause  = 15 * time.Second
	giveUpTime = 5 * time.Minute // without a connection, after which the watch ends
)

// maxEvent is the most bytes of one line of the server.
const maxEvent = 4 << 20

var (
	errSilent = errors.New("the server is silent")
	errEnded  = errors.New("the server, or what is in front of it, has ended the connection")
)

// Watch implements [admin.API]. Over a socket it ends without error when the server does. A server on another machine is
// asked again, from the event on that was seen last, until it does not answer for 5 minutes.
func (c *Client) Watch(ctx context.Context, o admin.WatchOptions, each func(admin.Event) error) error {
	w := &watch{c: c, last: o.After, began: o.Began, each: each}
	for pause, since := firstPause, time.Now(); ; {
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case w.own != nil:
			return w.own
		case !c.remote:
			if errors.Is(err, errEnded) {
				return nil
			}
			return err
		case errors.Is(err, access.ErrUnauthenticated), errors.Is(err, access.ErrForbidden), errors.Is(err, wire.ErrNoRoute):
			return err
		}
		if w.heard {
			pause, since, w.heard = firstPause, time.Now(), false
		}
		if time.Since(since) >= giveUpTime {
			return fmt.Errorf("no connection for %v: %w", giveUpTime, err)
		}
		if o.Lost != nil {
			o.Lost(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, lastPause)
	}
}

// A watch reads the events of a server, over one connection after another.
type watch struct {
	c     *Client
	last  replay.Position // of what was seen last; zero for nothing yet
	began func(replay.Position)
	each  func(admin.Event) error
	own   error // of each
	heard bool  // whether the server has sent anything over this connection
}

// once reads events until the connection ends, and returns why.
func (w *watch) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.c.base+"/v1/events", nil)
	if err != nil {
		return err
	}
	if w.last != 0 {
		req.Header.Set("Last-Event-ID", w.last.String())
	}
	resp, err := w.c.http.Do(req)
	if err != nil {
		return askError(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problemIn(resp)
	}
	var alive *time.Timer
	if w.c.remote {
		alive = time.AfterFunc(silence, func() { cancel(errSilent) })
		defer alive.Stop()
	}
	err = w.read(ctx, resp.Body, alive)
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}

// read reads server-sent events, and puts off the end of alive with each line.
func (w *watch) read(ctx context.Context, body io.Reader, alive *time.Timer) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	data := ""
	for ctx.Err() == nil && lines.Scan() {
		if alive != nil {
			alive.Reset(silence)
		}
		w.heard = true
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "id":
			w.last = replay.ParsePosition(value)
		case name == "data":
			data = value
		case name == "" && value == "" && lines.Text() == "": // the end of an event
			if err := w.event(data); err != nil {
				return err
			}
			data = ""
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the server's events: %w", err)
	}
	return errEnded
}

// event passes on what is in the data of an event; one without data has an ID only.
func (w *watch) event(data string) error {
	if w.began != nil {
		w.began(w.last)
		w.began = nil
	}
	if data == "" {
		return nil
	}
	e := admin.Event{}
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		w.own = fmt.Errorf("read event: %w", err)
		return w.own
	}
	e.Position = w.last
	w.own = w.each(e)
	return w.own
}
