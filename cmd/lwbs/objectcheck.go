package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m/object"
	"lwbs/lwm2m/object/ddf"
)

// objectsOf returns the known Objects: those built in and those in the folder of --objects. It
// warns of definitions that are left out since a file is wrong.
func objectsOf(c *cli.Context) (*object.Registry, error) {
	objects, lost, err := readObjects(c)
	warnObjects(c.App.ErrWriter, c.String("objects"), lost)
	return objects, err
}

func readObjects(c *cli.Context) (_ *object.Registry, lost []ddf.Problem, _ error) {
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

// logObjects logs one problem of each file.
func logObjects(log *slog.Logger, lost []ddf.Problem) {
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

func objectCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check definitions of Objects against the schema of the OMA registry", ArgsUsage: "FILE|FOLDER",
		Description: "It prints one line for each difference, with file and line. The exit status is 1 if there is any,\neven if the definition is clear and is used nevertheless.",
		Flags:       []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			args, err := arguments(c, "FILE|FOLDER")
			if err != nil {
				return err
			}
			defs, problems, err := checkObjects(args[0])
			if err != nil {
				return err
			}
			if err := printProblems(c, defs, problems); err != nil || len(problems) == 0 {
				return err
			}
			return fmt.Errorf("%s: %s", args[0], output.Counted(len(problems), "difference from the schema", "differences from the schema"))
		},
	}
}

func checkObjects(path string) ([]object.Definition, []ddf.Problem, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return ddf.ReadDir(path)
	}
	defs, problems := ddf.ReadFile(path)
	return defs, problems, nil
}

// A problemView is a problem of a file in JSON.
type problemView struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	Read    bool   `json:"read"` // whether the definition is used nevertheless
}

func printProblems(c *cli.Context, defs []object.Definition, problems []ddf.Problem) error {
	if c.Bool("json") {
		views := []problemView{}
		for _, p := range problems {
			views = append(views, problemView{p.File, p.Line, p.Message, !p.Lost})
		}
		return output.JSON(c.App.Writer, views)
	}
	for _, p := range problems {
		fmt.Fprintln(c.App.Writer, p)
	}
	if len(problems) == 0 {
		fmt.Fprintf(c.App.Writer, "good: %s\n", output.Counted(len(defs), "Object", "Objects"))
	}
	return nil
}
