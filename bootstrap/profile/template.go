package profile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"lwbs/store"
)

// maxRendered bounds what a template may grow to, in bytes: more than a certificate in
// hexadecimal has.
const maxRendered = 16 << 10

var errRenderedTooLong = fmt.Errorf("template makes more than %d bytes", maxRendered)

// A templateError is a template that cannot be filled in for a device. Variable is the name
// of the variable that it lacks; empty where it is something else.
type templateError struct{ message, variable string }

func (e *templateError) Error() string { return e.message }

func missingVariable(name string) *templateError {
	return &templateError{fmt.Sprintf("the device has no variable %q: --var %s=VALUE", name, name), name}
}

// templateCause is the cause of a session that an error of [render], among others, ends.
func templateCause(err error) store.Cause {
	var failed *templateError
	if errors.As(err, &failed) {
		return store.CauseTemplateFailed
	}
	return store.CausePlanInvalid
}

// isTemplate reports whether a text of a profile is a template.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// render fills in a template with the endpoint name and the variables of d. Other text stays as it
// is. An error is a [*templateError].
func render(text string, d *store.Device) (string, error) {
	if !isTemplate(text) {
		return text, nil
	}
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", &templateError{message: fmt.Sprintf("bad template: %s%s", strings.TrimPrefix(err.Error(), "template: "), parseHint(text))}
	}
	vars := d.Vars
	if vars == nil {
		vars = map[string]string{}
	}
	var out boundedText
	err = t.Execute(&out, struct {
		Endpoint string
		Vars     map[string]string
	}{string(d.Endpoint), vars})
	if err == nil {
		return out.String(), nil
	}
	if errors.Is(err, errRenderedTooLong) {
		return "", &templateError{message: errRenderedTooLong.Error()}
	}
	// Package template has no types for its errors, and tells of them in the words of Go.
	message := strings.TrimPrefix(err.Error(), "template: ")
	if _, key, ok := strings.Cut(message, "map has no entry for key "); ok {
		return "", missingVariable(strings.Trim(key, `"`))
	}
	if _, field, ok := strings.Cut(message, "can't evaluate field "); ok {
		field, _, _ = strings.Cut(field, " ")
		return "", &templateError{message: fmt.Sprintf("template: there is no .%s, but .Endpoint and .Vars", field)}
	}
	return "", &templateError{message: "template: " + message}
}

// oddVariable matches a variable whose name the syntax of templates does not permit.
var oddVariable = regexp.MustCompile(`\.Vars\.[A-Za-z0-9_]*[^A-Za-z0-9_ |)}]`)

// parseHint says how a template that cannot be parsed is most likely mended.
func parseHint(text string) string {
	if oddVariable.MatchString(text) {
		return ": names of variables in templates have letters, digits and _"
	}
	return `: write {{"{{"}} for {{ itself`
}

// A boundedText is a text that does not grow beyond maxRendered.
type boundedText struct{ strings.Builder }

func (b *boundedText) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errRenderedTooLong
	}
	return b.Builder.Write(p)
}

// variablesOf are the names in .Vars that a template uses, in their order; none of one
// that cannot be parsed.
func variablesOf(text string) []string {
	if !isTemplate(text) {
		return nil
	}
	t, err := template.New("").Parse(text)
	if err != nil || t.Tree == nil {
		return nil
	}
	var f variableFinder
	f.list(t.Root)
	return f.names
}

// A variableFinder walks through a template.
type variableFinder struct{ names []string }

func (f *variableFinder) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			f.pipe(n.Pipe)
		case *parse.IfNode:
			f.branch(n.BranchNode)
		case *parse.WithNode:
			f.branch(n.BranchNode)
		case *parse.RangeNode:
			f.branch(n.BranchNode)
		}
	}
}

func (f *variableFinder) branch(b parse.BranchNode) {
	f.pipe(b.Pipe)
	f.list(b.List)
	f.list(b.ElseList)
}

func (f *variableFinder) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch n := arg.(type) {
			case *parse.PipeNode:
				f.pipe(n)
			case *parse.FieldNode:
				f.field(n.Ident)
			case *parse.VariableNode:
				if n.Ident[0] == "$" {
					f.field(n.Ident[1:])
				}
			}
		}
	}
}

// field takes the words of .Vars.name apart.
func (f *variableFinder) field(words []string) {
	if len(words) > 1 && words[0] == "Vars" {
		f.names = append(f.names, words[1])
	}
}
