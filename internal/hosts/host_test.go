package hosts

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// A variable moves a file. Where the files are without, on each system, docs/clients.md
// shows, see TestDocumentedClients.
func TestAVariableMovesAFile(t *testing.T) {
	moved := System{OS: "linux", Home: "/home/ada", Getenv: func(name string) string {
		return map[string]string{
			"CODEX_HOME": "/x", "CLAUDE_CONFIG_DIR": "/y", "XDG_CONFIG_HOME": "/z", "CLINE_DATA_DIR": "/c", "COPILOT_HOME": "/p", "QWEN_HOME": "/q", "GEMINI_CLI_HOME": "/g",
		}[name]
	}}
	for id, want := range map[string]string{
		"claude-code": "/y/.claude.json",
		"zed":         "/z/zed/settings.json",
		"codex":       "/x/config.toml",
		"cline":       "/c/settings/cline_mcp_settings.json",
		"kilo":        "/z/kilo/kilo.json",
		"copilot-cli": "/p/mcp-config.json",
		"qwen":        "/q/settings.json",
		"gemini":      "/g/.gemini/settings.json",
	} {
		c, _ := Find(id)
		if got := c.Locations(moved); len(got) == 0 || got[0] != want {
			t.Errorf("%s: %q", id, got)
		}
	}
	for _, c := range All {
		if got := c.Locations(System{OS: "linux"}); len(got) > 0 {
			t.Errorf("%s without a home: %q", c.ID, got)
		}
	}
}

// A server goes into one file of each program that is here: the one it has, or the
// one it would make. With none here it is the usual place.
func TestAServerGoesIntoOneFileOfEachProgram(t *testing.T) {
	const vscode = "/h/.config/Code/User/globalStorage/saoudrizwan.claude-dev"
	const cli, extension = "/h/.cline/data/settings/cline_mcp_settings.json", vscode + "/settings/cline_mcp_settings.json"
	for _, tc := range []struct {
		id   string
		here []string
		want []string // and what is listed, where it is not the same
		list []string
	}{
		{"cline", nil, []string{cli}, []string{}},
		{"cline", []string{"/h/.config", "/h/.config/Code", "/h/.cline"}, []string{cli}, nil},
		{"cline", []string{vscode}, []string{extension}, nil},
		{"cline", []string{vscode, "/h/.cline", cli}, []string{cli, extension}, nil},
		{"kilo", []string{"/h/.config"}, []string{"/h/.config/kilo/kilo.json"}, []string{}},
		{"kilo", []string{"/h/.config/kilo"}, []string{"/h/.config/kilo/kilo.json"}, nil},
		{"kilo", []string{"/h/.config/kilo", "/h/.config/kilo/opencode.jsonc"}, []string{"/h/.config/kilo/opencode.jsonc"}, nil},
		{"kilo", []string{"/h/.config/kilo/kilo.jsonc", "/h/.config/kilo/config.json"}, []string{"/h/.config/kilo/kilo.jsonc"}, []string{"/h/.config/kilo/kilo.jsonc", "/h/.config/kilo/config.json"}},
		{"lm-studio", []string{"/h/.cache/lm-studio"}, []string{"/h/.cache/lm-studio/mcp.json"}, nil},
		{"claude-code", []string{"/h"}, []string{"/h/.claude.json"}, []string{}},
	} {
		c, _ := Find(tc.id)
		s := System{OS: "linux", Home: "/h", Exists: func(path string) bool { return slices.Contains(tc.here, path) }}
		if got := c.Written(s); !slices.Equal(got, tc.want) {
			t.Errorf("%s with %q: written %q", tc.id, tc.here, got)
		}
		if tc.list == nil {
			tc.list = tc.want
		}
		if got := c.Present(s); !slices.Equal(got, tc.list) {
			t.Errorf("%s with %q: listed %q", tc.id, tc.here, got)
		}
	}
}

// What a host cannot be told in its settings is in the entry, unless the person
// says otherwise.
func TestAnEntryHasTheFlagsOfItsHost(t *testing.T) {
	c, _ := Find("codex")
	for _, tc := range []struct{ flags, want string }{
		{"", "u --login-patience 0"},
		{"--profile work", "u --login-patience 0 --profile work"},
		{"--login-patience 5s", "u --login-patience 5s"},
		{"--debug --login-patience=5s", "u --debug --login-patience=5s"},
	} {
		if got := strings.Join(c.Entry("n", []string{"c"}, "u", strings.Fields(tc.flags)).Args, " "); got != tc.want {
			t.Errorf("%q: %q", tc.flags, got)
		}
	}
	for _, c := range All {
		fixedTools := slices.Contains([]string{"codex", "cline", "qwen"}, c.ID) // they never list tools again
		if got := c.Entry("n", []string{"c"}, "u", nil); len(got.Args) > 1 != fixedTools {
			t.Errorf("%s: %q", c.ID, got.Args)
		}
	}
}

func TestFindByAnySpelling(t *testing.T) {
	for name, id := range map[string]string{"VS Code": "vscode", "vs-code": "vscode", "Claude_Desktop": "claude-desktop", "lmstudio": "lm-studio", "zed": "zed", "Kilo CLI": "kilo", "kilocode": "kilo", "cline-cli": "cline"} {
		if c, ok := Find(name); !ok || c.ID != id {
			t.Errorf("%s: %s", name, c.ID)
		}
	}
	if _, ok := Find("emacs"); ok {
		t.Error("emacs is known")
	}
	ids := map[string]bool{}
	for _, c := range All {
		if ids[normalize(c.ID)] || ids[normalize(c.Title)] && normalize(c.Title) != normalize(c.ID) {
			t.Errorf("%s stands for two", c.ID)
		}
		ids[normalize(c.ID)], ids[normalize(c.Title)] = true, true
	}
}

// Every operation refuses a broken file, and no error holds its content.
func TestBrokenFilesAreRefused(t *testing.T) {
	for id, texts := range map[string][]string{
		"cursor": {
			`{"mcpServers": {"s3cret": `, `{"mcpServers": {} "s3cret": 1}`, `[]`, `{"s3cret": 1, "s3cret": 2}`, "{\"s3cret\": \"\xff\"}",
			strings.Repeat(`{"s3cret":`, 20_000), "{} s3cret", `{/* s3cret }`, `{'s3cret': 1}`, "\x00s3cret", `{"a": 01}`, `<<<<<<< s3cret`, `{,}`, `{"a": [1,,2]}`,
		},
		"codex":    {"s3cret", "[mcp_servers", "a = 1\na = 2 # s3cret", "[a]\n[a]", "x = \"s3cret", "\xff = 1"},
		"continue": {"a: b: s3cret", "- s3cret", "a: 1\na: 2", "\"s3cret", "a: [s3cret", "\tx: s3cret", "s3cret"},
	} {
		c, _ := Find(id)
		for _, text := range texts {
			_, errList := c.List([]byte(text))
			_, errSet := c.Set([]byte(text), sample, true)
			_, _, errRewrite := c.Rewrite([]byte(text), []string{"mcp-login"}, nil)
			_, errRemove := c.Remove([]byte(text), "x")
			for _, err := range []error{errList, errSet, errRewrite, errRemove} {
				if !errors.Is(err, ErrBroken) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s: %q: %v", id, text, err)
				}
			}
		}
	}
}

// Valid files that cannot be edited safely are refused with ErrLayout.
func TestUnsafeLayoutsAreRefused(t *testing.T) {
	for id, texts := range map[string][]string{
		"cursor":   {`{"mcpServers": null}`, `{"mcpServers": []}`, `{"mcpServers": "x"}`},
		"codex":    {"mcp_servers = {}", "[mcp_servers]\n\"new one\".command = 'x'", "[mcp_servers]\n\"new one\" = {command = 'x'}", "[[mcp_servers.\"new one\"]]\nx=1"},
		"continue": {"mcpServers: {a: 1}", "mcpServers: [{name: a}]", "{mcpServers: []}", "mcpServers:\n  a: 1", "a: 1\n---\nb: 2\n", "a: &x []\nmcpServers: *x\n"},
		"goose":    {"extensions: [a]", "extensions: {a: {cmd: x}}", "extensions:\n  - a", "x: 1\n..."},
	} {
		c, _ := Find(id)
		for _, text := range texts {
			if out, err := c.Set([]byte(text), sample, true); !errors.Is(err, ErrLayout) {
				t.Errorf("%s: %q: %v\n%s", id, text, err, out)
			}
		}
	}
	c, _ := Find("cursor")
	for _, s := range []Server{{}, {Name: "x"}, {Name: "x", Command: "y", Args: []string{"\xff"}}, {Name: "a\x00", Command: "x"}} {
		if _, err := c.Set(nil, s, true); err == nil {
			t.Errorf("%+v", s)
		}
	}
	for _, text := range []string{"{}", "", "\n"} { // a program may make its file empty
		if _, err := c.Remove([]byte(text), "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What to paste reads back as what was given, for every host.
func TestSnippetReadsBack(t *testing.T) {
	for _, c := range All {
		b, err := c.Snippet(sample)
		if err != nil {
			t.Errorf("%s: %v", c.ID, err)
			continue
		}
		if got, err := c.List(b); err != nil || len(got) != 1 || !has(got, sample) {
			t.Errorf("%s: %v\n%s", c.ID, err, b)
		}
		fresh, err := c.Set(nil, sample, false)
		if got, err2 := c.List(fresh); err != nil || err2 != nil || !has(got, sample) {
			t.Errorf("%s: %v, %v\n%s", c.ID, err, err2, fresh)
		}
	}
}

// Whatever the words of an entry are, they come back as they were, in every
// format, and go again without a trace.
func TestAnyWordsReadBack(t *testing.T) {
	files := corpus(t)
	text := func(t *rapid.T, name string) string {
		return rapid.OneOf(
			rapid.StringMatching(`[a-zA-Z0-9 ._~/:@\\-]{0,12}`), rapid.String(),
			rapid.SampledFrom([]string{"null", "~", "yes", "NO", "On", "1e3", "0x1f", "- a", "a: b", "a #b", "'", `"`, "|", "&a", "*a", "!t", "%", "{", "[", "a\nb", "\t", "2001-01-01", "\u0085", "\u2028", "\ufeff", "\x7f", "<<", "=", "---", "..."}),
		).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }).Draw(t, name)
	}
	names := slices.Sorted(maps.Keys(files))
	rapid.Check(t, func(rt *rapid.T) {
		file := rapid.SampledFrom(names).Draw(rt, "file")
		c, data := files[file], read(t, file)
		s := Server{Name: text(rt, "name"), Command: text(rt, "command")}
		for range rapid.IntRange(0, 3).Draw(rt, "n") {
			s.Args = append(s.Args, text(rt, "arg"))
		}
		before, err := c.List(data)
		if err != nil {
			rt.Fatal(err)
		}
		if s.valid() != nil || slices.ContainsFunc(before, func(x Server) bool { return x.Name == s.Name }) {
			return
		}
		out, err := c.Set(data, s, false)
		if err != nil {
			rt.Fatalf("%s: %v: %+q", file, err, s)
		}
		if after, err := c.List(out); err != nil || !has(after, s) {
			rt.Fatalf("%s: %v: %+q\n%s", file, err, s, out)
		}
		if back, err := c.Remove(out, s.Name); err != nil || len(before) > 0 && !bytes.Equal(back, data) {
			rt.Fatalf("%s: %v: %+q\n%q\n%q", file, err, s, out, back)
		}
	})
}

// Any JSON with any layout, comments and trailing commas: what is added is one
// piece, and taking it out gives every byte back.
func TestSetAndRemoveRestoreAnyJSON(t *testing.T) {
	c, _ := Find("vscode")
	rapid.Check(t, func(t *rapid.T) {
		servers := anyObject(t, "servers", 1+rapid.IntRange(0, 3).Draw(t, "n"), 2)
		text := gap(t) + "{" + gap(t) + `"before":` + gap(t) + anyValue(t, 2) + gap(t) + "," + gap(t) +
			`"servers":` + gap(t) + servers + gap(t) + rapid.SampledFrom([]string{"", ",", `,"after":1`}).Draw(t, "end") + gap(t) + "}" + gap(t)
		data := []byte(text)
		out, err := c.Set(data, sample, false)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if !isSupersequence(out, data) {
			t.Fatalf("bytes were lost:\n%s\n%s", text, out)
		}
		back, err := c.Remove(out, sample.Name)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		if !bytes.Equal(back, data) {
			t.Fatalf("not given back:\n%q\n%q\n%q", text, out, back)
		}
		listed, err := c.List(data)
		if err != nil {
			t.Fatal(err)
		}
		if i := rapid.IntRange(0, len(listed)).Draw(t, "which"); i < len(listed) && len(listed) > 0 {
			rest, err := c.Remove(data, listed[i].Name)
			if err != nil {
				t.Fatalf("%s: %v\n%s", listed[i].Name, err, data)
			}
			if left, err := c.List(rest); err != nil || !slices.EqualFunc(left, slices.Delete(listed, i, i+1), same) {
				t.Fatalf("%v\n%s\n%s", err, text, rest)
			}
		}
	})
}

// gap is what may stand between two tokens.
func gap(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"", "", " ", "\n", "\n  ", "\t", "/* a, \"b\" } */", " // c } ,\n", "/*\n*/"}), 0, 3).Draw(t, "gap"), "")
}

func anyValue(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "deeper") {
		return anyObject(t, "k", rapid.IntRange(0, 2).Draw(t, "n"), depth-1)
	}
	return rapid.SampledFrom([]string{"1.0", "null", `"x, // } \" "`, "[]", "[1 , 2]", "[\n{} // x\n,]"}).Draw(t, "value")
}

func anyObject(t *rapid.T, kind string, n, depth int) string {
	var members []string
	for i := range n {
		value := anyValue(t, depth)
		if kind == "servers" {
			value = "{" + gap(t) + `"command":` + gap(t) + `"npx",` + gap(t) + `"args":["x"` + gap(t) + rapid.SampledFrom([]string{"", ","}).Draw(t, "comma") + "]" + gap(t) + "}"
		}
		members = append(members, gap(t)+`"m`+string(rune('a'+i))+`"`+gap(t)+":"+gap(t)+value+gap(t))
	}
	end := ""
	if n > 0 {
		end = rapid.SampledFrom([]string{"", ","}).Draw(t, "end")
	}
	return "{" + strings.Join(members, ",") + end + gap(t) + "}"
}

// An entry that switches the check of certificates off is told from others, in every
// format and under every name that hosts have for variables.
func TestEntriesThatCheckNoCertificatesAreTold(t *testing.T) {
	const args = `"args":["mcp-remote","https://a.example/mcp"]`
	for text, want := range map[string]bool{
		`cursor {"mcpServers":{"x":{"command":"npx",` + args + `,"env":{"A":"1","NODE_TLS_REJECT_UNAUTHORIZED":"0"}}}}`:                                               true,
		`cursor {"mcpServers":{"x":{"command":"npx",` + args + `,"env":{"NODE_TLS_REJECT_UNAUTHORIZED":0}}}}`:                                                         true,
		`cursor {"mcpServers":{"x":{"command":"npx",` + args + `,"env":{"NODE_TLS_REJECT_UNAUTHORIZED":"1"}}}}`:                                                       false,
		`cursor {"mcpServers":{"x":{"command":"npx",` + args + `,"env":"NODE_TLS_REJECT_UNAUTHORIZED"}}}`:                                                             false,
		`cursor {"mcpServers":{"x":{"command":"npx",` + args + `}}}`:                                                                                                  false,
		`opencode {"mcp":{"x":{"type":"local","command":["npx","mcp-remote","https://a.example/mcp"],"environment":{"NODE_TLS_REJECT_UNAUTHORIZED":"0"}}}}`:           true,
		"codex [mcp_servers.x]\ncommand = \"npx\"\nargs = [\"mcp-remote\", \"https://a.example/mcp\"]\n[mcp_servers.x.env]\nNODE_TLS_REJECT_UNAUTHORIZED = \"0\"\n":   true,
		"codex [mcp_servers.x]\ncommand = \"npx\"\nargs = [\"mcp-remote\", \"https://a.example/mcp\"]\nenv = { NODE_TLS_REJECT_UNAUTHORIZED = \"0\" }\n":              true,
		"goose extensions:\n  x:\n    cmd: npx\n    args:\n      - mcp-remote\n      - https://a.example/mcp\n    envs:\n      NODE_TLS_REJECT_UNAUTHORIZED: \"0\"\n": true,
		"goose extensions:\n  x:\n    cmd: npx\n    args:\n      - mcp-remote\n      - https://a.example/mcp\n    envs:\n      NODE_TLS_REJECT_UNAUTHORIZED: 0\n":     true,
	} {
		id, data, _ := strings.Cut(text, " ")
		h, _ := Find(id)
		_, all, err := h.Rewrite([]byte(data), []string{"mcp-login"}, nil)
		if err != nil || len(all) != 1 || all[0].Skipped != "" || all[0].Unchecked != want {
			t.Errorf("%s: %+v, %v", text, all, err)
		}
	}
}
