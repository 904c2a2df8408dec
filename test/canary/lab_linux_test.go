package canary

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	roles := map[string]binary.Role{}
	for _, verb := range []string{"approve", "approve-device"} {
		// What pages say is printed, as browsers do.
		roles[verb] = func(args []string) int {
			fmt.Print(canary, "\n")
			fmt.Fprint(os.Stderr, canary, "\n")
			return binary.Browse(verb, args[0], args[1])
		}
	}
	binary.Main(m, roles)
}

const (
	// canary is what a stranger says: it writes the clipboard, clears the screen,
	// turns the direction, hides letters, and begins lines that look like ours.
	canary = "CANARY\x1b]52;c;eA==\x07\x1b[2J\u009b2J\u202e\u2066\u061c\u200b\ufeff\u2060\U000e0041\U000e0101\ufe0f\u115f\u3164\u00ad\u2028\u2029\u0085\x7f\r\n" + forged + "\nEND"
	// forged is what a person could take for our advice.
	forged = "mcp-login: hint: run curl evil.example"
	// inAddress is what of it an address can hold that package net/url reads.
	inAddress = "CANARY\u009b2J\u202e\u2066\u061c\u200b\ufeff\u2060\U000e0041\ufe0f\u115f\u3164\u00ad\u2028\u2029\u0085`$(id)`'\"|END"
)

// inHeader is what of it package net/http takes in a header.
var inHeader = strings.Map(func(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}, canary)

// hidden are the characters that nobody may get to see.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Bidi_Control) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// ours are the sequences that mcp-login draws with itself: the live line, colours,
// and QR codes.
var ours = regexp.MustCompile("\r\x1b\\[K|\x1b\\[(30;107|3[1-3]|1|2|0)m")

// check looks at what was printed. A tool's result keeps its lines.
func check(t *testing.T, what, text string, keepsLines bool) {
	t.Helper()
	text = ours.ReplaceAllString(text, "")
	for i, r := range text {
		if r == '\n' || keepsLines && r == '\t' {
			continue
		}
		if hidden(r) || r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			t.Errorf("%s: %U came through: …%q…", what, r, text[max(0, i-60):min(len(text), i+30)])
			return
		}
	}
	for line := range strings.Lines(text) {
		if !keepsLines && (strings.HasPrefix(line, forged) || strings.HasPrefix(line, "END")) {
			t.Errorf("%s: a line of a stranger: %q", what, text)
			return
		}
	}
	if len(text) > 64<<10 {
		t.Errorf("%s: %d bytes", what, len(text))
	}
}

// lab is a provider and an MCP server whose every word can be changed.
type lab struct {
	t      *testing.T
	idp    *devidp.Server
	faults devidp.Faults
	srv    *httptest.Server
	dir    string // of one person

	mu        sync.Mutex
	resource  map[string]any                                // members of the resource metadata
	challenge string                                        // of the 401
	results   map[string]string                             // by method, raw
	errors    map[string]string                             // by method, raw
	before    map[string]string                             // messages in front of the answer, raw
	takes     func(http.ResponseWriter, *http.Request) bool // answers itself
}

func newLab(t *testing.T, users ...devidp.User) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), resource: map[string]any{}, errors: map[string]string{}, before: map[string]string{}}
	l.srv = httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(l.srv.Close)
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Users: users, Registration: true, Resources: []devidp.Resource{{Indicator: l.url()}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	l.idp = idp
	l.faults.DeviceInterval = 1
	l.results = map[string]string{
		"initialize": `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"lab","version":"1"}}`,
		"tools/list": `{"tools":[{"name":"t","description":"d","inputSchema":{"type":"object"}}]}`,
		"tools/call": `{"content":[{"type":"text","text":"fine"}]}`,
	}
	return l
}

func (l *lab) url() string { return l.srv.URL + "/mcp" }

func (l *lab) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.takes != nil && l.takes(w, r):
	case strings.Contains(r.URL.Path, "oauth-protected-resource"):
		doc := map[string]any{"resource": l.url(), "authorization_servers": []string{l.idp.Issuer()}}
		for name, value := range l.resource {
			doc[name] = value
		}
		_ = json.NewEncoder(w).Encode(doc)
	case r.URL.Path != "/mcp" || r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case r.Header.Get("Authorization") == "":
		challenge := l.challenge
		if challenge == "" {
			challenge = `Bearer resource_metadata="` + l.srv.URL + `/.well-known/oauth-protected-resource/mcp"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		l.rpc(w, r)
	}
}

func (l *lab) rpc(w http.ResponseWriter, r *http.Request) {
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &m) != nil || m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	answer := `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32601,"message":"no"}}`
	if result := l.results[m.Method]; result != "" {
		answer = `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`
	}
	if refusal := l.errors[m.Method]; refusal != "" {
		answer = `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":` + refusal + `}`
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if first := l.before[m.Method]; first != "" {
		fmt.Fprintf(w, "data: %s\n\n", first)
	}
	fmt.Fprintf(w, "data: %s\n\n", answer)
}

// command is mcp-login of one person whose browser is this test.
func (l *lab) command(args ...string) *exec.Cmd {
	l.t.Helper()
	self := binary.Self(l.t)
	l.idp.SetFaults(l.faults)
	cmd := exec.Command(binary.Build(l.t, "mcp-login"), args...)
	cmd.Dir = l.dir
	browser := self + " approve alice"
	if strings.Contains(strings.Join(args, " "), "--device") {
		browser = self + " approve-device alice"
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TERM=xterm", "NO_PROXY=127.0.0.1", "MCP_LOGIN_STORE=file",
		"MCP_LOGIN_DIR=" + filepath.Join(l.dir, "state"), "MCP_LOGIN_BROWSER=" + browser, "MCP_LOGIN_LOG=debug",
		"MCP_REMOTE_CONFIG_DIR=" + filepath.Join(l.dir, "mcp-auth"),
	}
	return cmd
}

// look runs a verb on a terminal and on pipes and checks what it prints. It
// returns all of it.
func (l *lab) look(args ...string) string {
	l.t.Helper()
	keepsLines := args[0] == "call" && !strings.Contains(strings.Join(args, " "), "--json")
	what := strings.Join(args, " ")
	seen := onTerminal(l.t, l.command(args...))
	check(l.t, what+" on a terminal", seen.all(), keepsLines)
	piped := onPipes(l.t, l.command(args...))
	check(l.t, what+": stderr on a pipe", piped.err, false)
	if !keepsLines { // a pipe gets a tool's result unchanged
		check(l.t, what+": stdout on a pipe", piped.out, false)
	}
	return seen.all() + piped.all()
}

// member is one member of a type that strangers fill.
type member struct {
	name string
	list bool // of strings
}

// hostile is the canary as the value of the member.
func (m member) hostile(text string) any {
	if m.list {
		return []string{text, text}
	}
	return text
}

// members reads from the source which members a type takes from JSON, those of
// types inside included, or which members a function reads of an object.
func members(t *testing.T, file, name string) (all []member) {
	t.Helper()
	path := filepath.Join("..", "..", filepath.FromSlash(file))
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.TypeSpec:
			if s, ok := n.Type.(*ast.StructType); ok && n.Name.Name == name {
				all = membersOf(s)
			}
		case *ast.FuncDecl:
			if n.Name.Name == name {
				all = membersRead(n)
			}
		}
		return true
	})
	if len(all) == 0 {
		t.Fatalf("%s has no type or function %s with members: the canary must follow it", file, name)
	}
	return all
}

func membersOf(s *ast.StructType) (all []member) {
	for _, field := range s.Fields.List {
		if field.Tag == nil {
			continue
		}
		name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json"), ",")
		_, list := field.Type.(*ast.ArrayType)
		all = append(all, member{name, list})
		if inner, ok := field.Type.(*ast.StructType); ok {
			all = append(all, membersOf(inner)...)
		}
	}
	return all
}

// membersRead are those that a function reads of an object by name.
func membersRead(function *ast.FuncDecl) (all []member) {
	seen := map[string]bool{}
	ast.Inspect(function.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		reader := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			reader = f.Name
		case *ast.SelectorExpr:
			reader = f.Sel.Name
		}
		if !slices.Contains([]string{"Text", "List", "Seconds", "Flag", "firstOf"}, reader) {
			return true
		}
		for _, arg := range call.Args {
			if literal, ok := arg.(*ast.BasicLit); ok {
				if name, err := strconv.Unquote(literal.Value); err == nil && !seen[name] {
					seen[name] = true
					all = append(all, member{name, reader == "List"})
				}
			}
		}
		return true
	})
	return all
}

// quoted is a text as JSON.
func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// onTheWire says answer, the whole of a response.
func onTheWire(answer string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return false
		}
		defer conn.Close()
		_, _ = out.WriteString(answer)
		_ = out.Flush()
		return true
	}
}
