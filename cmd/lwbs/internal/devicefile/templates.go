package devicefile

import (
	"maps"
	"slices"
	"strconv"
	"text/template/parse"
)

// fieldsOf notes the variables that a template takes from the row. Those within range, and within
// what with names, are of something else.
func fieldsOf(node parse.Node, into map[string]bool) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, each := range n.Nodes {
				fieldsOf(each, into)
			}
		}
	case *parse.ActionNode:
		fieldsOf(n.Pipe, into)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			for _, argument := range command.Args {
				fieldsOf(argument, into)
			}
		}
	case *parse.FieldNode:
		into[n.Ident[0]] = true
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			into[n.Ident[1]] = true
		}
	case *parse.IfNode:
		fieldsOf(n.Pipe, into)
		fieldsOf(n.List, into)
		fieldsOf(n.ElseList, into)
	case *parse.WithNode:
		fieldsOf(n.Pipe, into)
		fieldsOf(n.ElseList, into)
	case *parse.RangeNode:
		fieldsOf(n.Pipe, into)
		fieldsOf(n.ElseList, into)
	}
}

// checkFields reports a variable that no column is, or more than one.
func (m *columnMap) checkFields(name string, fields map[string]bool) error {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		var named []string
		for _, heading := range m.headings {
			if variable(heading) == field {
				named = append(named, heading)
			}
		}
		switch {
		case len(named) == 0:
			return usagef("the template for %s: no column is {{.%s}}: the columns are %s", name, field, listed(m.headings))
		case len(named) > 1:
			return usagef("the template for %s: columns %s and %s are both {{.%s}}: give one another heading", name, strconv.Quote(named[0]), strconv.Quote(named[1]), field)
		}
	}
	return nil
}
