package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A mutant is a file with one stretch of its text replaced.
type mutant struct {
	dir, file string
	source    []byte
	from, to  int // offsets in source
	text      string
	line      int
	kind      string
}

func (m *mutant) broken() []byte {
	return bytes.Join([][]byte{m.source[:m.from], []byte(m.text), m.source[m.to:]}, nil)
}

func (m *mutant) place() string { return m.file + ":" + strconv.Itoa(m.line) }

func (m *mutant) where() string { return filepath.ToSlash(filepath.Join(m.dir, m.place())) }

// diff is the first line that differs, before and after.
func (m *mutant) diff() string {
	start := bytes.LastIndexByte(m.source[:m.from], '\n') + 1
	rest := func(text []byte) []byte {
		line, _, _ := bytes.Cut(text[start:], []byte("\n"))
		return bytes.TrimSpace(line)
	}
	return fmt.Sprintf("    - %s\n    + %s\n", rest(m.source), rest(m.broken()))
}

// mutants lists every way in which the package can be broken, in the order of its
// text. Some of them do not compile: those are found out later.
func (p *pkg) mutants(files *regexp.Regexp) ([]*mutant, error) {
	var all []*mutant
	for _, name := range p.GoFiles {
		if !files.MatchString(name) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(p.Dir, name))
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, source, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if ast.IsGenerated(tree) {
			continue
		}
		f := finder{set: set, base: mutant{dir: p.Rel, file: name, source: source}}
		for _, d := range tree.Decls {
			f.declaration(d)
		}
		all = append(all, f.found...)
	}
	return all, nil
}

// A finder walks one file.
type finder struct {
	set   *token.FileSet
	base  mutant
	found []*mutant
}

func (f *finder) offset(p token.Pos) int { return f.set.Position(p).Offset }

func (f *finder) source(n ast.Node) string {
	return string(f.base.source[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) add(kind string, from, to token.Pos, text string) {
	m := f.base
	m.kind, m.from, m.to, m.text, m.line = kind, f.offset(from), f.offset(to), text, f.set.Position(from).Line
	f.found = append(f.found, &m)
}

func (f *finder) replace(kind string, n ast.Node, text string) { f.add(kind, n.Pos(), n.End(), text) }

func (f *finder) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body != nil {
			f.function(d.Type, d.Body)
		}
	case *ast.GenDecl:
		if d.Tok == token.CONST || d.Tok == token.VAR {
			ast.Inspect(d, f.expression)
		}
	}
}

// function looks at a body; those of function literals have results of their own.
func (f *finder) function(t *ast.FuncType, body *ast.BlockStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			f.function(n.Type, n.Body)
			return false
		case *ast.ReturnStmt:
			f.result(t, n)
		}
		return f.expression(n)
	})
}

// result makes a function return the zero values of its results.
func (f *finder) result(t *ast.FuncType, n *ast.ReturnStmt) {
	if t.Results == nil || len(n.Results) != t.Results.NumFields() {
		return
	}
	zero, already := "", true
	for _, field := range t.Results.List {
		for range max(len(field.Names), 1) {
			if zero != "" {
				zero += ", "
			}
			zero += "*new(" + f.source(field.Type) + ")"
		}
	}
	for _, r := range n.Results {
		switch text := f.source(r); {
		case text == "nil", text == "false", text == "0", text == `""`, strings.HasSuffix(text, "{}"):
		default:
			already = false
		}
	}
	if !already {
		f.replace("zero result", n, "if true { return "+zero+" }; "+f.source(n))
	}
}

// Operators and what they become. Where two types allow a mutant that the third
// does not (strings have no minus), the compiler says so.
var operators = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL,
	token.LAND: token.LOR, token.LOR: token.LAND, token.AND: token.OR, token.OR: token.AND,
	token.SHL: token.SHR, token.SHR: token.SHL,
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.OR_ASSIGN: token.AND_ASSIGN, token.AND_ASSIGN: token.OR_ASSIGN,
	token.INC: token.DEC, token.DEC: token.INC, token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK,
}

func (f *finder) operator(pos token.Pos, op token.Token) {
	if other, ok := operators[op]; ok {
		f.add("operator", pos, pos+token.Pos(len(op.String())), other.String())
	}
}

// remove leaves a statement out. It stays where the compiler sees it, so that what
// it alone uses is still used.
func (f *finder) remove(n ast.Node) { f.replace("removed", n, "if false { "+f.source(n)+" }") }

func (f *finder) negate(n ast.Expr) {
	if b, ok := n.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return // its operator is a mutant already
	}
	f.replace("negated", n, "!("+f.source(n)+")")
}

func (f *finder) expression(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IfStmt:
		f.negate(n.Cond)
	case *ast.SwitchStmt:
		if n.Tag == nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					f.negate(e)
				}
			}
		}
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.BinaryExpr:
		if n.Op == token.ADD && (isString(n.X) || isString(n.Y)) {
			return true
		}
		f.operator(n.OpPos, n.Op)
	case *ast.IncDecStmt:
		f.operator(n.TokPos, n.Tok)
	case *ast.BranchStmt:
		if n.Label == nil {
			f.operator(n.TokPos, n.Tok)
		}
	case *ast.AssignStmt:
		f.operator(n.TokPos, n.Tok)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			f.replace("negated", n, f.source(n.X))
		}
	case *ast.BasicLit:
		f.constant(n)
	case *ast.Ident:
		switch n.Name {
		case "true":
			f.replace("constant", n, "false")
		case "false":
			f.replace("constant", n, "true")
		}
	case *ast.ImportSpec, *ast.Field:
		return false
	}
	return true
}

func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
			f.remove(s)
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE && f.source(s.Lhs[0]) != "_" {
				f.remove(s)
			}
		}
	}
}

func (f *finder) constant(n *ast.BasicLit) {
	if n.Kind != token.INT {
		return
	}
	text := f.source(n)
	f.replace("constant", n, "("+text+" + 1)")
	if text != "0" && text != "1" {
		f.replace("constant", n, "("+text+" - 1)")
	}
}

func isString(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Kind == token.STRING
}
