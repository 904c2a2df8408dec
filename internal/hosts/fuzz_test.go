package hosts

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Whatever a file holds, it is refused, or changed in the one entry alone, and the same
// change again has no effect. No error holds the file's content.
func fuzz(f *testing.F, id string) {
	c, _ := Find(id)
	for file, other := range corpus(f) {
		if other.Format == c.Format {
			f.Add(string(read(f, file)), "linear")
		}
	}
	for _, seed := range seeds[c.Format] {
		f.Add(seed, "a")
		f.Add(string(toCRLF([]byte(seed))), "a")
		f.Add(string(withBOM([]byte(seed))), "a")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		s := Server{Name: name, Command: "mcp-login", Args: []string{"https://example.com/mcp", name}}
		before, listErr := c.List([]byte(text))
		out, err := c.Set([]byte(text), s, true)
		switch {
		case err != nil && listErr != nil:
			if len(strings.TrimSpace(text)) > 40 && strings.Contains(err.Error(), text) {
				t.Fatalf("the error tells the content: %v", err)
			}
		case err == nil && listErr != nil:
			t.Fatalf("changed what cannot be read: %v", listErr)
		case err == nil:
			checkSet(t, c, out, s, len(before))
			checkLayouts(t, c, text, s, out)
		case s.valid() == nil && !errors.Is(err, ErrLayout) && !errors.Is(err, ErrBroken):
			t.Fatalf("%v", err)
		}
		out, all, err := c.Rewrite([]byte(text), []string{"mcp-login"}, nil)
		if err != nil {
			return
		}
		if len(all) == 0 && !bytes.Equal(out, []byte(text)) {
			t.Fatalf("rewritten without a reason: %q", out)
		}
		again, _, err := c.Rewrite(out, []string{"mcp-login"}, nil)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("a second time: %v\n%q\n%q", err, out, again)
		}
		if out, err := c.Remove([]byte(text), name); err == nil {
			after, err := c.List(out)
			if err != nil || len(after) > len(before) {
				t.Fatalf("removed: %v\n%q", err, out)
			}
		}
	})
}

// checkLayouts checks that neither the line ends nor a byte order mark matter to
// what is changed.
func checkLayouts(t *testing.T, h Host, text string, s Server, out []byte) {
	t.Helper()
	marked, err := h.Set(withBOM([]byte(text)), s, true)
	if err != nil || !bytes.Equal(marked, withBOM(out)) {
		t.Fatalf("with a byte order mark: %v\n%q\n%q", err, marked, out)
	}
	if strings.Contains(text, "\r") || !strings.Contains(strings.TrimSpace(text), "\n") {
		return // no line ends to keep, or nothing that they are the ends of
	}
	ended, err := h.Set(toCRLF([]byte(text)), s, true)
	if err != nil || !bytes.Equal(ended, toCRLF(out)) {
		t.Fatalf("with CRLF: %v\n%q\n%q", err, ended, toCRLF(out))
	}
}

func checkSet(t *testing.T, h Host, out []byte, s Server, before int) {
	t.Helper()
	after, err := h.List(out)
	if err != nil || !has(after, s) || len(after) < before {
		t.Fatalf("%v: %q", err, out)
	}
	if again, err := h.Set(out, s, true); err != nil || !bytes.Equal(again, out) {
		t.Fatalf("not idempotent: %v\n%q\n%q", err, out, again)
	}
	back, err := h.Remove(out, s.Name)
	if errors.Is(err, ErrLayout) { // such as an anchor at the servers
		return
	}
	if err != nil {
		t.Fatalf("set, but not removed: %v\n%q", err, out)
	}
	if rest, err := h.List(back); err != nil || has(rest, s) {
		t.Fatalf("%v: %q", err, back)
	}
}

var seeds = map[Format][]string{
	JSON: {
		"", "{}", "[]", "null", "{\"servers\":{}}", "{\"servers\":{\n},}", "{//x\n}", "{/*x*/}", "{\"servers\":{/*x*/}/*y*/,//z\n}",
		"{\"servers\":{\"a\":{\"command\":\"npx\",\"args\":[\"mcp-remote\",\"u\"]}}}", "{\"servers\":{\"a\":1,\"a\":2}}",
		"{\n\"servers\": {\n\"x\": 1 // y\n, \"a\": 2 /* z */}}", "{\"servers\":null}", "{\"servers\":{\"a\":{},},}", "/", "{\"a\":\"\\", "\xff",
		"{\n\t\"servers\": {\n\t\t\"b\": {\"args\": [1,2,],},\n\t\t// c\n\t},\n}\n", "{\t\"servers\"\t:\t{\t\"b\"\t:\t1\t}\t}", "// only a comment", "{\"servers\":{\"b\":{\"url\":\"//x/*y*/\"}}} // {",
		"{\n  \"servers\": {\n    \"a\": {}, // one\n    \"b\": {} // two\n  }\n}\n",
	},
	TOML: {
		"", "[mcp_servers]", "[mcp_servers.a]", "mcp_servers = {}", "mcp_servers.a = {command='npx', args=['mcp-remote','u']}",
		"[[mcp_servers.a]]\nx=1", "[mcp_servers.a.env]\nx=1\n[b]\n[mcp_servers.a.more]\ny=2", "[mcp_servers.a]\ncommand='''x\n# y\n'''\n# c\n\n[z]\n",
		"[mcp_servers.b]\n# c", "x=[\n# y\n]", "\t[mcp_servers.b]\n\tcommand\t=\t'x'\t# c\n\n\t[z]\n", "[mcp_servers.b]\ncommand = \"\"\"\n[mcp_servers.a]\n\"\"\"\n", "[ mcp_servers . b ]\nx = {\n a = 1, # c\n}\n", "[mcp_servers]\na.command='x'\n[mcp_servers.a.env]\n",
	},
	YAML: {
		"", "extensions:", "extensions: {}", "extensions: # c\n", "extensions: ~\nx: y\n", "extensions:\n  a:\n    cmd: npx\n    args:\n    - mcp-remote\n    - u\n",
		"mcpServers:\n- name: a\n  command: npx\n  args: [mcp-remote, u]\n", "mcpServers:\n  -\n    name: a\n", "mcpServers: []\n", "mcpServers: [ {name: a} ]\n",
		"extensions:\n  x: |\n    # y\n\n\n  # c\nz: 1", "--- \nextensions:\n  x: 1\n...\n", "a: 1\n---\nb: 2\n", "x: &a\n  b: 1\nextensions: *a\n", "? extensions\n: x: 1\n",
		"extensions:\n\tx: 1\n", "extensions:\n  b:\t1\n  # c\n\nz: |\n  a:\n    b\n", "extensions:\n    b: >-\n      x\n      y\n\n    c: 'd\n      e'\n", "extensions:\n  ? a\n  : 1\n", "extensions: &b\n  a: 1\n", "{extensions: {}}", "extensions:\n  x: \"a\nb\"\n",
	},
}

func FuzzJSON(f *testing.F)     { fuzz(f, "vscode") }
func FuzzTOML(f *testing.F)     { fuzz(f, "codex") }
func FuzzGoose(f *testing.F)    { fuzz(f, "goose") }
func FuzzContinue(f *testing.F) { fuzz(f, "continue") }
