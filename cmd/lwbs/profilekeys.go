package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"lwbs/store/grammar"
	"lwbs/store/profilefile"
)

func profileKeysCommand() *cli.Command {
	return &cli.Command{
		Name: "keys", Usage: "tell every key that a profile may have",
		Description: "What each takes, its default and its meaning, as a page of Markdown.",
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			_, err := fmt.Fprint(c.App.Writer, grammar.Reference())
			return err
		},
	}
}

func profileSchemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of a profile, for editors",
		Description: "An editor with a YAML language server completes and checks a profile while it is typed, if the\nprofile begins with a line such as\n\n   # yaml-language-server: $schema=profile.schema.json\n\nand what this command prints is in that file.",
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			return printJSON(c.App.Writer, profilefile.Schema())
		},
	}
}
