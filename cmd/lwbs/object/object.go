// Package object is lwbs object: the definitions of Objects.
package object

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
)

// Command is lwbs object.
func Command() *cli.Command {
	return command.Group("object", "list and check the Objects whose Resources profiles can name", listCommand(), getCommand(), checkCommand())
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the Objects that are known",
		Flags: []cli.Flag{command.JSONFlag()},
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			objects, err := command.Objects(c)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				views := []objectView{}
				for _, d := range objects.All() {
					views = append(views, viewObject(d))
				}
				return output.JSON(c.App.Writer, views)
			}
			t := output.NewTable(c.App.Writer, "OBJECT", "NAME", "VERSION", "INSTANCES", "RESOURCES")
			for _, d := range objects.All() {
				t.Row(fmt.Sprintf("/%d", d.ID), output.Text(d.Name), d.Version.String(), instancesText(d.Multiple), fmt.Sprint(len(d.Resources)))
			}
			return t.Flush()
		},
	}
}

func instancesText(several bool) string {
	if several {
		return "several"
	}
	return "one"
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "show the Resources of an Object", ArgsUsage: "OBJECT",
		Flags: []cli.Flag{command.JSONFlag(), &cli.StringFlag{Name: "version", Usage: "show this `VERSION` of the Object, such as 1.0 (default: the newest known)"}},
		Action: func(c *cli.Context) error {
			args, err := command.Arguments(c, "OBJECT")
			if err != nil {
				return err
			}
			def, err := findObject(c, args[0])
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return output.JSON(c.App.Writer, viewObject(def))
			}
			return printObject(c.App.Writer, def)
		},
	}
}

func findObject(c *cli.Context, text string) (def object.Definition, err error) {
	id, err := strconv.ParseUint(strings.TrimPrefix(text, "/"), 10, 16)
	if err != nil {
		return def, command.Usagef("%q is no Object ID: give a number, such as 3", text)
	}
	objects, err := command.Objects(c)
	if err != nil {
		return def, err
	}
	if !c.IsSet("version") {
		def, ok := objects.Object(lwm2m.ObjectID(id))
		if !ok {
			return def, fmt.Errorf("no definition of Object %d is known: add one with --objects FOLDER, or name its Resources by their IDs", id)
		}
		return def, nil
	}
	v, err := lwm2m.ParseVersion(c.String("version"))
	if err != nil {
		return def, command.Usagef("--version: %v", err)
	}
	def, ok := objects.ObjectVersion(lwm2m.ObjectID(id), v)
	if !ok {
		return def, fmt.Errorf("no definition of Object %d in version %v is known", id, v)
	}
	return def, nil
}

// An objectView is an Object in JSON.
type objectView struct {
	ID        lwm2m.ObjectID `json:"id"`
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Multiple  bool           `json:"multiple"`
	Mandatory bool           `json:"mandatory"`
	Resources []resourceView `json:"resources"`
}

type resourceView struct {
	ID         lwm2m.ResourceID `json:"id"`
	Name       string           `json:"name"`
	Type       string           `json:"type"`
	Multiple   bool             `json:"multiple"`
	Mandatory  bool             `json:"mandatory"`
	Range      string           `json:"range,omitempty"`
	Unit       string           `json:"unit,omitempty"`
	Operations string           `json:"operations"`
	Since      string           `json:"since"`
}

func viewObject(d object.Definition) objectView {
	v := objectView{ID: d.ID, Name: d.Name, Version: d.Version.String(), Multiple: d.Multiple, Mandatory: d.Mandatory, Resources: []resourceView{}}
	for _, r := range d.Resources {
		v.Resources = append(v.Resources, resourceView{
			ID: r.ID, Name: r.Name, Type: r.Type.String(), Multiple: r.Multiple, Mandatory: r.Mandatory,
			Range: rangeText(r), Unit: r.Unit, Operations: mayText(r.Operations), Since: r.Since.String(),
		})
	}
	return v
}

func printObject(out io.Writer, d object.Definition) error {
	_, err := fmt.Fprintf(out, "/%d %s, version %v, instances: %s\n", d.ID, output.Text(d.Name), d.Version, instancesText(d.Multiple))
	t := output.NewTable(out, "ID", "NAME", "TYPE", "VALUES", "MANDATORY", "RANGE", "UNIT", "SERVERS MAY")
	for _, r := range d.Resources {
		t.Row(fmt.Sprint(r.ID), output.Text(r.Name), r.Type.String(), instancesText(r.Multiple), yesOrNo(r.Mandatory), rangeText(r), r.Unit, mayText(r.Operations))
	}
	return errors.Join(err, t.Flush())
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// rangeText returns the range of a number, or of a length in bytes.
func rangeText(r object.ResourceDefinition) string {
	text := r.Range()
	if text != "" && (r.Type == lwm2m.TypeString || r.Type == lwm2m.TypeOpaque) {
		text += " bytes"
	}
	return text
}

func mayText(o object.Operations) (text string) {
	for _, op := range []struct {
		is     object.Operations
		letter string
	}{{object.Readable, "R"}, {object.Writable, "W"}, {object.Executable, "E"}} {
		if o&op.is != 0 {
			text += op.letter
		}
	}
	return text
}
