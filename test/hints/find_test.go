package hints

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// unknown stands in a hint for what is known only when the program runs.
const unknown = "…"

// found is a hint in the sources, and where it stands. One that is nothing but a command
// has the name of its function behind it.
type found struct{ text, at string }

// finder collects the hints of the sources.
type finder struct {
	t         *testing.T
	files     *token.FileSet
	constants map[string]string // by their name, and with their package in front
	room      string            // the package whose constants are noted
	takes     map[string]int    // which argument of a function is a hint
	has       map[string]int    // which field of a type is one
	gives     map[string]bool   // functions whose result is one
	hints     []found
	function  string // that is looked at
}

// find returns the hints that the programs can print, as they stand in the sources.
func find(t *testing.T) []found {
	t.Helper()
	f := &finder{t: t, files: token.NewFileSet(), constants: map[string]string{}, takes: map[string]int{}, has: map[string]int{}, gives: map[string]bool{}}
	var parsed []*ast.File
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "/loopback/words.go") { // of a page
				return err
			}
			file, err := parser.ParseFile(f.files, path, nil, parser.SkipObjectResolution)
			parsed = append(parsed, file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range parsed {
		f.room = file.Name.Name
		ast.Inspect(file, f.constant)
		ast.Inspect(file, f.declared)
	}
	for _, file := range parsed {
		ast.Inspect(file, f.look)
	}
	for _, file := range parsed {
		ast.Inspect(file, func(n ast.Node) bool {
			if function, ok := n.(*ast.FuncDecl); ok && f.gives[function.Name.Name] {
				f.function = function.Name.Name
				f.results(function)
			}
			return true
		})
	}
	slices.SortFunc(f.hints, func(a, b found) int { return strings.Compare(a.text+a.at, b.text+b.at) })
	return f.hints
}

// constant notes the values of constants, those of functions as well.
func (f *finder) constant(n ast.Node) bool {
	general, ok := n.(*ast.GenDecl)
	if !ok || general.Tok != token.CONST {
		return true
	}
	for _, spec := range general.Specs {
		spec := spec.(*ast.ValueSpec)
		for i, name := range spec.Names {
			if i < len(spec.Values) && !isHint(name.Name) { // a hint is found where it stands
				if text := f.text(spec.Values[i]); text != unknown {
					f.constants[name.Name], f.constants[f.room+"."+name.Name] = text, text
				}
			}
		}
	}
	return true
}

// declared notes which arguments and fields are hints.
func (f *finder) declared(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.TypeSpec:
		if s, ok := n.Type.(*ast.StructType); ok {
			if i := hintIn(s.Fields); i >= 0 {
				f.has[n.Name.Name] = i
			}
		}
	case *ast.FuncDecl:
		if i := hintIn(n.Type.Params); i >= 0 {
			f.takes[n.Name.Name] = i
		}
	case *ast.AssignStmt:
		if function, ok := n.Rhs[0].(*ast.FuncLit); ok {
			if i := hintIn(function.Type.Params); i >= 0 {
				f.takes[nameOf(n.Lhs[0])] = i
			}
		}
	case *ast.KeyValueExpr: // Options.Notice
		if function, ok := n.Value.(*ast.FuncLit); ok {
			if i := hintIn(function.Type.Params); i >= 0 {
				f.takes[nameOf(n.Key)] = i
			}
		}
	}
	return true
}

// hintIn returns which parameter, result or field is a hint, -1 for none.
func hintIn(list *ast.FieldList) int {
	i := 0
	if list == nil {
		return -1
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			if isHint(name.Name) {
				return i
			}
			i++
		}
		if len(field.Names) == 0 {
			i++
		}
	}
	return -1
}

// isHint reports whether what has this name is a hint.
func isHint(name string) bool {
	return slices.Contains([]string{"hint", "Hint", "next", "Next", "again", "advice", "scriptHint"}, name)
}

// look finds the hints of one node.
func (f *finder) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CompositeLit:
		f.literal(n)
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if isHint(nameOf(to)) && len(n.Rhs) == len(n.Lhs) {
				f.add(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if isHint(name.Name) && i < len(n.Values) {
				f.add(n.Values[i])
			}
		}
	case *ast.CallExpr:
		f.call(n)
	case *ast.FuncDecl:
		f.function = n.Name.Name
		f.results(n)
	}
	return true
}

// literal finds the hint in hint{…} and in a field of that name.
func (f *finder) literal(n *ast.CompositeLit) {
	for i, element := range n.Elts {
		pair, named := element.(*ast.KeyValueExpr)
		switch {
		case named && isHint(nameOf(pair.Key)):
			f.add(pair.Value)
		case !named:
			if at, ok := f.has[nameOf(n.Type)]; ok && at == i {
				f.add(element)
			}
		}
	}
}

// call finds the hints of functions that take one, and what is to be run or added by
// notes and by checks that are passed over.
func (f *finder) call(n *ast.CallExpr) {
	if i, ok := f.takes[nameOf(n.Fun)]; ok && i < len(n.Args) {
		f.add(n.Args[i])
	}
	if name := nameOf(n.Fun); (name == "Note" || name == "skipped") && len(n.Args) > 0 {
		text, isHint := strings.CutPrefix(f.text(n.Args[0]), "hint: ")
		if isHint || strings.Contains(text, "run: ") || strings.Contains(text, ": mcp-login ") || strings.Contains(text, "add --") {
			f.note(text, n.Pos())
		}
	}
}

// results finds the hints that functions return.
func (f *finder) results(n *ast.FuncDecl) {
	at := -1
	switch {
	case n.Body == nil:
		return
	case n.Name.Name == "UserHint", f.gives[n.Name.Name]:
		at = 0
	default:
		at = hintIn(n.Type.Results)
	}
	if at < 0 {
		return
	}
	ast.Inspect(n.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && at < len(r.Results) {
			f.add(r.Results[at])
		}
		_, inner := n.(*ast.FuncLit)
		return !inner // which returns something else
	})
}

// add takes the hints that an expression can be, and notes functions that give a part
// of them.
func (f *finder) add(e ast.Expr) {
	if call, ok := e.(*ast.CallExpr); ok && (nameOf(call.Fun) == "Or" || nameOf(call.Fun) == "Message") {
		for _, arg := range call.Args {
			f.add(arg)
		}
		return
	}
	f.note(f.text(e), e.Pos())
}

func (f *finder) note(text string, at token.Pos) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "%s", unknown), "%d", unknown)
	if strings.HasSuffix(text, "mcp-login "+unknown) { // said in many situations
		text += " (" + f.function + ")"
	}
	if strings.Contains(strings.Trim(text, unknown+" "), " ") {
		p := f.files.Position(at)
		f.hints = append(f.hints, found{text, strings.TrimPrefix(filepath.ToSlash(p.Filename), "../../") + ":" + strconv.Itoa(p.Line)})
	}
}

// text is a string expression with unknown for what is not in the sources.
func (f *finder) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return text
		}
	case *ast.BinaryExpr:
		return strings.ReplaceAll(f.text(e.X)+f.text(e.Y), unknown+unknown, unknown)
	case *ast.Ident, *ast.SelectorExpr:
		if slices.Contains([]string{"SignInAgain", "SignOut"}, nameOf(e)) { // the command, as a field of grant.Client
			return "mcp-login " + unknown
		}
		name := nameOf(e)
		if of, ok := e.(*ast.SelectorExpr); ok { // a field may have the name of a constant
			name = nameOf(of.X) + "." + name
		}
		if text, ok := f.constants[name]; ok {
			return text
		}
	case *ast.ParenExpr:
		return f.text(e.X)
	case *ast.CallExpr:
		if nameOf(e.Fun) == "Sprintf" && len(e.Args) > 0 {
			return f.text(e.Args[0])
		}
		switch name := nameOf(e.Fun); name {
		case "command", "Command", "LoginCommand", "CommandFor":
			return "mcp-login " + unknown
		case "", "String", "Join", "Files", "Line", "ShortAddress", "Redacted", "CommandPath", "Name", "Error", "Hostname":
		default:
			f.gives[name] = true
		}
	}
	return unknown
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
