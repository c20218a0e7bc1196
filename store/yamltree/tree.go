// Package yamltree reads YAML, or JSON, which is YAML too, as a tree of values with their lines, within limits. What
// reads the files that people write is strict by it: it can name the line of each mistake.
package yamltree

import (
	"bytes"
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

// A Kind is the type of a node.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Text
	Number
	Boolean
	List
	Mapping
)

var kindNames = [...]string{"nothing", "text", "a number", "true or false", "a list", "a mapping"}

func (k Kind) String() string { return kindNames[k] }

// A Node is one value of a document with its line, without its syntax.
type Node struct {
	Kind    Kind
	Line    int
	Scalar  string // of Text, Number, Boolean and Null, as it was written, without quotes
	Items   []Node // of a List
	Entries []Entry
}

// An Entry is one key of a mapping with its value.
type Entry struct {
	Key   string
	Line  int
	Value Node
}

// Parse returns the documents of a file; file is its name in problems. Where the text is no YAML there are no documents
// and one problem. A key that is there twice, or a construct that is not supported, is a problem too, and left out
// of the documents.
func Parse(file string, b []byte) ([]Node, []*Problem) {
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(b) > MaxSize {
		return nil, []*Problem{{file, 1, fmt.Sprintf("the file has more than %d bytes", MaxSize)}}
	}
	tokens := lexer.Tokenize(string(b))
	if line, err := excess(tokens); err != nil {
		return nil, []*Problem{{file, line, err.Error()}}
	}
	tree, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // of which convertEntries tells, with all others
	if err != nil {
		return nil, []*Problem{syntaxProblem(file, string(b), err)}
	}
	c := converter{file: file}
	var out []Node
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if n, ok := c.convert(doc.Body, maxDepth); ok {
			out = append(out, n)
		}
	}
	return out, c.problems
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

// A converter removes the syntax of nodes, and collects problems.
type converter struct {
	file     string
	problems []*Problem
	deep     bool // whether values are nested too deeply, which is told once
}

func (c *converter) fail(line int, err error) {
	c.problems = append(c.problems, &Problem{c.file, line, err.Error()})
}

// convert removes the syntax of n; not ok with a problem.
func (c *converter) convert(n ast.Node, depth int) (out Node, ok bool) {
	out.Line = lineOf(n.GetToken())
	if depth == 0 {
		if !c.deep {
			c.fail(out.Line, errTooDeep)
		}
		c.deep = true
		return out, false
	}
	switch n := n.(type) {
	case *ast.NullNode:
		if n.Token.Type == token.NullType { // and not nothing at all
			out.Scalar = n.Token.Value
		}
	case *ast.StringNode:
		out.Kind, out.Scalar = Text, n.Value
		if n.Token.Type == token.StringType && IsNumber(n.Value) { // not quoted
			out.Kind = Number
		}
	case *ast.LiteralNode:
		out.Kind, out.Scalar = Text, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.Kind, out.Scalar = Number, n.GetToken().Value
	case *ast.BoolNode:
		out.Kind, out.Scalar = Boolean, n.Token.Value
	case *ast.SequenceNode:
		out.Kind = List
		for _, v := range n.Values {
			if item, ok := c.convert(v, depth-1); ok {
				out.Items = append(out.Items, item)
			}
		}
	case *ast.MappingNode:
		c.convertEntries(&out, n.Values, depth)
	case *ast.MappingValueNode:
		c.convertEntries(&out, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		c.fail(out.Line, errors.New("anchors, aliases and tags are not supported: write the value itself"))
		return out, false
	default:
		c.fail(out.Line, fmt.Errorf("%s is not supported here", strings.ToLower(n.Type().String())))
		return out, false
	}
	return out, true
}

func (c *converter) convertEntries(out *Node, values []*ast.MappingValueNode, depth int) {
	out.Kind = Mapping
	seen := make(map[string]int, len(values))
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			c.fail(lineOf(v.GetToken()), errors.New("merge keys are not supported: write the values themselves"))
			continue
		}
		e := Entry{Key: v.Key.GetToken().Value, Line: lineOf(v.Key.GetToken())}
		if first := seen[e.Key]; first > 0 {
			c.fail(e.Line, fmt.Errorf("%q is there twice: it is on line %d already", e.Key, first))
			continue
		}
		seen[e.Key] = e.Line
		value, ok := c.convert(v.Value, depth-1)
		if !ok {
			continue
		}
		e.Value = value
		out.Entries = append(out.Entries, e)
	}
	if len(out.Entries) > 0 {
		out.Line = out.Entries[0].Line
	}
}

// IsNumber reports whether plain text is a number: the YAML library returns 1e3 and integers of more
// than 64 bits as text, unlike JSON and YAML 1.2.
func IsNumber(text string) bool {
	var n json.Number
	return json.Unmarshal([]byte(text), &n) == nil && text != "null" && text[0] != '"'
}

func lineOf(t *token.Token) int {
	if t == nil || t.Position == nil {
		return 1
	}
	return t.Position.Line
}
