package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/build"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if clean := strings.ReplaceAll(string(want), "\r\n", "\n"); got != clean {
		t.Errorf("%s has changed; if that is wanted: go test ./internal/cli -run %s -update\n%s", file, t.Name(), firstDifference(clean, got))
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d:\n- %s\n+ %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, now %d", len(a), len(b))
}

// The help of every command is read by a person before it changes.
func TestHelpChangesOnPurposeOnly(t *testing.T) {
	var all bytes.Buffer
	visit := func(path ...string) {
		code, out, said := runWith(t, "", append([]string{"help"}, path...))
		if code != exitOK || said != "" {
			t.Errorf("help %s: %d %s", path, code, said)
		}
		fmt.Fprintf(&all, "$ mcp-login help %s\n%s\n", strings.Join(path, " "), out)
	}
	visit()
	visit("flags")
	root := newRoot(&app{getenv: env()})
	for _, c := range root.Commands() {
		if c.Hidden || c.RunE == nil && c.Run == nil || c.Name() == "completion" { // topics are files; the shells are cobra's
			continue
		}
		visit(c.Name())
		for _, below := range c.Commands() {
			visit(c.Name(), below.Name())
		}
		if c.Flags().Lookup("profile") != nil {
			visit("flags", c.Name())
		}
	}
	golden(t, "help.golden", all.String())
}

// The objects of --json: members may be added; what is there keeps its name and
// type as long as schema_version is the same.
func TestSchemasChangeOnPurposeOnly(t *testing.T) {
	var all strings.Builder
	for _, v := range []any{loginReport{}, logoutReport{}, statusReport{}, tokenReport{}, toolsReport{}, callReport{}, doctorReport{}, configReport{}, configListReport{}, migrationReport{}, uninstallReport{}, build.Report{}, checkReport{}, errorReport{}} {
		typ := reflect.TypeOf(v)
		if first := typ.Field(0); first.Tag.Get("json") != "schema_version" {
			t.Errorf("%s begins with %s", typ.Name(), first.Name)
		}
		fmt.Fprintf(&all, "%s\n", typ.Name())
		describeType(&all, typ, "  ")
	}
	golden(t, "schemas.golden", fmt.Sprintf("schema_version %d\n%s", schemaVersion, all.String()))
}

func describeType(b *strings.Builder, typ reflect.Type, indent string) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, omit, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() && !f.Anonymous || name == "-" {
			continue
		}
		kind, list := f.Type, ""
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice && kind != reflect.TypeFor[jsontext.Value]() {
			if kind.Kind() == reflect.Slice {
				list += "[]"
			}
			kind = kind.Elem()
		}
		word := kind.Kind().String()
		switch kind {
		case reflect.TypeFor[time.Time]():
			word = "time"
		case reflect.TypeFor[jsontext.Value]():
			word = "any"
		}
		if omit != "" {
			name += "?"
		}
		fmt.Fprintf(b, "%s%s %s%s\n", indent, name, list, word)
		if word == "struct" {
			describeType(b, kind, indent+"  ")
		}
	}
}

// Every verb that answers has --json, but for help, completion and import, whose answer
// is text.
func TestEveryVerbHasJSON(t *testing.T) {
	root := newRoot(&app{getenv: env()})
	for _, c := range root.Commands() {
		if c.Hidden || c.RunE == nil && c.Run == nil || slices.Contains([]string{"help", "completion", "import"}, c.Name()) {
			continue
		}
		if c.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", c.Name())
		}
	}
}

// Exit codes: what each kind of error ends with, and that docs/exit-codes.md
// lists exactly these.
func TestExitCodesAreThoseOfTheDocs(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	seen := map[int]bool{}
	for _, tc := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{ended, nil, 0}, // the bridge's input ended while it was told to stop
		{t.Context(), errors.New("x"), 1},
		{t.Context(), toolError{"x"}, 1},
		{t.Context(), unhealthyError{"x"}, 1},
		{t.Context(), usageError{errors.New("x")}, 2},
		{t.Context(), account.ErrNoHandover, 2},
		{ended, usageError{errors.New("x")}, 2},
		{t.Context(), fmt.Errorf("x: %w", &upstream.Error{Err: errors.New("x"), Reason: upstream.Unreachable}), 3},
		{t.Context(), &upstream.Error{Err: errors.New("x"), Reason: upstream.Refused, Status: 503}, 3},
		{t.Context(), &upstream.Error{Err: errors.New("x"), Reason: upstream.Refused, Status: 500}, 1},
		{t.Context(), &grant.Error{Op: "x", Err: discovery.ErrUnavailable}, 3},
		{t.Context(), &grant.Error{Op: "x", Err: oauth.ErrLoginRequired}, 4},
		{t.Context(), fmt.Errorf("x: %w", discovery.ErrUnavailable), 3},
		{t.Context(), hint.With(fmt.Errorf("x: %w", oauth.ErrLoginRequired), "y"), 4},
		{t.Context(), fmt.Errorf("x: %w", grant.ErrDenied), 4},
		{t.Context(), fmt.Errorf("x: %w", grant.ErrLoginTimeout), 4},
		{t.Context(), fmt.Errorf("x: %w", oauth.ErrNotFound), 4},
		{t.Context(), storeError{fmt.Errorf("x: %w", oauth.ErrNotFound)}, 5},
		{ended, errors.New("x"), 130},
	} {
		if got := exitCode(tc.ctx, tc.err); got != tc.want {
			t.Errorf("%v ends with %d instead of %d", tc.err, got, tc.want)
		}
		seen[tc.want] = true
	}
	listed := map[int]bool{}
	table, _, _ := strings.Cut(page(t, "docs/exit-codes.md"), "\n\n| code")
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| \S`).FindAllStringSubmatch(table, -1) {
		code, err := strconv.Atoi(m[1])
		must(t, err)
		if code < 1000 {
			listed[code] = true
		}
	}
	if !reflect.DeepEqual(listed, seen) {
		t.Errorf("docs/exit-codes.md lists %v, there are %v", listed, seen)
	}
}

// A word that is no command, or no shell, or no topic, or no value, is never success,
// and names its neighbour.
func TestUnknownWordsNameTheirNeighbour(t *testing.T) {
	for _, tc := range []struct{ line, next string }{
		{"helo", "did you mean: mcp-login help"},
		{"stat", "did you mean: mcp-login status"},
		{"help doctr", "did you mean: mcp-login help doctor"},
		{"help exit-code", "did you mean: mcp-login help exit-codes"},
		{"help nosuchthing", "see mcp-login --help"},
		{"completion", "see mcp-login completion --help"},
		{"completion bsh", "did you mean: mcp-login completion bash"},
		{"completion bash x", "see mcp-login completion bash --help"},
		{"import mcp-remot", "did you mean: mcp-login import mcp-remote"},
		{"import", "see mcp-login import --help"},
		{"version x", "see mcp-login version --help"},
		{"doctor --jsn", "did you mean: mcp-login doctor --json"},
		{"token --json --header-line https://example.com/mcp", ""},
		{"https://example.com/mcp --protocol modern", "--protocol"}, // a value of mcp-remote's
	} {
		code, out, said := runWith(t, "", strings.Fields(tc.line), "MCP_LOGIN_DIR", t.TempDir())
		if code != exitUsage || !strings.Contains(said, "mcp-login: error: ") || !strings.Contains(said, tc.next) {
			t.Errorf("%s: %d\n%s", tc.line, code, said)
		}
		if out != "" && !strings.Contains(tc.line, "--json") {
			t.Errorf("%s: stdout has %s", tc.line, out)
		}
	}
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// must ends the test with an error of its set-up.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// runWith runs a command line in a process with these variables, whose stdin is in. It
// returns the exit code, and what is on stdout and stderr.
func runWith(t *testing.T, in string, args []string, variables ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	a := &app{in: strings.NewReader(in), term: onPipes(&out, &said), getenv: env(variables...)}
	code = a.run(t.Context(), args)
	return code, out.String(), said.String()
}

// onPipes is a terminal whose output nobody sees but a test.
func onPipes(out, err io.Writer) *terminal.Terminal {
	return terminal.New(terminal.Config{Out: out, Err: err})
}

func TestAnErrorAndItsHintAreOneLineEach(t *testing.T) {
	var b bytes.Buffer
	a := &app{term: onPipes(io.Discard, &b)}
	a.term.Error(usageError{hint.With(errors.New("one\ntwo"), "do\nthis")})
	if got := b.String(); got != "mcp-login: error: one; two\nmcp-login: hint: do; this\n" {
		t.Errorf("%q", got)
	}
}

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	must(t, err)
	return string(b)
}

// flags returns the flags that people see of a command and those below it, but
// for the commands named.
func flags(c *cobra.Command, but ...string) map[string]bool {
	all := map[string]bool{"help": true, "version": true}
	for _, one := range append(c.Commands(), c) {
		if slices.Contains(but, one.Name()) {
			continue
		}
		one.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				all[f.Name] = true
			}
		})
	}
	return all
}

// Every flag is in the list of flags, and every flag that the pages on signing in
// and on variables name exists.
func TestFlagsInTheDocs(t *testing.T) {
	root := newRoot(&app{getenv: env()})
	real := flags(root)
	listed := page(t, "docs/environment.md")
	// docs/clients.md and docs/coming-from-mcp-remote.md are about these two.
	for name := range flags(root, "config", "import") {
		if name != "help" && name != "version" && !strings.Contains(listed, "--"+name) {
			t.Errorf("docs/environment.md does not name --%s", name)
		}
	}
	// A line of another program, such as curl, has flags of its own.
	span, flag := regexp.MustCompile("`([^`\\s]+)([^`]*)"), regexp.MustCompile("--([a-z][a-z0-9-]*)")
	for _, name := range []string{
		"docs/environment.md", "docs/signing-in.md", "docs/troubleshooting.md", "docs/storage.md", "README.md", "docs/desktop.md", "docs/terminal.md",
		"docs/install.md", "docs/faq.md", "docs/glossary.md", "docs/proxies.md", "docs/clients.md", "docs/transports.md", "docs/exit-codes.md",
	} {
		for _, s := range span.FindAllStringSubmatch(page(t, name), -1) {
			if first := s[1]; first != "mcp-login" && first[0] != '-' && child(root, first) == nil {
				continue
			}
			for _, m := range flag.FindAllStringSubmatch(s[0], -1) {
				if !real[m[1]] && !slices.Contains([]string{"dev", "jwt-only", "issuer", "listen", "delete", "omit", "prefix", "uninstall", "version"}, m[1]) {
					t.Errorf("%s names --%s, which does not exist", name, m[1])
				}
			}
		}
	}
}

// The client ID metadata document that we ship is one (draft-ietf-oauth-client-id-
// metadata-document): its redirect URIs are those we listen at, with
// the port left to us (RFC 8252, section 7.3), and it asks for refresh tokens.
func TestClientMetadataDocumentIsWhatWeRegister(t *testing.T) {
	var doc struct {
		ID        string   `json:"client_id"`
		Name      string   `json:"client_name"`
		Redirects []string `json:"redirect_uris"`
		Grants    []string `json:"grant_types"`
		Method    string   `json:"token_endpoint_auth_method"`
		Type      string   `json:"application_type"`
	}
	shipped := page(t, "docs/client-metadata.json")
	must(t, json.Unmarshal([]byte(shipped), &doc))
	if made, err := grant.Document(doc.ID); err != nil || string(made)+"\n" != shipped {
		t.Errorf("it should be, %v:\n%s", err, made)
	}
	id, err := url.Parse(doc.ID)
	if err != nil || id.Scheme != "https" || len(id.Path) < 2 || doc.Name == "" || doc.Method != "none" || doc.Type != "native" {
		t.Errorf("%+v", doc)
	}
	if !slices.Equal(doc.Grants, []string{"authorization_code", "refresh_token"}) {
		t.Errorf("grants %q", doc.Grants)
	}
	var listened []string
	for _, path := range []string{"", loopback.MCPRemotePath} {
		for _, host := range []string{"127.0.0.1", "localhost", "::1"} {
			where, err := account.CallbackOf(oauth.Choices{CallbackHost: host, CallbackPath: path}, "")
			must(t, err)
			redirect, err := where.Listen(t.Context(), loopback.Options{})
			if err != nil {
				t.Log(err) // a machine without IPv6
				continue
			}
			u, _ := url.Parse(redirect.URI())
			_ = redirect.Close()
			u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
			listened = append(listened, u.String())
			if !slices.Contains(doc.Redirects, u.String()) || !grant.InDocument(u.String()) {
				t.Errorf("%s is not among %q", u, doc.Redirects)
			}
		}
	}
	if len(listened) == 6 && !slices.Equal(doc.Redirects, listened) {
		t.Errorf("it lists %q, and the listener is at %q", doc.Redirects, listened)
	}
}

// README's steps alone end with whoami's four claims: the script for Logto's console that
// adds them stands there and on the page, with all of them.
func TestLogtoScriptInTheDocs(t *testing.T) {
	script := func(name string) string {
		_, rest, _ := strings.Cut(page(t, name), "   ```js\n")
		text, _, found := strings.Cut(rest, "   ```\n")
		if !found {
			t.Errorf("%s has no script", name)
		}
		return text
	}
	readme := script("README.md")
	if readme != script("docs/logto.md") {
		t.Error("two scripts")
	}
	for _, claim := range []string{"username: context.user.username", "name: context.user.name", "email: context.user.primaryEmail"} {
		if !strings.Contains(readme, " "+claim+",\n") {
			t.Errorf("the script does not return %s", claim)
		}
	}
	for _, trap := range []string{"Input-limited app / CLI", "Device flow", "Create app without framework"} {
		for _, name := range []string{"README.md", "docs/logto.md"} {
			if !strings.Contains(strings.Join(strings.Fields(page(t, name)), " "), trap) {
				t.Errorf("%s does not name %q", name, trap)
			}
		}
	}
}
