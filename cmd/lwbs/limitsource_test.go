package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// quantity reads "10,000 sessions", "8 KiB" or "5 min"; times are in nanoseconds.
func quantity(text string) (int64, error) {
	m := regexp.MustCompile(`^([0-9,]+)(?: (\w+))?`).FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no quantity", text)
	}
	units := map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": int64(time.Second), "min": int64(time.Minute)}
	var n int64
	_, err := fmt.Sscan(strings.ReplaceAll(m[1], ",", ""), &n)
	if unit, ok := units[m[2]]; ok {
		n *= unit
	}
	return n, err
}

// defaultAt is the default that is at place. Packages that were read are kept in code.
func defaultAt(t *testing.T, place string, code map[string]source, options map[string]cli.Flag) int64 {
	t.Helper()
	if f, ok := options[place].(*cli.DurationFlag); ok {
		return int64(f.Value)
	}
	pkg, text, _ := strings.Cut(place, ".")
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	if code[pkg].files == nil {
		code[pkg] = readSource(t, pkg)
	}
	v, err := code[pkg].eval(expr)
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	n, exact := constant.Int64Val(constant.ToInt(v))
	if !exact {
		t.Fatalf("%s is %v, no whole number", place, v)
	}
	return n
}

// A source is the files of a package, to look up numbers in.
type source struct{ files []*ast.File }

func readSource(t *testing.T, pkg string) source {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("../..", pkg, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("package %s: %d files, error %v", pkg, len(names), err)
	}
	var out source
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		out.files = append(out.files, f)
	}
	return out
}

// value is that of the constant of this name, else the default that is put into the
// field of this name: what follows &x.Field in a call or a list.
func (s source) value(name string) (found constant.Value, err error) {
	err = fs.ErrNotExist
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if e := defining(n, name); e != nil && found == nil {
				found, err = s.eval(e)
			}
			return true
		})
	}
	return found, err
}

// defining is the expression in n that gives name its value, nil where n does not.
func defining(n ast.Node, name string) ast.Expr {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, id := range n.Names {
			if id.Name == name && i < len(n.Values) {
				return n.Values[i]
			}
		}
	case *ast.CallExpr:
		return behindField(n.Args, name)
	case *ast.CompositeLit:
		return behindField(n.Elts, name)
	}
	return nil
}

func behindField(list []ast.Expr, name string) ast.Expr {
	for i, e := range list[:max(0, len(list)-1)] {
		if ref, ok := e.(*ast.UnaryExpr); ok && ref.Op == token.AND {
			if field, ok := ref.X.(*ast.SelectorExpr); ok && field.Sel.Name == name {
				return list[i+1]
			}
		}
	}
	return nil
}

var durations = map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}

// eval computes what limits are made of: numbers, other constants, units of time.
func (s source) eval(e ast.Expr) (constant.Value, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0), nil
	case *ast.Ident:
		return s.value(e.Name)
	case *ast.ParenExpr:
		return s.eval(e.X)
	case *ast.SelectorExpr:
		if d, ok := durations[e.Sel.Name]; ok {
			return constant.MakeInt64(int64(d)), nil
		}
	case *ast.BinaryExpr:
		x, err1 := s.eval(e.X)
		y, err2 := s.eval(e.Y)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%w, %w", err1, err2)
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n)), nil
		}
		return constant.BinaryOp(x, e.Op, y), nil
	}
	return nil, fmt.Errorf("cannot compute %T", e)
}

func TestQuantity(t *testing.T) {
	for text, want := range map[string]int64{"10,000": 10_000, "500 a second": 500, "8 KiB": 8192, "2 GiB": 2 << 30, "10 s": 10e9, "5 min": 300e9, "20 sessions": 20} {
		if got, err := quantity(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	if _, err := quantity("four fifths"); err == nil {
		t.Error("four fifths is no quantity")
	}
}
