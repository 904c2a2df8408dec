package canary

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Results, progress and errors in which the harm is hidden in the encoding: escapes
// of JSON, halves of surrogate pairs, numbers that are none, what overwrites.
func TestAnswersWithEncodedEscapes(t *testing.T) {
	t.Parallel()
	text := func(s string) string { return `{"content":[{"type":"text","text":"CANARY` + s + `"}]}` }
	for name, result := range map[string]string{
		"an escape of JSON":       text(`\u001b]52;c;eA==\u0007\u009b2J`),
		"an escape in an escape":  text(`\\u001b[2J\\\u001b[2J`),
		"half a pair":             text(`\ud800 \udc41`),
		"a pair of a tag":         text(`\udb40\udc41`),
		"overwriting":             text(`\rmcp\b\b\b\u007f\u000b\u000c`),
		"a link of a terminal":    text(`\u001b]8;;https://evil.example\u001b\\CLICK\u001b]8;;\u0007`),
		"annotation and music":    text(`\ufff9a\ufffab\ufffb\ud834\udd73\u1160\u3164\uffa0`),
		"a flood of marks":        text(strings.Repeat(`\u0301`, 5000)),
		"a key of structure":      `{"content":[],"structuredContent":{"CANARY\u001b[2J\ud800":1e999,"\u202e":[-0]}}`,
		"a raw key of structure":  `{"content":[],"structuredContent":{"CANARY` + "\u009b\u202e" + `":"` + "\u200b" + `"}}`,
		"an image":                `{"content":[{"type":"image","mimeType":"CANARY\u001b[2J","data":"` + strings.Repeat("A", 1<<12) + `"}]}`,
		"a link with a script":    `{"content":[{"type":"resource_link","uri":"javascript:CANARY\u001b[2J\u202e","name":"\u001b"}]}`,
		"a type that is no text":  `{"content":[{"type":7,"text":["CANARY\u001b"]}]}`,
		"an error that is no one": `{"content":"CANARY\u001b[2J","isError":"\u001b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.results["tools/call"] = result
			wide := strings.Repeat("\u231a", 40) + forged
			for i, progress := range []string{`1e999`, `-1e308`, `0.1`, `"x"`} {
				before := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":` + progress + `,"total":1e-320,"message":` + quoted(wide) + `}}`
				if l.before["tools/call"] += before; i < 3 {
					l.before["tools/call"] += "\n\ndata: "
				}
			}
			l.look("call", l.url(), "t")
			l.look("call", "--json", l.url(), "t")
		})
	}
}

// What a person types, and where things are, reaches the terminal past no filter
// either: completion, help, unknown words and flags, folders with escapes.
func TestTypedWordsAreFiltered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	word := strings.ReplaceAll(canary, "\x00", "")
	for _, args := range [][]string{
		{"__complete", word, ""},
		{"__complete", "tools", "--" + word},
		{"__complete", "tools", "--store", word, "--x" + word, ""},
		{"__completeNoDesc", "-" + word, ""},
		{"completion", word},
		{"completion", "bash", "--" + word},
		{"help", word},
		{"help", "config", word},
		{"login", "--json=" + word, "https://x"},
		{"login", "--timeout", word, "https://x"},
		{"-" + word},
		{"config", word, "https://x"},
		{"call", l.url(), word, "--arg", word},
		{"import", word},
	} {
		l.look(args...)
	}
	for _, name := range []string{"HOME", "MCP_LOGIN_DIR", "MCP_LOGIN_BROWSER", "BROWSER", "MCP_LOGIN_CA_FILE", "MCP_LOGIN_CLIENT_CERT", "MCP_LOGIN_LOG", "MCP_LOGIN_ISSUER", "HTTP_PROXY", "NODE_EXTRA_CA_CERTS", "MCP_LOGIN_STORE", "SSH_CONNECTION"} {
		for _, verb := range [][]string{{"doctor"}, {"doctor", l.url()}, {"status"}, {"login", "--help"}} {
			cmd := l.command(verb...)
			cmd.Env = append(cmd.Env, name+"="+filepath.Join(l.dir, word))
			check(t, name+" "+strings.Join(verb, " "), onTerminal(t, cmd).all(), false)
		}
	}
}

// Configurations of strangers that bite those who read them: nesting, aliases that
// multiply, links, devices, names with escapes. All end at once, in bounds.
func TestHostileConfigurationsEndAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
	for i := '1'; i <= '9'; i++ {
		before := "*a" + string(i-1)
		bomb += "a" + string(i) + ": &a" + string(i) + " [" + strings.Repeat(before+",", 8) + before + "]\n"
	}
	for _, file := range []struct{ client, name, content string }{
		{"cursor", "deep.json", strings.Repeat(`{"mcpServers":`, 100_000)},
		{"cursor", "list.json", strings.Repeat(`[`, 1_000_000)},
		{"vscode", "comment.json", strings.Repeat("/*", 200_000)},
		{"cursor", "bytes.json", "{\"mcpServers\":{\"\x9b2J\xff\":{\"command\":\"\x1b\"}}}"},
		{"cursor", "half.json", `{"mcpServers":{"\ud800\u001b]52;":{"url":"https://x/\udc00\u009b"}}}`},
		{"goose", "bomb.yaml", bomb + "extensions: *a9\n"},
		{"goose", "self.yaml", "extensions: &a {x: *a}\n"},
		{"goose", "deep.yaml", "extensions: " + strings.Repeat("[", 50_000)},
		{"goose", "escape.yaml", "extensions: {\"\\e]52;c\\a\\x9b\\u202e\": {type: stdio, cmd: \"\\e[2J\"}}\n"},
		{"codex", "deep.toml", "mcp_servers = " + strings.Repeat("[", 50_000)},
		{"codex", "dots.toml", "[mcp_servers" + strings.Repeat(".a", 50_000) + "]\n"},
		{"codex", "escape.toml", "[mcp_servers.\"\\u001b[2J\\u009b\"]\ncommand = \"\\u202e\"\n"},
		{"cursor", "name\x1b[2J\n" + forged + ".json", "{"},
	} {
		t.Run(strings.ToValidUTF8(file.name[:8], ""), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(l.dir, file.name)
			if err := os.WriteFile(path, []byte(file.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{
				{"config", "--list", file.client, "--file", path},
				{"config", "--from-mcp-remote", file.client, "--file", path, "--json"},
				{"config", file.client, "https://example.com/mcp", "--file", path, "--write"},
			} {
				cmd := l.command(args...)
				check(t, file.name, onTerminal(t, cmd).all(), false)
			}
		})
	}
}

// A window of any width: the real one is asked, and no row of it begins with a
// stranger's words.
func TestWindowOfAnyWidth(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.errors["tools/call"] = `{"code":-32000,"message":` + quoted(strings.Repeat("x", 30)+" "+strings.Repeat(forged+" ", 20)) + `}`
	l.look("login", l.url())
	for _, columns := range []uint16{0, 1, 40, 80} {
		cmd := l.command("call", l.url(), "t")
		text := inWindow(t, cmd, columns).all()
		if !strings.Contains(text, forged) && columns != 40 {
			t.Errorf("%d columns: %q", columns, text)
		}
		for line := range strings.Lines(text) {
			if columns >= 40 && strings.Contains(line, "xxx") && len(strings.TrimSpace(line)) > int(columns) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
}
