package grammar

import (
	"fmt"
	"strings"
)

// Reference returns the keys of a profile as a page of Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Keys of a profile

A profile is a YAML document. ` + "`lwbs profile keys`" + ` prints this page, ` + "`lwbs profile schema`" + `
its JSON Schema for editors. [The guide](operations.md#profiles) has an example of
every key. A template is Go's text/template over ` + "`.Endpoint`" + ` and ` + "`.Vars.NAME`" + `.
`)
	for _, s := range Sections() {
		fmt.Fprintf(&b, "\n## %s\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n", titles[s])
		for _, k := range s.Keys {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, k.takes(), k.byDefault(), k.Doc)
		}
		if s.Named {
			b.WriteString("\nAny other Resource of Objects 0 and 1 can be given under its registry name, such as\n`defaultMinimumPeriod`.\n")
		}
	}
	return b.String()
}

// titles are the titles of the sections in the reference.
var titles = map[*Section]string{
	Profile:         "The document",
	Account:         "`accounts`",
	OSCORE:          "`oscore` of an account",
	BootstrapServer: "`bootstrapServer`",
	AccessControl:   "`accessControl`",
	Object:          "`objects`",
	DeviceLimits:    "`device`",
}

// kinds describe the types of keys.
var kinds = map[Kind]string{
	Text: "text", Boolean: "true or false", Duration: "a duration such as `24h`, or seconds", Bytes: "bytes: `hex:…` or `base64:…`",
	Path: "a path such as `/3/0`", Version: "a version such as `1.1`", Texts: "a text, or a list of them", Mapping: "keys, see below", List: "a list, see below",
	Resources: "values by Resource", Rights: "numbers of 0 to 31 by Short Server ID", AccessRules: "a list, see below, or `none`",
}

func (k Key) takes() string {
	text := kinds[k.Kind]
	switch k.Kind {
	case Word:
		text = "`" + strings.Join(k.Words, "`, `") + "`"
	case DeleteRule:
		text = "`" + strings.Join(k.Words, "`, `") + "`, or a list of paths"
	case Integer:
		text = fmt.Sprintf("%d to %d", k.Min, k.Max)
	}
	if k.Template {
		text += "; template"
	}
	return text
}

func (k Key) byDefault() string {
	switch {
	case k.Unless != "":
		return "required without `" + k.Unless + "`"
	case k.Required:
		return "required"
	}
	return k.Default
}
