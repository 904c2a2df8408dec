package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
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
		var out, errOut bytes.Buffer
		a := &app{in: strings.NewReader(""), term: onPipes(&out, &errOut), getenv: env()}
		if code := a.run(t.Context(), append([]string{"help"}, path...)); code != exitOK || errOut.Len() > 0 {
			t.Errorf("help %s: %d %s", path, code, errOut.String())
		}
		fmt.Fprintf(&all, "$ mcp-login help %s\n%s\n", strings.Join(path, " "), out.String())
	}
	visit()
	root := newRoot(&app{getenv: env()})
	for _, c := range root.Commands() {
		if c.Hidden || c.RunE == nil && c.Run == nil || c.Name() == "completion" { // topics are files; the shells are cobra's
			continue
		}
		visit(c.Name())
		for _, below := range c.Commands() {
			visit(c.Name(), below.Name())
		}
	}
	golden(t, "help.golden", all.String())
}

// The objects of --json: members may be added; what is there keeps its name and
// type as long as schema_version is the same.
func TestSchemasChangeOnPurposeOnly(t *testing.T) {
	var all strings.Builder
	for _, v := range []any{loginReport{}, logoutReport{}, statusReport{}, tokenReport{}, toolsReport{}, callReport{}, doctorReport{}, configReport{}, versionReport{}, errorReport{}} {
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

// Every verb that answers has --json. The bridge, completion, help and config of
// clients, which has its own, are named here.
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
		{t.Context(), errUnhealthy, 1},
		{t.Context(), usageError{errors.New("x")}, 2},
		{t.Context(), account.ErrNoHandover, 2},
		{ended, usageError{errors.New("x")}, 2},
		{t.Context(), fmt.Errorf("x: %w", &upstream.Error{Err: errors.New("x"), Reason: upstream.Unreachable}), 3},
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
		if err != nil {
			t.Fatal(err)
		}
		if code < 1000 {
			listed[code] = true
		}
	}
	if !reflect.DeepEqual(listed, seen) {
		t.Errorf("docs/exit-codes.md lists %v, there are %v", listed, seen)
	}
}

// A word that is no command, or no shell, or no topic, is never success, and
// names its neighbour.
func TestUnknownWordsNameTheirNeighbour(t *testing.T) {
	for _, tc := range []struct{ line, next string }{
		{"helo", "did you mean: mcp-login help"},
		{"stat", "did you mean: mcp-login status"},
		{"help doctr", "did you mean: doctor"},
		{"help exit-code", "did you mean: exit-codes"},
		{"help nosuchthing", "see mcp-login --help"},
		{"completion", "see mcp-login completion --help"},
		{"completion bsh", "did you mean: bash"},
		{"completion bash x", "see mcp-login completion bash --help"},
		{"import mcp-remot", "did you mean: mcp-remote"},
		{"import", "see mcp-login import --help"},
		{"version x", "see mcp-login version --help"},
		{"doctor --jsn", "did you mean --json"},
		{"token --json --header-line https://example.com/mcp", ""},
	} {
		var out, errOut bytes.Buffer
		a := &app{in: strings.NewReader(""), term: onPipes(&out, &errOut), getenv: env("MCP_LOGIN_DIR", t.TempDir())}
		code := a.run(t.Context(), strings.Fields(tc.line))
		if code != exitUsage || !strings.Contains(errOut.String(), "mcp-login: error: ") || !strings.Contains(errOut.String(), tc.next) {
			t.Errorf("%s: %d\n%s", tc.line, code, errOut.String())
		}
		if out.Len() > 0 && !strings.Contains(tc.line, "--json") {
			t.Errorf("%s: stdout has %s", tc.line, out.String())
		}
	}
}
