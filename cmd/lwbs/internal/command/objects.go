package command

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m/object"
	"lwbs/lwm2m/object/ddf"
)

// Objects returns the known Objects: those built in and those in the folder of --objects. It
// warns of definitions that are left out since a file is wrong.
func Objects(c *cli.Context) (*object.Registry, error) {
	objects, lost, err := ReadObjects(c)
	warnObjects(c.App.ErrWriter, c.String("objects"), lost)
	return objects, err
}

// ReadObjects is [Objects] without warnings: it returns why definitions are left out.
func ReadObjects(c *cli.Context) (_ *object.Registry, lost []ddf.Problem, _ error) {
	dir := c.String("objects")
	if dir == "" {
		return nil, nil, nil
	}
	defs, problems, err := ddf.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read --objects: %w", err)
	}
	return (*object.Registry)(nil).With(defs...), ddf.Lost(problems), nil
}

// maxObjectWarnings is how many files are named in warnings; lwbs object check names all.
const maxObjectWarnings = 5

// warnObjects prints one problem of each file.
func warnObjects(out io.Writer, dir string, lost []ddf.Problem) {
	first := firstOfFiles(lost)
	for _, p := range first[:min(len(first), maxObjectWarnings)] {
		fmt.Fprintf(out, "warning: %v\n", p)
	}
	if more := len(first) - maxObjectWarnings; more > 0 {
		fmt.Fprintf(out, "warning: %s in %s: lwbs object check %s lists what is wrong\n", output.Counted(more, "more file is wrong", "more files are wrong"), dir, dir)
	}
}

// LogObjects logs one problem of each file.
func LogObjects(log *slog.Logger, lost []ddf.Problem) {
	for _, p := range firstOfFiles(lost) {
		log.Warn("definition left out", "file", p.File, "line", p.Line, "problem", p.Message)
	}
}

func firstOfFiles(problems []ddf.Problem) (first []ddf.Problem) {
	for i, p := range problems {
		if i == 0 || problems[i-1].File != p.File {
			first = append(first, p)
		}
	}
	return first
}
