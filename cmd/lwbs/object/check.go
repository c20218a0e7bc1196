package object

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m/object"
	"lwbs/lwm2m/object/ddf"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check definitions of Objects against the schema of the OMA registry", ArgsUsage: "FILE|FOLDER",
		Description: "It prints one line for each difference, with file and line. The exit status is 1 if there is any,\neven if the definition is clear and is used nevertheless.",
		Flags:       []cli.Flag{command.JSONFlag()},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "FILE|FOLDER")
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
