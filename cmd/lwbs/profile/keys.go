package profile

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/store/grammar"
	"lwbs/store/profilefile"
)

func keysCommand() *cli.Command {
	return &cli.Command{
		Name: "keys", Usage: "list every key that a profile may have",
		Description: "It prints the type, default and meaning of each key, as a page of Markdown.",
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			_, err := fmt.Fprint(c.App.Writer, grammar.Reference())
			return err
		},
	}
}

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of a profile, for editors",
		Description: "Write the schema to a file, and begin the profile with a line such as\n\n   # yaml-language-server: $schema=profile.schema.json\n\nAn editor with a YAML language server then completes and checks the profile while you type.",
		Action: func(c *cli.Context) error {
			if _, err := command.Arguments(c); err != nil {
				return err
			}
			return output.JSON(c.App.Writer, profilefile.Schema())
		},
	}
}
