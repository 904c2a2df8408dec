package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The shapes of --json: a change here is a new schema_version.
func TestConfigSchemas(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want string
	}{
		{configReport{}, "schema_version client file name command entry changed written backup also"},
		{fileReport{}, "file changed written backup"},
		{clientRow{}, "client title file exists servers problem"},
		{serverRow{}, "name kind address project"},
		{migration{}, "client file entries written backup problem"},
		{migrationRow{}, "name project was added skipped"},
	} {
		var names []string
		typ := reflect.TypeOf(tc.v)
		for i := range typ.NumField() {
			if name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("%s: %s", typ.Name(), got)
		}
	}
}

// What a file says reaches the terminal without its control characters.
func TestListPrintsNoControls(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mcp.json")
	if err := os.WriteFile(file, []byte(`{"mcpServers":{"a\u001b[2Jb\nc":{"command":"mcp-login","args":["https://a.example/"]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	a := &app{term: onPipes(&out, &errOut), getenv: env("HOME", dir)}
	if code := a.run(t.Context(), []string{"config", "--list", "cursor", "--file", file}); code != 0 {
		t.Fatalf("%d: %s", code, errOut.String())
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, "\x1b") || !strings.Contains(got, "a[2Jb; c") {
		t.Errorf("%q", got)
	}
}

// An entry that mcp-login would refuse to start with stays with mcp-remote, and
// the reason tells no value.
func TestJudgeArguments(t *testing.T) {
	a := &app{getenv: env()}
	for _, tc := range []struct{ args, why string }{
		{"U", ""},
		{"U 9696 --debug --header X:${KEY} --transport http-only", ""},
		{"${input:url} --allow-http", ""},
		{`U --static-oauth-client-info {"client_id":"${ID}"}`, ""},
		{"U --verbose", "there is no flag --verbose"},
		{"U --s3cret=s3cret", "there is no flag --s3cret"},
		{"U -s3cret", "make no sense"},
		{"U s3cret", "neither flags nor the one address"},
		{"--debug", "neither flags nor the one address"},
		{"U --auth-timeout soon", "--auth-timeout: "},
		{"U --resource", "make no sense"},
	} {
		why := a.judgeArguments(strings.Fields(strings.ReplaceAll(tc.args, "U", "https://example.com/mcp")))
		if (why == "") != (tc.why == "") || !strings.Contains(why, tc.why) || strings.Contains(strings.TrimPrefix(why, "there is no flag --s3cret"), "s3cret") {
			t.Errorf("%s: %q", tc.args, why)
		}
	}
}
