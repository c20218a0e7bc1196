package bootstrap

import (
	"errors"
	"fmt"
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

// isTemplate reports whether a text of a profile is a template, and not what it says.
func isTemplate(text string) bool { return strings.Contains(text, "{{") }

// render fills in a template with what is individual to d. Text that is none stays as it
// is. An error is a [*templateError].
func render(text string, d store.Device) (string, error) {
	if !isTemplate(text) {
		return text, nil
	}
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", &templateError{message: fmt.Sprintf(`bad template: %s: write {{"{{"}} for {{ itself`, strings.TrimPrefix(err.Error(), "template: "))}
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
func variablesOf(text string) (names []string) {
	if !isTemplate(text) {
		return nil
	}
	t, err := template.New("").Parse(text)
	if err != nil || t.Tree == nil {
		return nil
	}
	var walk func(n parse.Node)
	walkPipe := func(p *parse.PipeNode) {
		if p == nil {
			return
		}
		for _, c := range p.Cmds {
			for _, arg := range c.Args {
				walk(arg)
			}
		}
	}
	branch := func(b parse.BranchNode) {
		walkPipe(b.Pipe)
		walk(b.List)
		walk(b.ElseList)
	}
	walk = func(n parse.Node) {
		switch n := n.(type) {
		case *parse.ListNode:
			if n != nil {
				for _, each := range n.Nodes {
					walk(each)
				}
			}
		case *parse.ActionNode:
			walkPipe(n.Pipe)
		case *parse.PipeNode:
			walkPipe(n)
		case *parse.IfNode:
			branch(n.BranchNode)
		case *parse.WithNode:
			branch(n.BranchNode)
		case *parse.RangeNode:
			branch(n.BranchNode)
		case *parse.FieldNode:
			if len(n.Ident) > 1 && n.Ident[0] == "Vars" {
				names = append(names, n.Ident[1])
			}
		case *parse.VariableNode:
			if len(n.Ident) > 2 && n.Ident[0] == "$" && n.Ident[1] == "Vars" {
				names = append(names, n.Ident[2])
			}
		}
	}
	walk(t.Root)
	return names
}
