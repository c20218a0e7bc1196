package profilefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A kind is the type of a node.
type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	list
	mapping
)

var kindNames = [...]string{"nothing", "text", "a number", "true or false", "a list", "a mapping"}

func (k kind) String() string { return kindNames[k] }

// A node is one value of a document with its line, without its syntax.
type node struct {
	kind    kind
	line    int
	scalar  string // of text, number, boolean and null, as it was written, without quotes
	items   []node // of a list
	entries []entry
}

// An entry is one key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value node
}

// parse returns the documents of a file. Its errors are Problems.
func parse(file string, b []byte) ([]node, error) {
	if len(b) > MaxSize {
		return nil, &Problem{file, 1, fmt.Sprintf("the file has more than %d bytes", MaxSize)}
	}
	tokens := lexer.Tokenize(string(b))
	if line, err := excess(tokens); err != nil {
		return nil, &Problem{file, line, err.Error()}
	}
	tree, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil, syntaxProblem(file, string(b), err)
	}
	var out []node
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		n, err := convert(doc.Body, maxDepth)
		if err != nil {
			return nil, &Problem{file, n.line, err.Error()}
		}
		out = append(out, n)
	}
	return out, nil
}

// position is the beginning of an error of the YAML library: "[3:12] message".
var position = regexp.MustCompile(`^\[(\d+):\d+\] *`)

// bareTemplate is a template without quotes, which YAML reads as two mappings.
var bareTemplate = regexp.MustCompile(`[:,\[-]\s*\{\{`)

// syntaxProblem keeps the first line of the library's error; an excerpt of the file follows it.
func syntaxProblem(file, content string, err error) *Problem {
	message, _, _ := strings.Cut(err.Error(), "\n")
	line := 1
	if m := position.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	if lines := strings.Split(content, "\n"); line <= len(lines) && bareTemplate.MatchString(lines[line-1]) {
		message += `: a template needs quotes, such as "{{.Endpoint}}"`
	}
	return &Problem{file, line, message}
}

// convert removes the syntax of n. With an error the node has the line of the problem.
func convert(n ast.Node, depth int) (node, error) {
	out := node{line: lineOf(n.GetToken())}
	if depth == 0 {
		return out, errTooDeep
	}
	var err error
	switch n := n.(type) {
	case *ast.NullNode:
		if n.Token.Type == token.NullType { // and not nothing at all
			out.scalar = n.Token.Value
		}
	case *ast.StringNode:
		out.kind, out.scalar = text, n.Value
		if n.Token.Type == token.StringType && isNumber(n.Value) { // not quoted
			out.kind = number
		}
	case *ast.LiteralNode:
		out.kind, out.scalar = text, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.scalar = number, n.GetToken().Value
	case *ast.BoolNode:
		out.kind, out.scalar = boolean, n.Token.Value
	case *ast.SequenceNode:
		out.kind = list
		for _, v := range n.Values {
			item, err := convert(v, depth-1)
			if err != nil {
				return item, err
			}
			out.items = append(out.items, item)
		}
	case *ast.MappingNode:
		out, err = convertEntries(out, n.Values, depth)
	case *ast.MappingValueNode:
		out, err = convertEntries(out, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		err = errors.New("anchors, aliases and tags are not supported: write the value itself")
	default:
		err = fmt.Errorf("%s is not supported here", strings.ToLower(n.Type().String()))
	}
	return out, err
}

func convertEntries(out node, values []*ast.MappingValueNode, depth int) (node, error) {
	out.kind = mapping
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			return node{line: lineOf(v.GetToken())}, errors.New("merge keys are not supported: write the values themselves")
		}
		e := entry{key: v.Key.GetToken().Value, line: lineOf(v.Key.GetToken())}
		if seen[e.key] {
			return node{line: e.line}, fmt.Errorf("%q is there twice", e.key)
		}
		seen[e.key] = true
		value, err := convert(v.Value, depth-1)
		if err != nil {
			return value, err
		}
		e.value = value
		out.entries = append(out.entries, e)
	}
	if len(out.entries) > 0 {
		out.line = out.entries[0].line
	}
	return out, nil
}

// isNumber reports whether plain text is a number: the YAML library returns 1e3 and integers of more
// than 64 bits as text, unlike JSON and YAML 1.2.
func isNumber(text string) bool {
	var n json.Number
	return json.Unmarshal([]byte(text), &n) == nil && text != "null" && text[0] != '"'
}

func lineOf(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 1
	}
	return t.Position.Line
}
