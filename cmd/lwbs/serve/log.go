package serve

import (
	"bytes"
	"io"
	"log/slog"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/logqueue"
	"lwbs/cmd/lwbs/internal/output"
)

// levelOf returns the level of --log.
func levelOf(c *cli.Context) (level slog.Level, err error) {
	if level.UnmarshalText([]byte(c.String("log"))) != nil {
		return 0, command.Usagef("--log %q is not debug, info, warn or error", c.String("log"))
	}
	return level, nil
}

// newLogger returns the log and its queue, so that a slow or dead reader does not block the server. Level can be changed.
func newLogger(c *cli.Context, level slog.Leveler) (*slog.Logger, *logqueue.Writer) {
	opts := &slog.HandlerOptions{Level: level}
	out := c.App.ErrWriter
	handler := func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, opts) }
	if c.Bool("log-json") {
		out = output.NewScreen(out, true)
		handler = func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, opts) }
	}
	lines := logqueue.New(out, func(dropped uint64) []byte {
		var b bytes.Buffer
		slog.New(handler(&b)).Error("log records dropped, since the log was not read", "count", dropped)
		return b.Bytes()
	})
	return slog.New(handler(lines)), lines
}
